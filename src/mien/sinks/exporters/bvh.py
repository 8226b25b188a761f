"""The head and the eyes as BVH, for programs that take skeletons and no shapes.

One root joint "Head" with position and rotation, joints "LeftEye" and "RightEye" below it. Centimetres and degrees;
y up, z out of the face, x to the subject's left. Positions count from the first frame's. BVH has one step of time for
the whole file: an uneven take (dropped frames, variable rate) is sampled anew at its own rate, between frames linearly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
from pydantic import Field

from mien.core.arrays import Float32, Float64
from mien.core.geometry import FRONTAL, euler_from_rotation, rotation_from_quaternion
from mien.sinks.exporters.clip import Clip, ClipOptions, Recorded, clips, number
from mien.sinks.exporters.whole_file import written_text

EVEN_S = 0.0005
"""A take whose stamps are this near to even ones is written frame by frame."""

_HIERARCHY = """\
HIERARCHY
ROOT Head
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Yrotation Xrotation Zrotation
  JOINT LeftEye
  {
    OFFSET 3.15 0 0
    CHANNELS 3 Yrotation Xrotation Zrotation
    End Site
    {
      OFFSET 0 0 2.5
    }
  }
  JOINT RightEye
  {
    OFFSET -3.15 0 0
    CHANNELS 3 Yrotation Xrotation Zrotation
    End Site
    {
      OFFSET 0 0 2.5
    }
  }
}
"""


class BvhOptions(ClipOptions):
    """What moves."""

    position: bool = Field(default=True, description="move the head; False = turn it only")


def export(take: Recorded, path: Path, *, track_id: int | None = None, options: BvhOptions | None = None) -> list[Path]:
    """Write one file for everyone worth a file.

    Args:
        take: what to write.
        path: file of the main person.
        track_id: only this face.
        options: see `BvhOptions`.

    Returns:
        The files, the main person's first.

    Raises:
        SinkError: a file cannot be written. SourceError: the take is damaged.
    """
    options = options or BvhOptions()
    made = []
    for target, clip in clips(take, path, track_id, smooth=options.smooth, lost=options.lost):
        with written_text(target) as file:
            _write(file, clip, options)
        made.append(target)
    return made


cast(Any, export).Options = BvhOptions


def _write(file: TextIO, clip: Clip, options: BvhOptions) -> None:
    place_cm = places_cm(clip) if options.position else np.zeros((len(clip), 3))
    turned = (clip.head_xyzw, clip.left_eye_xyzw, clip.right_eye_xyzw)
    rows = np.hstack([place_cm, *(angles_yxz(q) for q in turned)])
    step_s, rows = even_rows(clip.times_s, rows, clip.rate_hz)
    file.write(_HIERARCHY + f"MOTION\nFrames: {len(rows)}\nFrame Time: {step_s:.9f}\n")
    for row in rows.tolist():
        file.write(" ".join(number(v) for v in row) + "\n")


def even_rows(times_s: Float64, rows: Float64, rate_hz: float) -> tuple[float, Float64]:
    """The step and the rows at even times."""
    if len(rows) == 1:
        return 1.0 / rate_hz, rows
    step = float(times_s[-1]) / (len(rows) - 1)
    if np.abs(times_s - step * np.arange(len(rows))).max() <= EVEN_S:
        return step, rows
    count = round(float(times_s[-1]) * rate_hz) + 1
    step = 1.0 / rate_hz
    at = np.minimum(np.arange(count) * step, times_s[-1])
    return step, np.stack([np.interp(at, times_s, column) for column in rows.T], axis=1)


def angles_yxz(xyzw: Float32) -> Float64:
    """(T, 3) degrees of the rotation Ry · Rx · Rz, without jumps of 360."""
    angles = np.asarray([euler_from_rotation(FRONTAL @ rotation_from_quaternion(q)) for q in xyzw], np.float64)
    yaw, pitch, roll = np.radians(angles.reshape(-1, 3)).T
    unwrapped: Float64 = np.degrees(np.unwrap(np.stack([yaw, -pitch, roll], axis=1), axis=0))
    return unwrapped


def places_cm(clip: Clip) -> Float64:
    """(T, 3) position of the head relative to the first, in the axes of a frontal head; 0 where never known."""
    place = clip.head_translation_mm.astype(np.float64)
    if not np.isfinite(place).all():
        return np.zeros((len(clip), 3))
    moved: Float64 = (place - place[:1]) @ FRONTAL / 10.0
    return moved

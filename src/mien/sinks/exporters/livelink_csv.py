"""The take as the CSV that the Live Link Face app records: 52 ARKit shapes and nine rotations per frame.

The main face (seen in the most frames) goes to the file asked for, every other that was seen in at least 5 % of
its frames to a file with its track id before the ending. Frames without the face repeat its last pose (or fade), so
that the file has no holes in time. Weights are as measured: mouthClose too, which other formats keep below jawOpen.

HeadYaw, HeadPitch and HeadRoll are relative to the line of sight (`core.geometry.apparent_rotation`): 0 = the
camera sees the face from the front, wherever it is in the picture. Those of `take.csv` are in the camera's frame.

The signs of the eyes are those measured in real recordings (pitch + = down, yaw + = to the subject's right).
The app's signs for the head are not documented: yaw and pitch follow the eyes, roll + = to the subject's right
shoulder; each can be turned round in the options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mien.animate.performance import Performance, performances
from mien.animate.smooth import calmed
from mien.core.arrays import Float64
from mien.core.geometry import FRONTAL, euler_from_rotation, rotation_from_quaternion
from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S
from mien.sinks.exporters.clip import ClipOptions
from mien.sinks.exporters.people import worth_a_file
from mien.sinks.exporters.whole_file import written_text
from mien.take.reader import Take

Sign = Literal[-1, 1]

RATE = 60
"""Frames per second of the timecode; a sub-frame is a thousandth of one."""

_ROTATIONS = tuple(f"{part}{axis}" for part in ("Head", "LeftEye", "RightEye") for axis in ("Yaw", "Pitch", "Roll"))
_SWAPPED = {"JawLeft": "JawRight", "JawRight": "JawLeft", "MouthLeft": "MouthRight", "MouthRight": "MouthLeft"}


class LiveLinkOptions(ClipOptions):
    """Signs relative to Mien's own: yaw + to the subject's left, pitch + up, roll + to the right shoulder.

    The head is turned relative to the line of sight, not in the camera's frame as in `take.csv`.
    """

    head_yaw_sign: Sign = Field(
        default=-1,
        description="-1: HeadYaw + = turned to the subject's right of the line of sight (not of the camera's axis)",
    )
    head_pitch_sign: Sign = Field(default=-1, description="-1: HeadPitch + = looks down from the line of sight")
    head_roll_sign: Sign = Field(default=1, description="1: HeadRoll + = tilted to the subject's right shoulder")
    eye_yaw_sign: Sign = Field(default=-1, description="-1: eye yaw + = to the subject's right, as in the app's files")
    eye_pitch_sign: Sign = Field(default=-1, description="-1: eye pitch + = down, as in the app's files")
    swap_mouth_sides: bool = Field(
        default=False, description="exchange MouthLeft and MouthRight, as some versions of the app seem to"
    )


def export(
    take: Take, path: Path, *, track_id: int | None = None, options: LiveLinkOptions | None = None
) -> list[Path]:
    """Write one CSV per face.

    Args:
        take: what to write.
        path: file of the main face.
        track_id: only this face, into `path`; None = all that are worth a file (see the module).
        options: signs.

    Returns:
        The files, the main face's first.

    Raises:
        SinkError: a file cannot be written. SourceError: the take is damaged.
    """
    options = options or LiveLinkOptions()
    every = performances(take.records(), lost=options.lost, only=track_id)
    out = []
    for place, one in enumerate(worth_a_file(every)):
        target = path if place == 0 else path.with_name(f"{path.stem}.{one.track_id}{path.suffix}")
        _write(calmed(one) if options.smooth else one, target, options, live=take.header.source.clock == "monotonic")
        out.append(target)
    return out


cast(Any, export).Options = LiveLinkOptions


def column_names() -> list[str]:
    """The 61 value columns in the order of the app's files: right before left for jaw and mouth shifts."""
    names = [n[0].upper() + n[1:] for n in load_schema("arkit52").names]
    return [_SWAPPED.get(n, n) for n in names] + list(_ROTATIONS)


def timecode(t_ns: int) -> str:
    """HH:MM:SS:FF.sss, FF on a base of 60 frames per second, sss thousandths of a frame."""
    total = round(t_ns * RATE * 1000 / NS_PER_S)
    frames, sub = divmod(total, 1000)
    s, ff = divmod(frames, RATE)
    return f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}:{ff:02d}.{sub:03d}"


def _write(one: Performance, path: Path, options: LiveLinkOptions, *, live: bool) -> None:
    names = column_names()
    shapes = [n[0].upper() + n[1:] for n in load_schema("arkit52").names]
    taken = [_SWAPPED[n] if options.swap_mouth_sides and n in ("MouthLeft", "MouthRight") else n for n in names[:52]]
    order = [shapes.index(n) for n in taken]
    zero = int(one.t_ns[0]) if live and len(one) else 0
    rotations = np.hstack(
        [
            _angles(one.head_xyzw, (options.head_yaw_sign, options.head_pitch_sign, options.head_roll_sign)),
            _angles(one.left_eye_xyzw, (options.eye_yaw_sign, options.eye_pitch_sign, 1)),
            _angles(one.right_eye_xyzw, (options.eye_yaw_sign, options.eye_pitch_sign, 1)),
        ]
    )
    with written_text(path) as file:
        file.write(",".join(["Timecode", "BlendShapeCount", *names]) + "\n")
        for t_ns, weights, turned in zip(one.t_ns.tolist(), one.weights[:, order], rotations, strict=True):
            values = np.concatenate([np.clip(weights, 0, 1).astype(np.float64), turned]) + 0.0
            numbers = ",".join(f"{v:.10f}" for v in values.tolist())
            file.write(f"{timecode(t_ns - zero)},{len(values)},{numbers}\n")


def _angles(xyzw: npt.NDArray[np.float32], signs: tuple[int, int, int]) -> Float64:
    """(T, 4) quaternions → (T, 3) yaw, pitch, roll, radians."""
    turned = [euler_from_rotation(FRONTAL @ rotation_from_quaternion(q)) for q in xyzw]
    radians: Float64 = np.radians(np.asarray(turned, np.float64).reshape(-1, 3)) * np.asarray(signs, np.float64)
    return radians

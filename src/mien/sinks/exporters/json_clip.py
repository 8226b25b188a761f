"""A take as plain JSON: one object per person, for scripts in any language.

Weights are 0–1, rotations are unit quaternions x, y, z, w in the head frame (x to the subject's left, y up, z out of
the face), relative to the line of sight; translations are mm in the camera's frame (null = never known). `found` tells
where the face was seen; elsewhere the last values are repeated, or null if so asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from pydantic import Field

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.sinks.exporters.clip import Clip, ClipOptions, Recorded, clips
from mien.sinks.exporters.whole_file import written_text

FORMAT = "mien clip 1"


class JsonOptions(ClipOptions):
    """Smoothing, and what becomes of a lost face."""

    lost: Literal["hold", "fade", "nan"] = Field(  # type: ignore[assignment]
        default="hold", description="a lost face is held, fades to neutral, or is null (nan)"
    )


def export(
    take: Recorded, path: Path, *, track_id: int | None = None, options: JsonOptions | None = None
) -> list[Path]:
    """Write one file for everyone worth a file.

    Args:
        take: what to write.
        path: file of the main person.
        track_id: only this face.
        options: see `JsonOptions`.

    Returns:
        The files, the main person's first.

    Raises:
        SinkError: a file cannot be written. SourceError: the take is damaged.
    """
    options = options or JsonOptions()
    made = []
    for target, clip in clips(take, path, track_id, smooth=options.smooth, lost=options.lost):
        with written_text(target) as file:
            head, frames = _table(clip)
            file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "frames": [\n')
            for place, frame in enumerate(frames):
                file.write(json.dumps(frame, allow_nan=False) + (",\n" if place < len(frames) - 1 else "\n"))
            file.write("]}\n")
        made.append(target)
    return made


cast(Any, export).Options = JsonOptions


def _table(clip: Clip) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head = {
        "generator": "mien",
        "format": FORMAT,
        "track_id": clip.track_id,
        "rate_hz": clip.rate_hz,
        "names": list(load_schema("arkit52").names),
    }
    rows = zip(
        clip.times_s.tolist(),
        clip.found.tolist(),
        _rounded(clip.weights),
        _rounded(clip.head_xyzw),
        _rounded(clip.left_eye_xyzw),
        _rounded(clip.right_eye_xyzw),
        _rounded(clip.head_translation_mm),
        strict=True,
    )
    keys = ("time_s", "found", "weights", "head_xyzw", "left_eye_xyzw", "right_eye_xyzw", "head_mm")
    frames = [dict(zip(keys, row, strict=True)) for row in rows]
    for frame in frames:
        frame["time_s"] = round(frame["time_s"], 9)
        for key in keys[2:]:
            frame[key] = frame[key] if np.isfinite(frame[key]).all() else None
    return head, frames


def _rounded(values: Float32) -> list[list[float]]:
    rows: list[list[float]] = np.round(values.astype(np.float64), 6).tolist()
    return rows

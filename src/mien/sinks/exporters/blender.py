"""A take as a Python script for Blender: keys on the shape keys of the selected meshes, and on head and eye objects.

The script brings its data along and works with the three ways in which Blender keeps curves: channel bags of layered
actions (5.0 and later), `action.fcurves` (up to 4.5), and `keyframe_insert` where neither is there.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import Field

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.sinks.exporters.clip import Clip, ClipOptions, Recorded, clips, never_moves
from mien.sinks.exporters.whole_file import written_text


class BlenderOptions(ClipOptions):
    """What the script turns besides the shape keys."""

    head: str = Field(default="", description="object that is turned with the head; empty = none")
    left_eye: str = Field(default="", description="object that is turned with the subject's left eye; empty = none")
    right_eye: str = Field(default="", description="object that is turned with the subject's right eye; empty = none")


def export(
    take: Recorded, path: Path, *, track_id: int | None = None, options: BlenderOptions | None = None
) -> list[Path]:
    """Write one script for everyone worth a file.

    Args:
        take: what to write.
        path: script of the main person.
        track_id: only this face.
        options: see `BlenderOptions`.

    Returns:
        The files, the main person's first.

    Raises:
        SinkError: a file cannot be written. SourceError: the take is damaged.
    """
    options = options or BlenderOptions()
    template = (files("mien.sinks.exporters") / "scripts" / "blender_keys.py.txt").read_text(encoding="utf-8")
    made = []
    for target, clip in clips(take, path, track_id, smooth=options.smooth, lost=options.lost):
        data = json.dumps(_data(clip, options), separators=(",", ":"), ensure_ascii=True)
        with written_text(target) as file:
            # Twice quoted: the script reads the text as JSON, which is quicker than compiling a large literal.
            file.write(template.replace('"@DATA@"', repr(data)))
        made.append(target)
    return made


cast(Any, export).Options = BlenderOptions


def _data(clip: Clip, options: BlenderOptions) -> dict[str, Any]:
    names = load_schema("arkit52").names
    turned = {
        options.head: clip.head_xyzw,
        options.left_eye: clip.left_eye_xyzw,
        options.right_eye: clip.right_eye_xyzw,
    }
    return {
        "times_s": np.round(clip.times_s, 6).tolist(),
        "shapes": {name: _values(clip.weights[:, column]) for column, name in enumerate(names)},
        "turns": {name: _blender_wxyz(xyzw) for name, xyzw in turned.items() if name},
    }


def _values(values: Float32) -> list[float]:
    """One value for a curve that never moves, else all."""
    kept = values[:1] if never_moves(values) else values
    return [float(v) for v in np.round(kept.astype(np.float64), 5)]


def _blender_wxyz(xyzw: Float32) -> list[list[float]]:
    """Quaternions w, x, y, z in Blender's axes: x stays, our y (up) is its z, our z (out of the face) its -y."""
    x, y, z, w = xyzw.astype(np.float64).T
    rows: list[list[float]] = np.round(np.stack([w, x, -z, y], axis=1), 6).tolist()
    return rows

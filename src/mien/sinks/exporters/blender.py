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

from mien.animate.curves import Keys
from mien.animate.turns import continuous
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.sinks.exporters.clip import Clip, Recorded, clips, never_moves
from mien.sinks.exporters.keyed import KeyedOptions
from mien.sinks.exporters.whole_file import written_text


class BlenderOptions(KeyedOptions):
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
    fewer = options.fewer(straight=False)
    shapes: dict[str, Any] = {}
    turns: dict[str, Any] = {}
    for column, name in enumerate(names):
        values = clip.weights[:, column]
        shapes[name] = _values(values) if fewer is None else _few(fewer.curve(clip.times_s, values))
    for name, xyzw in turned.items():
        if name:
            wxyz = continuous(xyzw) @ _WXYZ
            turns[name] = np.round(wxyz, 6).tolist() if fewer is None else _few(fewer.turns(clip.times_s, wxyz))
    return {"times_s": np.round(clip.times_s, 6).tolist(), "shapes": shapes, "turns": turns}


def _values(values: Float32) -> list[float]:
    """One value for a curve that never moves, else all."""
    kept = values[:1] if never_moves(values) else values
    return [float(v) for v in np.round(kept.astype(np.float64), 5)]


def _few(keys: Keys) -> dict[str, Any]:
    """Times, values, and slopes per second before and behind each key."""
    rows = {"t": keys.times_s, "v": keys.values, "in": keys.in_slopes, "out": keys.out_slopes}
    return {name: np.round(row, 6).tolist() for name, row in rows.items()}


_WXYZ = np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0], [1, 0, 0, 0]], np.float64)
"""x, y, z, w → w, x, y, z in Blender's axes: x stays, our y (up) is its z, our z (out of the face) its -y."""

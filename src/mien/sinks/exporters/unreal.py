"""A take for Unreal Engine: rich curves as JSON, a curve table as CSV, and an editor script that makes the curves.

    take.unreal.json   one rich curve per shape: keys with InterpMode RCIM_Cubic and TangentMode RCTM_Auto. The names of
                       the fields are those of the engine's own keys; the file as a whole is read by the script.
    take.unreal.csv    a CurveTable, for the import dialog: times in the first row, one curve per row.
    take.unreal.py     run in the editor (File > Execute Python Script) with an AnimSequence selected: adds the curves.

Tangents are value per second, through the neighbouring keys, as the engine's automatic tangents are. A curve that
never moves has one key. Names are Live Link's (EyeBlinkLeft) or, on request, MetaHuman's raw controls. With a tolerance
the JSON holds few keys with tangents of their own (RCTM_Break), and `frames_s`: the script, which cannot set tangents,
samples them there. The table has one column per frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TextIO, cast

import numpy as np
from pydantic import Field

from mien.animate.profile import load_profile
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.sinks.exporters.clip import Clip, Recorded, auto_slopes, clips, never_moves, number
from mien.sinks.exporters.keyed import Fewer, KeyedOptions
from mien.sinks.exporters.whole_file import written_text


class UnrealOptions(KeyedOptions):
    """Names of the curves, and where the script adds them."""

    names: Literal["arkit", "metahuman"] = Field(
        default="arkit", description="arkit: EyeBlinkLeft ...; metahuman: CTRL_expressions_..."
    )
    asset: str = Field(
        default="", description="AnimSequence that the script fills, e.g. /Game/Face/Take; empty = the selected one"
    )


def export(
    take: Recorded, path: Path, *, track_id: int | None = None, options: UnrealOptions | None = None
) -> list[Path]:
    """Write the three files of everyone worth a file; `path` is the main person's JSON.

    Args:
        take: what to write.
        path: the JSON; the CSV and the script get its name with their own endings.
        track_id: only this face.
        options: see `UnrealOptions`.

    Returns:
        The files, the main person's JSON first.

    Raises:
        SinkError: a file cannot be written. SourceError: the take is damaged.
    """
    options = options or UnrealOptions()
    made = []
    for target, clip in clips(take, path, track_id, smooth=options.smooth, lost=options.lost):
        names, values = curves_of(clip, options.names)
        table, script = target.with_suffix(".csv"), target.with_suffix(".py")
        with written_text(target) as file:
            _write_json(file, clip, names, values, options.fewer(straight=False))
        with written_text(table) as file:
            _write_table(file, clip, names, values)
        with written_text(script) as file:
            file.write(_script(target.name, options.asset))
        made += [target, table, script]
    return made


cast(Any, export).Options = UnrealOptions


def curves_of(clip: Clip, names: str) -> tuple[list[str], Float32]:
    """Names and (T, N) values of the curves."""
    if names == "metahuman":
        profile = load_profile("metahuman")
        return list(profile.names), profile(clip.weights)
    return [n[0].upper() + n[1:] for n in load_schema("arkit52").names], clip.weights


def _write_json(file: TextIO, clip: Clip, names: list[str], values: Float32, fewer: Fewer | None) -> None:
    slopes = auto_slopes(clip.times_s, values)
    head: dict[str, Any] = {"generator": "mien", "format": "mien rich curves 1", "length_s": float(clip.times_s[-1])}
    if fewer is not None:
        head["frames_s"] = np.round(clip.times_s, 6).tolist()
    file.write(json.dumps(head)[:-1] + ', "curves": [\n')
    for column, name in enumerate(names):
        curve = {"Name": name, "PreInfinityExtrap": "RCCE_Constant", "PostInfinityExtrap": "RCCE_Constant"}
        file.write(json.dumps(curve)[:-1] + ', "Keys": [\n')
        if fewer is not None:
            few = fewer.curve(clip.times_s, values[:, column])
            rows = np.stack([few.times_s, few.values, few.in_slopes, few.out_slopes], axis=1)
        else:
            slope = slopes[:, column]
            rows = np.stack([clip.times_s, values[:, column], slope, slope], axis=1)
            if never_moves(values[:, column]):
                rows = rows[:1] * [1.0, 1.0, 0.0, 0.0]
        mode = "RCTM_Auto" if fewer is None else "RCTM_Break"
        keys = [
            f'{{"InterpMode": "RCIM_Cubic", "TangentMode": "{mode}", "Time": {number(t)}, "Value": {number(v)}, '
            f'"ArriveTangent": {number(arrive)}, "LeaveTangent": {number(leave)}}}'
            for t, v, arrive, leave in rows.tolist()
        ]
        file.write(",\n".join(keys) + "\n]}" + (",\n" if column < len(names) - 1 else "\n"))
    file.write("]}\n")


def _write_table(file: TextIO, clip: Clip, names: list[str], values: Float32) -> None:
    for line in _table(clip, names, values):
        file.write(",".join(line) + "\n")


def _table(clip: Clip, names: list[str], values: Float32) -> Iterator[list[str]]:
    yield ["---", *(number(t) for t in clip.times_s.tolist())]
    for column, name in enumerate(names):
        yield [name, *(number(v) for v in values[:, column].tolist())]


def _script(json_name: str, asset: str) -> str:
    text = (files("mien.sinks.exporters") / "scripts" / "unreal_curves.py.txt").read_text(encoding="utf-8")
    return text.replace('"@JSON@"', json.dumps(json_name)).replace('"@ASSET@"', json.dumps(asset))

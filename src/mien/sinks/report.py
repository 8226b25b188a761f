"""The report: one HTML file that shows what a take holds and how far it can be trusted.

It loads nothing from anywhere. Text from the take is escaped. Without pixels in the take there are none here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.core.timebase import timecode
from mien.sinks.exporters.whole_file import written_text
from mien.sinks.report_charts import Curve, chart, strongest
from mien.sinks.report_pictures import fill, moments_of
from mien.sinks.take_facts import TakeFacts, Track, facts_of
from mien.sinks.take_judgement import judgement
from mien.take.reader import Take
from mien.take.stored_config import stored_config

OVERLAY_FILE = "overlay.mp4"
_FEW_FRAMES = 3
_FROM_UNITS = "expression/action_units"
_TRACKS_SHOWN = 12


def export(take: Take, path: Path, *, overlay: Path | None = None) -> list[Path]:
    """Write the report.

    Args:
        take: what to report on.
        path: HTML file to write.
        overlay: overlay video the pictures are taken from; None = `overlay.mp4` beside the report, if there.

    Returns:
        The file.

    Raises:
        SinkError: it cannot be written. SourceError: the take is damaged.
    """
    facts = facts_of(take)
    moments = moments_of(facts)
    fill(moments, take, facts, overlay or path.parent / OVERLAY_FILE)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["timecode"] = timecode
    template = environment.from_string((files("mien.sinks") / "report.html").read_text(encoding="utf-8"))
    main = facts.tracks[0] if facts.tracks else None
    said = judgement(facts, take)
    page = template.render(
        take=take,
        facts=facts,
        source=_source_rows(take, facts),
        warnings=[*said.warnings, *take.summary.warnings],
        notes=said.notes,
        tracks=[_track_row(t, facts) for t in facts.tracks[:_TRACKS_SHOWN]],
        tracks_hidden=max(0, len(facts.tracks) - _TRACKS_SHOWN),
        main=main,
        charts=_charts(main, facts, take.header.config) if main and len(facts.t_ns) >= _FEW_FRAMES else [],
        still=[_still(t) for t in facts.tracks[:_TRACKS_SHOWN]] if len(facts.t_ns) < _FEW_FRAMES else [],
        moments=moments,
        zero_ns=int(facts.t_ns[0]) if len(facts.t_ns) else 0,
        stages=_stage_rows(facts),
        config=json.dumps(stored_config(take.header.config), indent=2),
    )
    with written_text(path) as file:
        file.write(page)
    return [path]


def _source_rows(take: Take, facts: TakeFacts) -> list[tuple[str, str]]:
    header, rate = take.header, facts.rate_hz
    sizes = ", ".join(f"{w} × {h}" for w, h in facts.sizes) or "unknown"
    return [
        ("Source", f"{header.source.name} ({header.source.kind})"),
        ("Frames", f"{len(facts.t_ns):,}"),
        ("Length", f"{facts.seconds:.2f} s"),
        ("Frame rate", f"{rate:.2f} per second (from the stamps)" if np.isfinite(rate) else "one picture"),
        ("Size", f"{sizes} px"),
        ("Captured", f"{header.created_utc or 'unknown'}, Mien {header.mien_version or 'unknown'}"),
        ("Models", ", ".join(header.models) or "none"),
        ("Pixels", "kept out: landmarks only" if not header.pixels else "in the overlay and the filmstrip"),
    ]


def _track_row(track: Track, facts: TakeFacts) -> dict[str, str]:
    yaw = track.seen("head")[:, 0]
    sharpness, brightness, size = track.seen("quality").T
    zero = int(facts.t_ns[0])
    return {
        "id": "untracked" if track.track_id is None else str(track.track_id),
        "frames": f"{len(track.rows):,}",
        "share": f"{len(track.rows) / len(facts.t_ns):.1%}",
        "from": timecode(int(facts.t_ns[track.rows[0]]) - zero),
        "to": timecode(int(facts.t_ns[track.rows[-1]]) - zero),
        "size": _middle(size, "{:.0f} px"),
        "yaw": _range(yaw),
        "sharpness": _middle(sharpness, "{:.0f}"),
        "brightness": _middle(brightness, "{:.0f}"),
    }


def _middle(values: Float32, form: str) -> str:
    known = values[np.isfinite(values)]
    return form.format(float(np.median(known))) if len(known) else "–"


def _range(values: Float32) -> str:
    known = values[np.isfinite(values)]
    return f"{np.percentile(known, 1):.0f}° … {np.percentile(known, 99):.0f}°" if len(known) else "–"


def _charts(track: Track, facts: TakeFacts, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    frames = len(facts.t_ns)
    times = (facts.t_ns - facts.t_ns[0]) / 1e9
    units, shapes = track.series("action_units", frames), track.series("blendshapes", frames)
    gaze, head = track.series("gaze", frames), track.series("head", frames)
    plans: list[tuple[str, str, list[Curve], tuple[float, float], bool]] = [
        (
            "Action units",
            "the eight that move most; intensity 0–5; dashed = right side",
            _unit_curves(units),
            (0, 5),
            True,
        ),
        ("Blendshapes", "the eight that move most; 0–1", _shape_curves(shapes), (0, 1), True),
        (
            "Expression",
            "what the face looks like, not what its owner feels; probabilities 0–1" + agreement(track, config),
            _expression_curves(track.series("expression", frames)),
            (0, 1),
            False,
        ),
        (
            "Head",
            "degrees; yaw + to the subject's left, pitch + up, roll + to the right shoulder",
            [Curve(n, head[:, k], k) for k, n in enumerate(("yaw", "pitch", "roll"))],
            (-20, 20),
            False,
        ),
        (
            "Gaze",
            "relative to the head, degrees; yaw + to the subject's left, pitch + up; dashed = right eye",
            [
                Curve(f"{n} {side}", gaze[:, k + 2 * (side == "right")], k, side == "right")
                for k, n in enumerate(("yaw", "pitch"))
                for side in ("left", "right")
            ],
            (-20, 20),
            False,
        ),
    ]
    return [
        {"title": title, "note": note, "curves": curves, "svg": chart(times, curves, span, peaks=peaks)}
        for title, note, curves, span, peaks in plans
        if any(np.isfinite(c.values).any() for c in curves)
    ]


def _unit_curves(values: Float32) -> list[Curve]:
    """The strongest eight units, both sides of each in one colour."""
    names = list(load_schema("facs").names)
    units = list(dict.fromkeys(n.split("_")[0] for n in strongest(values, names, len(names))))[:8]
    out = []
    for colour, unit in enumerate(units):
        for name in (unit, f"{unit}_L", f"{unit}_R"):
            if name in names:
                out.append(Curve(name, values[:, names.index(name)], colour, name.endswith("_R")))
    return out


def _expression_curves(values: Float32) -> list[Curve]:
    return [Curve(n, values[:, k], k) for k, n in enumerate(load_schema("expression8").names)]


def agreement(track: Track, config: Mapping[str, Any]) -> str:
    """How often the expression is the one that the action units alone would name, where both name one; in words."""
    found, other = track.seen("expression"), track.seen("units_expression")
    both = np.isfinite(found).any(axis=1) & np.isfinite(other).any(axis=1)
    if not both.any():
        return ""
    if _FROM_UNITS in _parts_used(config):
        return "; read from the action units: the same source, so that both agreeing proves nothing"
    same = np.nan_to_num(found[both], nan=-1).argmax(axis=1) == np.nan_to_num(other[both], nan=-1).argmax(axis=1)
    return f"; the action units alone name the same in {same.mean():.0%} of {int(both.sum()):,} frames"


def _parts_used(config: Mapping[str, Any]) -> set[str]:
    """Names of the stages that ran; of a configuration that somebody else stored anything may be missing or odd."""
    stages = config.get("stages")
    tables = (config.get(str(slot)) for slot in (stages if isinstance(stages, list) else ()))
    used = (table.get("use") for table in tables if isinstance(table, Mapping))
    return {name for name in used if isinstance(name, str)}


def _shape_curves(values: Float32) -> list[Curve]:
    names = list(load_schema("arkit52").names)
    return [Curve(n, values[:, names.index(n)], k) for k, n in enumerate(strongest(values, names, 8))]


def _still(track: Track) -> dict[str, Any]:
    """Bars instead of curves for a photo."""
    out: list[tuple[str, float, float]] = []
    for what, schema, full in (("action_units", "facs", 5.0), ("blendshapes", "arkit52", 1.0)):
        values = track.seen(what)[0]
        order = np.argsort(-np.nan_to_num(values), kind="stable")[:8]
        names = load_schema(schema).names
        out += [(names[i], float(values[i]), float(values[i]) / full) for i in order if values[i] > 0.05 * full]
    return {"id": "untracked" if track.track_id is None else str(track.track_id), "bars": out}


def _stage_rows(facts: TakeFacts) -> list[dict[str, str]]:
    rows = []
    for name, spent in facts.stages.items():
        p50, p95 = np.percentile(spent, [50, 95])
        rows.append({"name": name, "frames": f"{len(spent):,}", "median": f"{p50:.2f}", "p95": f"{p95:.2f}"})
    return rows

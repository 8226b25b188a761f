"""Figures and tables of the synthetic loop: scores over all poses and within 30° of yaw."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.schema import load_schema
from mien.errors import SinkError
from mien.lab.evaluate.action_units import Run
from mien.lab.evaluate.curves import Curves, CurveScore, in_words, score_curves, summary, table

FRONTAL_DEG = 30.0
"""Yaw within which the second table is taken."""


def scores(run: Run, what: str, *, frontal: bool) -> list[CurveScore]:
    """Scores of "units" or "shapes", over all frames or over those within 30° of yaw."""
    curves = []
    for clip in run.clips:
        truth, answer = clip.units if what == "units" else clip.shapes
        inside = np.abs(clip.yaw_deg)[:, None] <= FRONTAL_DEG
        curves.append(Curves(clip.person, clip.fps, np.where(inside, truth, np.nan) if frontal else truth, answer))
    names, full = (load_schema("facs").names, 5.0) if what == "units" else (load_schema("arkit52").names, 1.0)
    return score_curves(curves, names, full)


def figures(run: Run) -> dict[str, Any]:
    """Everything that was measured, as plain data."""
    out: dict[str, Any] = {
        "preset": run.preset,
        "people": [c.person for c in run.clips],
        "frames": int(sum(len(c.found) for c in run.clips)),
        "found": int(sum(c.found.sum() for c in run.clips)),
        "frontal_frames": int(sum((np.abs(c.yaw_deg) <= FRONTAL_DEG).sum() for c in run.clips)),
        "fps": run.clips[0].fps,
        "calibrated": run.calibrated,
        "unmeasured_units": dict(sum((c.reasons for c in run.clips), Counter[str]()).most_common()),
    }
    for view, frontal in (("all", False), ("frontal", True)):
        for what in ("units", "shapes"):
            found = scores(run, what, frontal=frontal)
            out[f"{what}_{view}"] = {"summary": summary(found), "curves": {s.name: s.as_json() for s in found}}
    return out


def as_json(runs: Sequence[Run]) -> dict[str, Any]:
    """The figures of all runs, as `results_page add` takes them."""
    return {"kind": "action-units", "runs": [figures(run) for run in runs]}


def as_text(runs: Sequence[Run]) -> str:
    """Tables within 30° of yaw, and what changes beyond."""
    parts = []
    for run in runs:
        facts = figures(run)
        how = ", calibrated" if run.calibrated else ""
        front = f"{facts['frontal_frames']} within {FRONTAL_DEG:.0f} degrees"
        head = (
            f"{run.preset}{how}: {len(run.clips)} people, {facts['frames']} frames, a face in {facts['found']}, {front}"
        )
        parts.append(head)
        for what, words in (("units", "action units"), ("shapes", "shapes")):
            found = scores(run, what, frontal=True)
            parts += [table(found, f"{words}, frontal"), in_words(summary(found), words)]
            parts.append(f"All poses: {in_words(facts[f'{what}_all']['summary'], words).splitlines()[0]}")
    return "\n\n".join(parts)


def write_figures(facts: dict[str, Any], out: Path) -> Path:
    """Write figures.json into a folder, which is made if it is missing.

    Raises:
        SinkError: it cannot be written.
    """
    path = out / "figures.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path}: {error.strerror or error}") from error
    return path

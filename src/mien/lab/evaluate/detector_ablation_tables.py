"""Tables of what `detector_ablation` measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mien.lab.evaluate.detect import PRECISION
from mien.lab.train.detector_recipe import SLOTS

LIMITS = (0.5, 0.15, 0.5)
"""Least probabilities after P-, R- and O-Net; the last one for recall and precision, AP takes the whole curve."""


def tables(found: Mapping[str, Any]) -> str:
    """Markdown: a table per slot, and one of the cascades; of several seeds every one's figure."""
    out = [_slot_table(slot, own) for slot in SLOTS if (own := [r for r in found["windows"] if r["slot"] == slot])]
    if found["cascades"]:
        out.append(_cascade_table(found["cascades"]))
    return "\n\n".join(out)


def _slot_table(slot: str, rows: Sequence[Mapping[str, Any]]) -> str:
    head = [f"{slot.upper()}-Net", "parameters", "M multiply-adds a window", "ms", "AP"]
    head += ["missed at 1 in 1,000 false, %"]
    head += ["box error, %", *(["points' error, %"] if slot == "o" else [])]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for own in _grouped(rows, "name"):
        cells = [own[0]["title"], f"{own[0]['parameters']:,}", f"{own[0]['macs'] / 1e6:.2f}"]
        cells += [f"{min(r['ms'] for r in own):.2f}", _each(own, "average_precision", 1, 3)]
        cells += [_each(own, "missed", 100, 1), _each(own, "box_error", 100, 2)]
        cells += [_each(own, "points_error", 100, 2)] if slot == "o" else []
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cascade_table(rows: Sequence[Mapping[str, Any]]) -> str:
    faces, alone = rows[0]["faces"], rows[0]["without_people"]["pictures"]
    head = [
        f"cascade ({faces} faces on {rows[0]['pictures']} pictures)",
        "AP",
        "AP less the first one's [95 %]",
        f"best recall at precision ≥ {PRECISION:g}",
        f"recall at {LIMITS[-1]:g}",
        "precision there",
        f"false ones on {alone} pictures without people",
    ]
    lines = [f"| {' | '.join([*head, 'ms a picture'])} |", "|" + "---|" * (1 + len(head))]
    groups = _grouped([_flat(r) for r in rows], "title")
    for own in groups:
        cells = [own[0]["title"], _each(own, "average_precision", 1, 3), _less(own, groups[0])]
        cells += [_each(own, k, 1, 3) for k in ("most", "recall", "precision")]
        cells += [_each(own, "false_alone", 1, 0) if alone else "–"]
        lines.append(f"| {' | '.join(cells)} | {min(r['ms_per_picture'] for r in own):.0f} |")
    return "\n".join(lines)


def _flat(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "most": row["best"]["recall"], "false_alone": row["without_people"]["false"]}


def _less(own: Sequence[Mapping[str, Any]], first: Sequence[Mapping[str, Any]]) -> str:
    """Per seed the difference and where 95 % of it lie when pictures are drawn again, the same ones for both."""
    before = {r["seed"]: r for r in first}
    cells = []
    for row in own:
        base = before.get(row["seed"])
        if base is None or row["title"] == base["title"]:
            cells.append("–")
            continue
        low, high = np.percentile(np.subtract(row["draws"], base["draws"]), [2.5, 97.5])
        value = row["average_precision"] - base["average_precision"]
        cells.append(f"{value:+.3f} [{low:+.3f}, {high:+.3f}]")
    return " / ".join(cells)


def _grouped(rows: Sequence[Mapping[str, Any]], key: str) -> list[list[Mapping[str, Any]]]:
    return [[r for r in rows if r[key] == value] for value in dict.fromkeys(r[key] for r in rows)]


def _each(rows: Sequence[Mapping[str, Any]], key: str, times: float, digits: int) -> str:
    values = [r.get(key, math.nan) for r in rows]
    return " / ".join(f"{times * v:.{digits}f}" if math.isfinite(v) else "–" for v in values)

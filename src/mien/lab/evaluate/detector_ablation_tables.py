"""Tables of what `detector_ablation` measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

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
    head = [
        "cascade",
        "AP",
        f"best recall at precision ≥ {PRECISION:g}",
        f"recall at {LIMITS[-1]:g}",
        "precision there",
    ]
    lines = [f"| {' | '.join([*head, 'ms a picture'])} |", "|" + "---|" * (1 + len(head))]
    for own in _grouped([{**r, "most": r["best"]["recall"]} for r in rows], "title"):
        cells = [own[0]["title"], *(_each(own, k, 1, 3) for k in ("average_precision", "most", "recall", "precision"))]
        lines.append(f"| {' | '.join(cells)} | {min(r['ms_per_picture'] for r in own):.0f} |")
    return "\n".join(lines)


def _grouped(rows: Sequence[Mapping[str, Any]], key: str) -> list[list[Mapping[str, Any]]]:
    return [[r for r in rows if r[key] == value] for value in dict.fromkeys(r[key] for r in rows)]


def _each(rows: Sequence[Mapping[str, Any]], key: str, times: float, digits: int) -> str:
    values = [r.get(key, math.nan) for r in rows]
    return " / ".join(f"{times * v:.{digits}f}" if math.isfinite(v) else "–" for v in values)

"""What the spotter reads of the micro-expressions that it finds: units by side and emotion against what was performed.

Part of `python -m mien.lab.evaluate.micro_spotting`. Only of those that are found: one that is missed has no reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mien.lab.metrics.classes import accuracy, confusion_matrix, uar, uf1
from mien.lab.micro.clips import THREE
from mien.micro.decision import EMOTIONS
from mien.micro.spotter import Spotted

_LATERAL = ("_L", "_R")
_CLASSES = ("negative", "positive", "surprise")


@dataclass(frozen=True, slots=True)
class Reading:
    """One micro-expression that was found.

    Attributes:
        said: what was told of it.
        units: entries of schema "facs" that took part.
        emotion: out of `EMOTIONS`.
    """

    said: Spotted
    units: frozenset[str]
    emotion: str


def unit_scores(readings: Sequence[Reading]) -> tuple[float, float, float]:
    """Precision, recall and F1 of the entries told, counts of all added first; NaN = nothing told or true."""
    told, true = sum(len(r.said.units) for r in readings), sum(len(r.units) for r in readings)
    right = sum(len(r.units & set(r.said.units)) for r in readings)
    return _share(right, told), _share(right, true), _share(2 * right, told + true)


def always_scores(readings: Sequence[Reading]) -> float:
    """F1 of the best fixed answer, the same units whatever is seen: what a blind reader would reach here."""
    counts = sorted(Counter(u for r in readings for u in r.units).values(), reverse=True)
    right = np.cumsum(counts)
    told = len(readings) * np.arange(1, len(counts) + 1)
    return float((2 * right / (told + right[-1])).max()) if counts else float("nan")


def sides(readings: Sequence[Reading]) -> dict[str, int]:
    """Units performed on one side only: told on that side, on both, on the other, not at all."""
    out = dict.fromkeys(("same", "both", "other", "none"), 0)
    for reading in readings:
        for entry in reading.units:
            mirror = _mirror(entry)
            if mirror is None or mirror in reading.units:
                continue
            key = {(1, 0): "same", (1, 1): "both", (0, 1): "other"}
            out[key.get((entry in reading.said.units, mirror in reading.said.units), "none")] += 1
    return out


def emotion_table(readings: Sequence[Reading]) -> list[str]:
    """Markdown rows: of all eight names, and of the three classes of MEGC 2019 without those called "others"."""
    lines = ["| emotion | n | accuracy | commonest | UF1 | UAR |", "|---|---|---|---|---|---|"]
    eight = [(r.emotion, _likeliest(r.said.emotions, {e: e for e in EMOTIONS})) for r in readings if r.said.emotions]
    three = [
        (THREE[r.emotion], _likeliest(r.said.emotions, THREE))
        for r in readings
        if r.said.emotions and r.emotion in THREE
    ]
    for name, pairs, classes in (("eight names", eight, EMOTIONS), ("three classes", three, _CLASSES)):
        if not pairs:
            continue
        truth = [t for t, _ in pairs]
        matrix = confusion_matrix(truth, [p for _, p in pairs], classes)
        common = max(Counter(truth).values()) / len(truth)
        cells = [accuracy(matrix, classes).value, common, uf1(matrix, classes).value, uar(matrix, classes).value]
        lines.append(f"| {name} | {len(pairs)} | {' | '.join(f'{c:.2f}' for c in cells)} |")
    return lines


def report(readings: Sequence[Reading]) -> str:
    """All of it as Markdown."""
    precision, recall, f1 = unit_scores(readings)
    by_side = ", ".join(f"{v} {k}" for k, v in sides(readings).items())
    lines = [
        f"Of the {len(readings)} found: units by side, precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.2f} "
        f"(always the same ones: {always_scores(readings):.2f}); performed on one side only, told on: {by_side}",
        "",
        *emotion_table(readings),
    ]
    return "\n".join(lines)


def _mirror(entry: str) -> str | None:
    if not entry.endswith(_LATERAL):
        return None
    return entry[:-1] + ("R" if entry.endswith("L") else "L")


def _likeliest(probabilities: Mapping[str, float], classes: Mapping[str, str]) -> str:
    """The class whose names have the most probability."""
    total = dict.fromkeys(classes.values(), 0.0)
    for name, probability in probabilities.items():
        if name in classes:
            total[classes[name]] += probability
    return max(total, key=total.__getitem__)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")

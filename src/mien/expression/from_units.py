"""Expressions from action units alone: no pixels, no weights learnt from anybody's faces.

Each expression has prototypes (`prototypes.toml`: EMFACS-style tables; Du, Tao & Martinez 2014). A prototype's score is
the weighted mean of its units' strength times their weakest one's share, less what speaks against it; contempt is the
difference of the two sides of AU 12 and AU 14. Neutral is the absence of all. Scores become probabilities by a softmax:
faces that fit two prototypes come out ambiguous. The slope was set by hand, not fitted: it is no calibration.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from mien.core.arrays import Float32
from mien.core.measures import ActionUnits, Expression
from mien.core.record import FrameRecord
from mien.core.schema import load_schema
from mien.expression.network import SCHEMA, unknown
from mien.pipeline.stage import StageBase

_SLOPE = 8.0
"""Of the softmax, per unit of score."""
_NEUTRAL = 0.35
"""Score of "neutral" for a face without any unit; it falls as the strongest expression grows."""
_LEAST_KNOWN = 0.6
"""Share of a prototype's weights whose units must be known."""


@dataclass(frozen=True, slots=True)
class Way:
    """One combination of units.

    Attributes:
        expression: name.
        units, weights: what belongs to it.
        against: what speaks against it.
    """

    expression: str
    units: tuple[str, ...]
    weights: tuple[float, ...]
    against: tuple[str, ...]


@cache
def prototypes() -> tuple[tuple[Way, ...], float]:
    """The ways, and the intensity from which a unit counts wholly."""
    table = tomllib.loads((files("mien.expression") / "prototypes.toml").read_text(encoding="utf-8"))
    ways = [
        Way(w["expression"], tuple(w["units"]), tuple(w["weights"]), tuple(w.get("against", ()))) for w in table["ways"]
    ]
    return tuple(ways), float(table["full"])


def scores(units: ActionUnits) -> Mapping[str, float]:
    """Score of every expression but "neutral", about 0–1; NaN = too little of it could be measured."""
    ways, full = prototypes()
    out = {name: float("nan") for name in load_schema(SCHEMA).names if name != "neutral"}
    for way in ways:
        score = _score(way, units, full)
        if np.isfinite(score) and not out[way.expression] >= score:
            out[way.expression] = score
    out["contempt"] = _one_sided(units, full)
    return out


def _strength(units: ActionUnits, name: str, full: float) -> float:
    return float(np.clip(units[name] / full, 0, 1))


def _score(way: Way, units: ActionUnits, full: float) -> float:
    found = np.array([_strength(units, name, full) for name in way.units])
    weights, known = np.array(way.weights), np.isfinite(found)
    if weights[known].sum() < _LEAST_KNOWN * weights.sum():
        return float("nan")
    mean = float((found * weights)[known].sum() / weights[known].sum())
    weakest = float(found[known].min())
    against = [s for name in way.against if np.isfinite(s := _strength(units, name, full))]
    return max(0.0, mean * (0.7 + 0.3 * weakest) - 0.6 * max(against, default=0.0))


def _one_sided(units: ActionUnits, full: float) -> float:
    """Contempt: AU 14, or a weak AU 12, on one side alone."""
    best = float("nan")
    for name, share in (("AU14", 1.0), ("AU12", 0.6)):
        left, right = (_strength(units, f"{name}_{side}", full) for side in "LR")
        if np.isfinite(left) and np.isfinite(right):
            best = float(np.fmax(best, share * abs(left - right)))
    return best


def read_units(units: ActionUnits) -> Expression:
    """Probabilities, schema "expression8"; NaN for an expression whose units could not be measured, all NaN if most.

    Confidence: the mean confidence of the units that were measured.
    """
    schema = load_schema(SCHEMA)
    found = scores(units)
    known = {name: score for name, score in found.items() if np.isfinite(score)}
    if len(known) < len(found) / 2:
        return unknown()
    strongest = max(known.values())
    table = {**known, "neutral": _NEUTRAL * (1 - strongest)}
    raised = {name: np.exp(_SLOPE * score) for name, score in table.items()}
    total = sum(raised.values())
    values: Float32 = np.array([raised.get(n, np.nan) / total for n in schema.names], np.float32)
    measured = np.isfinite(units.values)
    seen = float(np.clip(units.confidence[measured].mean(), 0, 1)) if measured.any() else 0.0
    return Expression(values, np.where(np.isfinite(values), seen, 0), schema)


class UnitExpression(StageBase):
    """Fills `Face.expression` from `Face.action_units`; see the module."""

    reads = frozenset({"faces", "faces.action_units"})
    writes = frozenset({"faces.expression"})

    def step(self, record: FrameRecord) -> FrameRecord:
        """Read every face whose units are known."""
        read = [
            f if f.action_units is None else replace(f, expression=read_units(f.action_units)) for f in record.faces
        ]
        return replace(record, faces=tuple(read))

"""ARKit-52 shapes → FACS action units by the table `arkit_to_facs.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from mien.core.arrays import Float32, Float64
from mien.core.measures import ActionUnits, Blendshapes
from mien.core.schema import load_schema

_COMBINE: Mapping[str, Callable[[Float32], np.floating[Any]]] = {"mean": np.mean, "max": np.max, "min": np.min}


@dataclass(frozen=True, slots=True, eq=False)
class UnitRule:
    """How one entry of schema "facs" is read.

    Attributes:
        name: e.g. "AU12_L".
        shapes: indices into schema "arkit52"; empty if measured or absent.
        combine: "mean", "max" or "min".
        curve: (K, 2) weight (or measure) → intensity.
        measure: name of a measure of the landmarks, or None.
        absent: why the unit is never measured, or None.
    """

    name: str
    shapes: tuple[int, ...]
    combine: str
    curve: Float64
    measure: str | None
    absent: str | None


@cache
def unit_rules() -> tuple[UnitRule, ...]:
    """One rule per entry of schema "facs", in its order.

    Raises:
        KeyError: the table lacks a unit or names an unknown shape.
    """
    text = (files("mien.action_units") / "arkit_to_facs.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    shapes = load_schema("arkit52")
    rules = []
    for name in load_schema("facs").names:
        unit, _, side = name.partition("_")
        row = table["units"][unit]
        word = {"L": "Left", "R": "Right", "": ""}[side]
        used = tuple(shapes.index(s.replace("{Side}", word)) for s in row.get("shapes", ()))
        curve = np.array(row.get("curve", table["default_curve"]), dtype=np.float64)
        rules.append(UnitRule(name, used, row.get("combine", "mean"), curve, row.get("measure"), row.get("absent")))
    return tuple(rules)


def action_units(shapes: Blendshapes, measures: Mapping[str, tuple[float, float]]) -> ActionUnits:
    """The action units that belong to the shapes.

    Args:
        shapes: weights and confidence.
        measures: name → (value, confidence) of what the table reads from the landmarks; NaN = not measured.
    """
    rules = unit_rules()
    values: Float32 = np.full(len(rules), np.nan, dtype=np.float32)
    confidence: Float32 = np.zeros(len(rules), dtype=np.float32)
    for i, rule in enumerate(rules):
        if rule.measure is not None:
            amount, sure = measures.get(rule.measure, (float("nan"), 0.0))
        elif rule.shapes:
            used = list(rule.shapes)
            amount = float(_COMBINE[rule.combine](shapes.values[used]))
            sure = float(np.min(shapes.confidence[used]))
        else:
            continue
        if np.isfinite(amount):
            values[i] = np.interp(amount, rule.curve[:, 0], rule.curve[:, 1])
            confidence[i] = sure
    return ActionUnits.of(values, confidence)

"""ARKit-52 shapes → FACS action units by the table `arkit_to_facs.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, Int64
from mien.core.measures import ActionUnits, Blendshapes
from mien.core.schema import load_schema

_COMBINE = ("mean", "max", "min")


@dataclass(frozen=True, slots=True, eq=False)
class UnitRule:
    """How one entry of schema "facs" is read.

    Attributes:
        name: e.g. "AU12_L".
        shapes: one or two indices into schema "arkit52"; empty if measured or absent.
        combine: "mean", "max" or "min".
        curve: (K, 2) weight (or measure) → intensity.
        measure: name of a measure of the landmarks, or None.
        absent: why the unit is never measured, or None.
        band: intensity below which a present unit goes out, and from which an absent one comes in.
    """

    name: str
    shapes: tuple[int, ...]
    combine: str
    curve: Float64
    measure: str | None
    absent: str | None
    band: tuple[float, float]


@cache
def unit_rules() -> tuple[UnitRule, ...]:
    """One rule per entry of schema "facs", in its order.

    Raises:
        KeyError: the table lacks a unit or names an unknown shape, or a band does not hold the presence threshold.
    """
    text = (files("mien.action_units") / "arkit_to_facs.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    shapes = load_schema("arkit52")
    threshold = float(load_schema("facs").attributes["presence_threshold"])
    rules = []
    for name in load_schema("facs").names:
        unit, _, side = name.partition("_")
        row = table["units"][unit]
        word = {"L": "Left", "R": "Right", "": ""}[side]
        used = tuple(shapes.index(s.replace("{Side}", word)) for s in row.get("shapes", ()))
        if row.get("combine", "mean") not in _COMBINE or len(used) > 2:
            raise KeyError(f"arkit_to_facs.toml: {unit} combines at most two shapes by one of {_COMBINE}")
        curve = np.array(row.get("curve", table["default_curve"]), dtype=np.float64)
        low, high = (float(v) for v in row.get("band", table["default_band"]))
        if not low <= threshold <= high:
            raise KeyError(f"arkit_to_facs.toml: {unit}: the band {low:g} to {high:g} does not hold {threshold:g}")
        how = row.get("combine", "mean"), curve, row.get("measure"), row.get("absent"), (low, high)
        rules.append(UnitRule(name, used, *how))
    return tuple(rules)


@cache
def presence_bands() -> tuple[Float32, Float32]:
    """(U,) intensities at which the units go out and come in."""
    low, high = np.array([r.band for r in unit_rules()], dtype=np.float32).T
    return low, high


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """The rules as arrays; R = entries of schema "facs". Every curve is a sum of ramps."""

    first: Int64
    second: Int64
    least: npt.NDArray[np.bool_]
    most: npt.NDArray[np.bool_]
    read: npt.NDArray[np.bool_]
    base: Float64
    start: Float64
    length: Float64
    slope: Float64


@cache
def _table() -> _Table:
    rules = unit_rules()
    pairs = np.array([(*r.shapes, *r.shapes)[:2] if r.shapes else (0, 0) for r in rules], dtype=np.int64)
    knots = max(len(r.curve) for r in rules)
    padded = np.stack([np.concatenate([r.curve, np.repeat(r.curve[-1:], knots - len(r.curve), axis=0)]) for r in rules])
    length, rise = np.moveaxis(np.diff(padded, axis=1), -1, 0)
    return _Table(
        first=pairs[:, 0],
        second=pairs[:, 1],
        least=np.array([r.combine == "min" for r in rules]),
        most=np.array([r.combine == "max" for r in rules]),
        read=np.array([bool(r.shapes) for r in rules]),
        base=padded[:, 0, 1],
        start=padded[:, :-1, 0],
        length=length,
        slope=np.where(length > 0, rise / np.where(length > 0, length, 1.0), 0.0),
    )


def action_units(shapes: Blendshapes, measures: Mapping[str, tuple[float, float]]) -> ActionUnits:
    """The action units that belong to the shapes.

    Args:
        shapes: weights and confidence.
        measures: name → (value, confidence) of what the table reads from the landmarks; NaN = not measured.
    """
    t = _table()
    a, b = shapes.values[t.first].astype(np.float64), shapes.values[t.second].astype(np.float64)
    amount = np.where(t.least, np.minimum(a, b), np.where(t.most, np.maximum(a, b), (a + b) / 2))
    sure = np.minimum(shapes.confidence[t.first], shapes.confidence[t.second])
    amount[~t.read] = np.nan
    for i, rule in enumerate(unit_rules()):
        if rule.measure is not None:
            amount[i], sure[i] = measures.get(rule.measure, (np.nan, 0.0))
    values = t.base + (t.slope * np.clip(amount[:, None] - t.start, 0.0, t.length)).sum(axis=1)
    return ActionUnits.of(values, np.where(np.isfinite(values), sure, 0.0))

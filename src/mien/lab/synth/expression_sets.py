"""Sets of units with strengths that expressions consist of: what the generating graph learns from.

Macro: the variants of the EMFACS prototypes (`render.prototypes`), and units that go with them in long videos (the
fitted pair statistics), as far as they do not make the set look like another emotion. Micro: half of them sets of the
fitted label statistics, drawn the more often the more they belong to this emotion alone: p(set | emotion) ·
p(emotion | set)²; half of them up to three units of a prototype, by the same measure.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mien.animate.expression_graph import EXPRESSIONS, KINDS, UNITS
from mien.core.arrays import Float32, Float64
from mien.lab.render.prototypes import prototype_units
from mien.lab.synth.unit_sets import UNSEEN, exclusive_units, list_sets, load_unit_sets, log_weights

WIDE_MOUTH_FROM = 0.7
"""Intensity from which a prototype's open mouth may be AU27."""
_STEP = -15.5
"""What another unit costs in the macro model (differences of its terms for the number of units)."""
_FELLOWS = 0.5
"""Units beyond the prototype are added at half the rate of the statistics."""


def random_set(rng: np.random.Generator) -> tuple[str, str, float, Float32]:
    """Expression, kind, intensity 0–1, and (U,) strengths relative to the strongest unit, 0 = absent."""
    expression = str(rng.choice(EXPRESSIONS))
    kind = str(rng.choice(KINDS))
    intensity = float(rng.uniform(0.1, 1.0))
    draw = _macro if kind == "macro" else _micro
    return expression, kind, intensity, draw(rng, expression, intensity)


def _macro(rng: np.random.Generator, expression: str, intensity: float) -> Float32:
    drawn: dict[str, float] = {}
    for entry, level in prototype_units(expression, 5.0 * intensity, rng).items():
        unit = entry.split("_")[0]
        if unit == "AU27" and intensity < WIDE_MOUTH_FROM:
            unit = "AU26"
        drawn[unit] = max(drawn.get(unit, 0.0), level / max(5.0 * intensity, 0.5))
    for unit, level in _fellows(rng, expression, tuple(drawn)):
        drawn[unit] = level
    return _strengths(drawn)


def _fellows(rng: np.random.Generator, expression: str, core: tuple[str, ...]) -> list[tuple[str, float]]:
    model = load_unit_sets("macro")
    clash = exclusive_units(UNITS)
    out = []
    for unit in (u for u in model.units if u in UNITS and u not in core):
        if any({unit, c} == set(pair) for c in core for pair in clash):
            continue
        i = model.units.index(unit)
        tied = sum(float(model.pairs[i, model.units.index(c)]) for c in core if c in model.units)
        odds = float(model.fields[0, i]) + float(np.clip(tied, -8.0, 8.0)) + _STEP
        chance = _FELLOWS / (1.0 + np.exp(-odds)) * min(1.0, _typical(expression, unit))
        if rng.random() < chance:
            out.append((unit, float(np.clip(rng.normal(0.5, 0.15), 0.2, 0.9))))
    return out


@cache
def _typical(expression: str, unit: str) -> float:
    """How much more often a unit occurs with this emotion than with the emotions on average (label statistics)."""
    model = load_unit_sets("micro")
    if unit not in model.units:
        return 1.0
    i = model.units.index(unit)
    fields = model.fields[:, i]
    return float(np.exp(fields[model.emotions.index(expression)] - fields.mean()))


def _micro(rng: np.random.Generator, expression: str, _intensity: float) -> Float32:
    if rng.random() < 0.5:
        units = _fragment(rng, expression)
    else:
        running, sets = _micro_sets(expression)
        place = int(np.searchsorted(running, rng.random() * running[-1], side="right"))
        units = [u for u, x in zip(load_unit_sets("micro").units, sets[place], strict=True) if x and u in UNITS]
    share = rng.uniform(0.55, 1.0, len(units))
    share[int(rng.integers(len(units)))] = 1.0
    return _strengths(dict(zip(units, share.tolist(), strict=True)))


def _fragment(rng: np.random.Generator, expression: str) -> list[str]:
    """Up to three units of a prototype that together look like this emotion."""
    model = load_unit_sets("micro")
    best: tuple[float, list[str]] = (-1.0, [])
    for _ in range(12):
        every = list(dict.fromkeys(e.split("_")[0] for e in prototype_units(expression, 3.0, rng)))
        every = [u for u in every if u in model.units]
        units = [str(u) for u in rng.permutation(every)[: int(rng.integers(1, 4))]]
        if not units:
            continue
        x = np.zeros((1, len(model.units)), bool)
        x[0, [model.units.index(u) for u in units]] = True
        logs = log_weights(model, x)[:, 0]
        joint = np.exp(logs - logs.max())
        share = float(joint[model.emotions.index(expression)] / joint.sum())
        if share > best[0]:
            best = (share, units)
        if rng.random() < 2.0 * share:
            return units
    return best[1]


@cache
def _micro_sets(expression: str) -> tuple[Float64, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    """Running sums of the sets' weights, and the sets; those that hold nothing a graph can show are left out."""
    model = load_unit_sets("micro")
    sets = list_sets(model.units)
    sets = sets[~((sets.sum(axis=1) == 1) & sets[:, model.units.index(UNSEEN)])]
    joint = np.exp(log_weights(model, sets) - 20.0)
    row = joint[model.emotions.index(expression)]
    return np.cumsum(row * (row / joint.sum(axis=0)) ** 2), sets


def _strengths(drawn: dict[str, float]) -> Float32:
    out = np.zeros(len(UNITS), np.float32)
    most = max(drawn.values())
    for unit, level in drawn.items():
        out[UNITS.index(unit)] = level / most
    return out

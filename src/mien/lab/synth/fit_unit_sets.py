"""Counts of action units → the parameters of `unit_sets.UnitSets`, by penalised maximum likelihood.

The gradient of the likelihood is (real count) − (expected count), so that at the optimum marginals per emotion, pairs
and numbers of units are those of the data, but for the pull of the priors, which matters where counts are a handful.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from mien.core.arrays import Float64
from mien.lab.synth.unit_sets import MOST_UNITS, UNSEEN, UnitSets, doable, exclusive_units, list_sets, log_weights

_PAIR_SD, _FIELD_SD, _WIDE_SD = 3.0, 2.0, 5.0
"""Priors: of J around 0, of h around the mean over the emotions, and of that mean, b and g around 0. The last one only
settles what the data leave open or contradict themselves in (sets of six units, sets the character cannot do)."""
_LEAST = 3
"""Units seen less often count as unseen."""
_PULL = 10.0
"""So many invented events, one-sided as often as all units together, are added to each unit's sides."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What is fitted. U units, the last one `UNSEEN`; E emotions.

    Attributes:
        units, emotions: names.
        fields: (E, U) events by emotion and unit.
        pairs: (U, U) events with both, symmetric.
        number: (5,) events by number of units; more than five count as five.
        emotion: (E,) events.
        sides: unit → {"both": events, "left": events, ...}.
    """

    units: tuple[str, ...]
    emotions: tuple[str, ...]
    fields: Float64
    pairs: Float64
    number: Float64
    emotion: Float64
    sides: Mapping[str, Mapping[str, int]]

    @property
    def events(self) -> float:
        """How many there are."""
        return float(self.number.sum())


def read_counts(parts: list[Mapping[str, Any]], emotions: Mapping[str, float], renamed: Mapping[str, str]) -> Counts:
    """Add up the action-unit tables of several datasets.

    Args:
        parts: `action_units` tables; those without `by_emotion` count as the only emotion in `emotions`.
        emotions: name → events, names as in the data.
        renamed: emotions that are merged into another one.
    """
    total: dict[str, float] = {}
    for part in parts:
        for unit, n in part["count"].items():
            total[unit] = total.get(unit, 0) + n
    units = (*(u for u in sorted(total, key=_number) if doable(u) and total[u] >= _LEAST), UNSEEN)
    names = tuple(dict.fromkeys(renamed.get(e, e) for e in emotions))
    place = {u: units.index(u) if u in units else len(units) - 1 for u in total}
    fields, pairs = np.zeros((len(names), len(units))), np.zeros((len(units), len(units)))
    number, emotion = np.zeros(MOST_UNITS), np.zeros(len(names))
    for name, n in emotions.items():
        emotion[names.index(renamed.get(name, name))] += n
    sides: dict[str, dict[str, int]] = {}
    for part in parts:
        for unit, n in part["count"].items():
            for name, m in part.get("by_emotion", {}).get(unit, {names[0]: n}).items():
                fields[names.index(renamed.get(name, name)), place[unit]] += m
        for pair, n in part["pair_count"].items():
            i, j = (place[u] for u in pair.split("+"))
            if i != j:
                pairs[i, j] += n
                pairs[j, i] += n
        for text, n in part["clips_by_number_of_units"].items():
            if int(text):
                number[min(int(text), MOST_UNITS) - 1] += n
        for unit, row in part["side"].items():
            kept = sides.setdefault(unit, {})
            for side, n in row.items():
                kept[side] = kept.get(side, 0) + n
    return Counts(units, names, fields, pairs, number, emotion, sides)


def fit_unit_sets(counts: Counts) -> UnitSets:
    """The model whose expected counts are the given ones."""
    sets = list_sets(counts.units)
    x = sets.astype(np.float64)
    size = sets.sum(axis=1) - 1
    upper = np.triu_indices(len(counts.units), 1)
    e, u = counts.fields.shape
    ends = np.cumsum([e, e * u, len(upper[0]), MOST_UNITS])

    def model(vector: Float64) -> UnitSets:
        bias, fields, flat, number = np.split(vector, ends[:-1])
        pairs = np.zeros((u, u))
        pairs[upper] = flat
        return UnitSets(counts.emotions, counts.units, bias, fields.reshape(e, u), pairs + pairs.T, number, {}, {})

    emotion = counts.emotion * counts.events / counts.emotion.sum()
    pairs_real = counts.pairs.copy()
    for one, other in exclusive_units(counts.units):
        pairs_real[counts.units.index(one), counts.units.index(other)] = 0.0
    real = np.concatenate([emotion, counts.fields.ravel(), pairs_real[upper], counts.number])

    def loss(vector: Float64) -> tuple[float, Float64]:
        now = model(vector)
        exponent = log_weights(now, sets)
        top = exponent.max()
        weight = np.exp(exponent - top)
        mass = weight.sum()
        share = counts.events * weight / mass
        both = share.sum(axis=0)
        pairs = (x.T @ (both[:, None] * x))[upper]
        expected = [share.sum(axis=1), (share @ x).ravel(), pairs, np.bincount(size, both, MOST_UNITS)]
        mean = now.fields.mean(axis=0)
        off = now.fields - mean
        wide = np.concatenate([now.bias, mean, now.number])
        prior = (now.pairs[upper] ** 2).sum() / _PAIR_SD**2 + (off**2).sum() / _FIELD_SD**2
        prior += (wide**2).sum() / _WIDE_SD**2
        fields = off / _FIELD_SD**2 + mean / (e * _WIDE_SD**2)
        pull = [now.bias / _WIDE_SD**2, fields.ravel(), now.pairs[upper] / _PAIR_SD**2, now.number / _WIDE_SD**2]
        value = counts.events * (np.log(mass) + top) - real @ vector + prior / 2
        return float(value / counts.events), (np.concatenate(expected) - real + np.concatenate(pull)) / counts.events

    found = minimize(loss, np.zeros(ends[-1]), jac=True, method="L-BFGS-B", options={"maxiter": 600, "ftol": 1e-10})
    fitted = model(found.x)
    one_sided, left = _sides(counts)
    return UnitSets(
        fitted.emotions,
        fitted.units,
        fitted.bias,
        fitted.fields,
        fitted.pairs,
        fitted.number,
        one_sided,
        left,
    )


def _sides(counts: Counts) -> tuple[dict[str, float], dict[str, float]]:
    """By unit: how often it is one-sided, and how often that is left. AU1 has one shape, so it is always both."""
    sided = {u: counts.sides.get(u, {}) for u in counts.units if u not in ("AU1", UNSEEN)}
    every = sum(sum(row.values()) for row in sided.values())
    mean = sum(row.get("left", 0) + row.get("right", 0) for row in sided.values()) / max(every, 1)
    one_sided, left = {}, {}
    for unit, row in sided.items():
        one, of_left = row.get("left", 0) + row.get("right", 0), row.get("left", 0)
        one_sided[unit] = (one + _PULL * mean) / (sum(row.values()) + _PULL)
        left[unit] = (of_left + 2.0) / (one + 4.0)
    return one_sided, left


def _number(unit: str) -> tuple[int, str]:
    return int("".join(c for c in unit if c.isdigit())), unit

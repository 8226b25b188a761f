"""Which action units come together: a log-linear model of sets, drawn from exactly.

    p(emotion e, set x)  ∝  exp( b_e + Σ_i h_ei x_i + Σ_{i<j} J_ij x_i x_j + g_n ),   n = Σ x_i, 1 ≤ n ≤ 5

(an Ising model whose fields depend on the emotion, with a free term for the number of units). All sets of at most five
units are listed once, so that nothing needs a Markov chain. The parameters are in `sequence_statistics.toml`; how they
were fitted is in `fit_unit_sets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.animate.statistics_table import statistics_table
from mien.core.arrays import Float64
from mien.core.schema import load_schema
from mien.lab.render.prototypes import shapes_of
from mien.lab.synth.expressions import EXCLUSIVE

MOST_UNITS = 5
UNSEEN = "unseen"
"""Stands for all units that the character cannot do. It takes its share of the sets, then it is taken out."""
LIDS = ("AU43", "AU45")
"""Closing lids are a blink here, a distractor; no unit of an expression."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitSets:
    """The model.

    Attributes:
        emotions: E names.
        units: U names without sides; the last one is `UNSEEN`.
        bias: (E,) b.
        fields: (E, U) h.
        pairs: (U, U) J, symmetric, 0 on the diagonal.
        number: (5,) g of 1 to 5 units.
        one_sided: unit → how often it is on one side only.
        left: unit → how often that side is the left one.
    """

    emotions: tuple[str, ...]
    units: tuple[str, ...]
    bias: Float64
    fields: Float64
    pairs: Float64
    number: Float64
    one_sided: Mapping[str, float]
    left: Mapping[str, float]

    def draw(self, rng: np.random.Generator, emotion: str | None = None) -> tuple[str, tuple[str, ...]]:
        """An emotion and its units, without sides; at least one.

        Args:
            rng: decides.
            emotion: must be this one; None = as often as they occur.

        Raises:
            ValueError: no such emotion.
        """
        if emotion is not None and emotion not in self.emotions:
            raise ValueError(f"UnitSets.draw: no emotion {emotion!r}; there are {', '.join(self.emotions)}")
        joint, sets = _listed(self)
        if emotion is None:
            emotion = self.emotions[int(np.searchsorted(np.cumsum(joint[:, -1]), rng.random() * joint[:, -1].sum()))]
        row = joint[self.emotions.index(emotion)]
        while True:
            place = int(np.searchsorted(row, rng.random() * row[-1], side="right"))
            names = tuple(u for u, x in zip(self.units[:-1], sets[place], strict=False) if x)
            if names:
                return emotion, names

    def only_unseen(self) -> float:
        """Share of the sets that hold nothing but `UNSEEN`; `draw` passes over them."""
        joint, sets = _listed(self)
        share = np.diff(joint, axis=1, prepend=0.0).sum(axis=0)
        return float(share[(sets.sum(axis=1) == 1) & sets[:, -1]].sum() / share.sum())

    def with_sides(self, rng: np.random.Generator, units: tuple[str, ...]) -> tuple[str, ...]:
        """Entries of schema "facs" of units: both sides, or one where the unit is one-sided.

        Units of one event lean to the same side more often than not; how often exactly is not known, so 0.7 of the
        units follow a common die (each unit's own share of one-sided events is kept).
        """
        facs = load_schema("facs")
        common = rng.random(2)
        out: list[str] = []
        for unit in units:
            one, left = np.where(rng.random() < 0.7, common, rng.random(2))
            if unit in facs:
                out.append(unit)
            elif one < self.one_sided.get(unit, 0.0):
                out.append(f"{unit}_{'L' if left < self.left.get(unit, 0.5) else 'R'}")
            else:
                out += [f"{unit}_L", f"{unit}_R"]
        return tuple(out)


@cache
def load_unit_sets(kind: str) -> UnitSets:
    """The committed model of "micro" or "macro" events.

    Raises:
        KeyError: no such kind.
    """
    return unit_sets_of(statistics_table()[kind]["units"])


def unit_sets_of(table: Mapping[str, Any]) -> UnitSets:
    """The model that a table of the parameter file describes."""
    units, emotions = tuple(table["names"]), tuple(table["bias"])
    pairs = np.zeros((len(units), len(units)))
    for pair, value in table["pairs"].items():
        i, j = (units.index(u) for u in pair.split("+"))
        pairs[i, j] = pairs[j, i] = value
    fields = np.array([[table["fields"][e][u] for u in units] for e in emotions])
    bias = np.array([table["bias"][e] for e in emotions])
    return UnitSets(
        emotions, units, bias, fields, pairs, np.array(table["number"]), dict(table["one_sided"]), dict(table["left"])
    )


def list_sets(units: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """(S, U) bool: every set of 1 to 5 units without two that the character cannot do together."""
    bad = {frozenset((units.index(a), units.index(b))) for a, b in exclusive_units(units)}
    rows = []
    for n in range(1, MOST_UNITS + 1):
        for chosen in combinations(range(len(units)), n):
            if not any(frozenset(two) in bad for two in combinations(chosen, 2)):
                rows.append(chosen)
    out = np.zeros((len(rows), len(units)), bool)
    for row, chosen in zip(out, rows, strict=True):
        row[list(chosen)] = True
    return out


def exclusive_units(units: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Pairs of units whose shapes exclude each other on a side."""
    arkit = load_schema("arkit52")
    opposites = {frozenset((arkit.index(a), arkit.index(b))) for a, b in EXCLUSIVE}
    out = []
    for one, other in combinations([u for u in units if u != UNSEEN], 2):
        shapes = ((a, b) for a in _all_shapes(one) for b in _all_shapes(other))
        if any(frozenset(two) in opposites for two in shapes):
            out.append((one, other))
    return tuple(out)


def log_weights(model: UnitSets, sets: npt.NDArray[np.bool_]) -> Float64:
    """(E, S) exponents of the sets, not normalised."""
    x = sets.astype(np.float64)
    shared = np.einsum("su,su->s", x @ model.pairs, x) / 2 + model.number[sets.sum(axis=1) - 1]
    return np.asarray(model.bias[:, None] + model.fields @ x.T + shared, dtype=np.float64)


def doable(unit: str) -> bool:
    """Whether the character has shapes for a unit (without side) and it is no blink."""
    facs = load_schema("facs")
    known = unit in facs or f"{unit}_L" in facs
    return known and unit not in LIDS and bool(_all_shapes(unit))


def _all_shapes(unit: str) -> tuple[int, ...]:
    facs = load_schema("facs")
    names = (unit,) if unit in facs else (f"{unit}_L", f"{unit}_R")
    return tuple(s for name in names for s in shapes_of(name))


@cache
def _listed(model: UnitSets) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """(E, S) running sums of the sets' weights, and the sets."""
    sets = list_sets(model.units)
    exponent = log_weights(model, sets)
    return np.cumsum(np.exp(exponent - exponent.max()), axis=1), sets

"""How long movements take: onset to apex, apex to offset, and the gaps between events.

Micro-expressions: the whole is 0.5 s times a Beta number, the rise's share of it is logistic-normal, and the two are
tied by a Gaussian copula. So the 0.5 s rule holds by construction. Macro-expressions: rise and fall are log-normal with
a longer right tail, and correlated. Parameters: `sequence_statistics.toml`; how they were fitted: `fit_timing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtr

from mien.animate.statistics_table import statistics_table
from mien.core.arrays import Float64

MICRO_S = 0.5
"""Longest micro-expression, onset to offset."""
SHORTEST_S = 0.03
"""Of a rise or a fall; a shorter one would be one frame at 30 fps."""
MACRO_S = (0.5, 8.0)
"""Shortest and longest macro-expression. (Real ones reach further: 5 % of one dataset's last more than 8 s.)"""


@dataclass(frozen=True, slots=True)
class MicroTiming:
    """Durations of micro-expressions.

    Attributes:
        a, b: of the Beta distribution of the whole over 0.5 s.
        share, spread: mean and standard deviation of the logit of rise / whole.
        tie: correlation of the copula.
        emotions: emotion → (a, share) in place of the pooled ones.
    """

    a: float
    b: float
    share: float
    spread: float
    tie: float
    emotions: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def at(self, normals: Float64, emotion: str | None = None) -> Float64:
        """(N, 2) seconds: rise and fall, from (N, 2) independent standard normal numbers."""
        return self.times(normals, *self.emotions.get(emotion or "", (self.a, self.share)))

    def times(self, normals: Float64, a: float | Float64, share: float | Float64) -> Float64:
        """(N, 2) seconds of rise and fall, with `a` and `share` in place of the pooled ones: one or (N,)."""
        whole = MICRO_S * betaincinv(a, self.b, ndtr(normals[:, 0]))
        logit = share + self.spread * (self.tie * normals[:, 0] + np.sqrt(1 - self.tie**2) * normals[:, 1])
        rise = whole / (1.0 + np.exp(-logit))
        return np.stack([rise, whole - rise], axis=1)

    def draw(self, rng: np.random.Generator, emotion: str | None = None) -> tuple[float, float]:
        """Seconds of a rise and a fall; an emotion that is not listed has the pooled ones."""
        while True:
            rise, fall = self.at(rng.standard_normal((1, 2)), emotion)[0]
            if min(rise, fall) >= SHORTEST_S:
                return float(rise), float(fall)


@dataclass(frozen=True, slots=True)
class MacroTiming:
    """Durations of macro-expressions.

    log seconds = middle + sd · (e^(skew · z) − 1) / skew with a standard normal z (Tukey's g transform), of rise and
    fall each; a skew above 0 makes the long tail longer, the short one shorter.

    Attributes:
        rise, rise_sd, rise_skew: of onset to apex.
        fall, fall_sd, fall_skew: of apex to offset.
        tie: correlation of the two z.
    """

    rise: float
    rise_sd: float
    rise_skew: float
    fall: float
    fall_sd: float
    fall_skew: float
    tie: float

    def at(self, normals: Float64) -> Float64:
        """(N, 2) seconds: rise and fall, from (N, 2) independent standard normal numbers."""
        second = self.tie * normals[:, 0] + np.sqrt(1 - self.tie**2) * normals[:, 1]
        logs = [
            self.rise + self.rise_sd * _skewed(normals[:, 0], self.rise_skew),
            self.fall + self.fall_sd * _skewed(second, self.fall_skew),
        ]
        return np.asarray(np.exp(np.stack(logs, axis=1)), dtype=np.float64)

    def draw(self, rng: np.random.Generator) -> tuple[float, float]:
        """Seconds of a rise and a fall, together within `MACRO_S`."""
        while True:
            rise, fall = self.at(rng.standard_normal((1, 2)))[0]
            if min(rise, fall) >= SHORTEST_S and MACRO_S[0] < rise + fall <= MACRO_S[1]:
                return float(rise), float(fall)


@dataclass(frozen=True, slots=True)
class Rate:
    """When events of a kind come: bouts at random, in each bout another event follows with some chance.

    Attributes:
        bouts_per_minute: of the Poisson process.
        again: chance of another event in the bout.
        gap, gap_sd: mean and standard deviation of the log seconds between two of a bout.
    """

    bouts_per_minute: float
    again: float
    gap: float
    gap_sd: float

    def draw_gap(self, rng: np.random.Generator) -> float:
        """Seconds from the end of an event to the start of the next one of its bout."""
        return float(np.exp(rng.normal(self.gap, self.gap_sd)))


def _skewed(z: Float64, skew: float) -> Float64:
    return np.asarray(np.expm1(skew * z) / skew if abs(skew) > 1e-6 else z, dtype=np.float64)


@cache
def micro_timing() -> MicroTiming:
    """The committed parameters."""
    return micro_timing_of(statistics_table()["micro"]["timing"])


def micro_timing_of(table: Mapping[str, Any]) -> MicroTiming:
    """What a table of the parameter file describes."""
    own = {name: (row["a"], row["share"]) for name, row in table.get("emotions", {}).items()}
    return MicroTiming(table["a"], table["b"], table["share"], table["spread"], table["tie"], own)


@cache
def macro_timing() -> MacroTiming:
    """The committed parameters."""
    return MacroTiming(**statistics_table()["macro"]["timing"])


@cache
def rate(kind: str) -> Rate:
    """The committed parameters of "micro" or "macro" events in long videos."""
    return Rate(**statistics_table()[kind]["rate"])

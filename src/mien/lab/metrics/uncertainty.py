"""How sure a score is: bootstrap over subjects (never over single frames, which are alike), and spread over seeds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from mien.core.arrays import Int64
from mien.errors import RequestError
from mien.lab.metrics.score import numbers

REPEATS = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A value with its confidence interval.

    Attributes:
        value: on all items.
        low, high: ends of the interval; NaN if fewer than two clusters or no draw was defined.
        level: 0.95 unless told.
        clusters: subjects or seeds it rests on.
        undefined: share of draws in which the metric was NaN (left out of the ends).
    """

    value: float
    low: float
    high: float
    level: float
    clusters: int
    undefined: float = 0.0

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}] ({self.clusters} clusters)"


def _level(level: float) -> None:
    if not 0 < level < 1:
        raise RequestError(f"level {level:g} must lie between 0 and 1")


def by_subject(
    metric: Callable[[Int64], float],
    subjects: Sequence[Hashable],
    *,
    repeats: int = REPEATS,
    level: float = LEVEL,
    seed: int = 0,
) -> Uncertain:
    """Cluster bootstrap, percentile interval (Efron & Tibshirani 1993): whole subjects are drawn with replacement.

    Args:
        metric: value on the items with these numbers, (M,) int64, some several times.
        subjects: whose each item is; an item of nobody known must get a name of its own.
        repeats: draws.
        level: of confidence.
        seed: same seed, same interval.

    Raises:
        RequestError: no items, or repeats or level out of range.
    """
    _level(level)
    if not len(subjects) or repeats < 1:
        raise RequestError("a bootstrap needs at least one item and one repeat")
    items: dict[Hashable, list[int]] = {}
    for i, subject in enumerate(subjects):
        items.setdefault(subject, []).append(i)
    groups = [np.array(own, np.int64) for own in items.values()]
    value = float(metric(np.arange(len(subjects), dtype=np.int64)))
    if len(groups) < 2:
        return Uncertain(value, float("nan"), float("nan"), level, len(groups))
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(groups), size=(repeats, len(groups)))
    values = np.array([metric(np.concatenate([groups[g] for g in draw])) for draw in draws], dtype=np.float64)
    kept = values[~np.isnan(values)]
    tail = (1 - level) / 2
    low, high = np.quantile(kept, [tail, 1 - tail]).tolist() if len(kept) else (float("nan"), float("nan"))
    return Uncertain(value, low, high, level, len(groups), 1 - len(kept) / repeats)


def by_seed(values: Sequence[float], level: float = LEVEL) -> Uncertain:
    """Mean over runs with different seeds and its t interval, mean ± t · s / √n with s of n − 1.

    Tells how much the training's chance matters, not how well the value carries over to other people.

    Raises:
        RequestError: no run, or a run without a value.
    """
    _level(level)
    runs = numbers(values, (None,), "values of the runs", finite=True)
    if not len(runs):
        raise RequestError("no run to take a mean of")
    mean = float(runs.mean())
    if len(runs) < 2:
        return Uncertain(mean, float("nan"), float("nan"), level, len(runs))
    half = float(student.ppf(0.5 + level / 2, len(runs) - 1) * runs.std(ddof=1) / np.sqrt(len(runs)))
    return Uncertain(mean, mean - half, mean + half, level, len(runs))

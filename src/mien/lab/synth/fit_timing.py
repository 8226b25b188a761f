"""Histograms and percentiles of durations → the parameters of `timing`.

Distributions are compared at the edges of the real histograms' bins: the sum of squared differences of the shares
below each edge, each over the variance F(1 − F) that such a share has (Anderson & Darling 1952), so that the ends count
as much as the middle; for rise, fall and whole together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri
from scipy.stats import qmc

from mien.animate.timing import MACRO_S, SHORTEST_S, MacroTiming, MicroTiming, Rate
from mien.core.arrays import Float64

_TURNS = 3
_FLOOR = 0.01
"""Added to the variance of a share, which is 0 at the ends."""
_PARTS = ("onset_to_apex", "apex_to_offset", "onset_to_offset")


def even_points(count: int = 4096) -> Float64:
    """(count, 3): two standard normal numbers and one of 0–1, filling space evenly; `count` is a power of two."""
    points = np.clip(qmc.Sobol(3, seed=1).random(count), 1e-6, 1 - 1e-6)
    points[:, :2] = ndtri(points[:, :2])
    return np.asarray(points, dtype=np.float64)


def fit_micro_timing(clips: Sequence[Mapping[str, Any]], renamed: Mapping[str, str]) -> MicroTiming:
    """Fit the datasets that keep to the 0.5 s rule.

    `clips`: their tables with `timing` and `timing_by_emotion`; `renamed`: emotions that are merged into another one.

    The mixture of all emotions, each with its own means, is what is fitted to the pooled histograms; otherwise the
    differences between emotions would come on top of a spread that has them already. Both are found in turns.
    """
    real, means = shares_below([c["timing"] for c in clips]), _means_by_emotion(clips, renamed)
    points, events = even_points(), sum(c["timing"]["onset_to_offset_s"]["n"] for c in clips)
    ends = np.cumsum([n / events for n, _, _ in means.values()])
    which = np.searchsorted(ends, points[:, 2])  # len(means): an emotion with too few clips
    start = np.array([1.1, 0.1, 0.1, -0.5, 0.2])
    own = dict.fromkeys(means, (1.0, 0.0))
    for _ in range(_TURNS):
        factor, more = np.array([*own.values(), (1.0, 0.0)]).T

        def made(vector: Float64, factor: Float64 = factor, more: Float64 = more) -> Float64:
            pooled = _micro(vector)
            return _long_enough(pooled.times(points, pooled.a * factor[which], pooled.share + more[which]))

        start = _fitted(made, real, start)
        pooled = _micro(start)
        found = {e: _of_emotion(pooled, whole, rise, points) for e, (_, whole, rise) in means.items()}
        own = {e: (a / pooled.a, share - pooled.share) for e, (a, share) in found.items()}
    return MicroTiming(pooled.a, pooled.b, pooled.share, pooled.spread, pooled.tie, found)


def _micro(vector: Float64) -> MicroTiming:
    a, b, share, spread, tie = (float(v) for v in vector)
    return MicroTiming(float(np.exp(a)), float(np.exp(b)), share, float(np.exp(spread)), float(np.tanh(tie)))


def fit_macro_timing(tables: Sequence[Mapping[str, Any]]) -> MacroTiming:
    """Fit `timing` tables of macro events."""
    points = even_points()

    def made(vector: Float64) -> Float64:
        times = _macro(vector).at(points)
        whole = times.sum(axis=1)
        return _long_enough(times[(whole > MACRO_S[0]) & (whole <= MACRO_S[1])])

    return _macro(_fitted(made, shares_below(tables), np.array([-0.8, -0.4, 0.2, -0.4, -0.4, 0.2, 0.3])))


def _macro(vector: Float64) -> MacroTiming:
    rise, rise_sd, rise_skew, fall, fall_sd, fall_skew, tie = (float(v) for v in vector)
    spread = (float(np.exp(rise_sd)), float(np.exp(fall_sd)))
    return MacroTiming(rise, spread[0], rise_skew, fall, spread[1], fall_skew, float(np.tanh(tie)))


def fit_rate(videos: Sequence[Mapping[str, Any]], kind: str) -> Rate:
    """Bouts and gaps of "macro" or "micro" events in long videos.

    The chance of another event is the share of events that have a next one in their video; gaps are fitted to the
    percentiles 10 to 90 (mean of the datasets, by number of gaps).
    """
    events = sum(v[kind]["events"] for v in videos)
    minutes = sum(v["minutes_up_to_last_event"] for v in videos)
    gaps = [v[kind]["gap_to_next_same_kind_s"] for v in videos]
    again = sum(g["n"] for g in gaps) / events
    names, at = ("p10", "p25", "p50", "p75", "p90"), ndtri([0.1, 0.25, 0.5, 0.75, 0.9])
    logs = np.average(np.log([[g[p] for p in names] for g in gaps]), axis=0, weights=[g["n"] for g in gaps])
    slope, middle = np.polyfit(at, logs, 1)
    return Rate(events * (1 - again) / minutes, again, float(middle), float(slope))


def _long_enough(times: Float64) -> Float64:
    return np.asarray(times[(times >= SHORTEST_S).all(axis=1)], dtype=np.float64)


def _of_emotion(pooled: MicroTiming, whole_s: float, rise_s: float, points: Float64) -> tuple[float, float]:
    """(a, share) that give an emotion its own means."""

    def miss(vector: Float64) -> float:
        own = {"": (float(np.exp(vector[0])), float(vector[1]))}
        times = MicroTiming(pooled.a, pooled.b, pooled.share, pooled.spread, pooled.tie, own).at(points)
        rise, fall = _long_enough(times).mean(axis=0)
        return float((rise + fall - whole_s) ** 2 + (rise - rise_s) ** 2) * 1e4

    found = minimize(miss, [np.log(pooled.a), pooled.share], method="Nelder-Mead", options={"xatol": 1e-4})
    return float(np.exp(found.x[0])), float(found.x[1])


def _means_by_emotion(
    clips: Sequence[Mapping[str, Any]], renamed: Mapping[str, str]
) -> dict[str, tuple[float, float, float]]:
    """Emotion → clips, mean seconds of the whole and of the rise, where a dataset has at least 20 clips of it.

    An emotion's mean is the pooled mean plus its mean difference from the dataset it is in: some emotions are in one
    dataset only, and what is peculiar to that dataset is not to pass for the emotion.
    """
    names = ("onset_to_offset_s", "onset_to_apex_s")
    size = [c["timing"][names[0]]["n"] for c in clips]
    mean = np.array([[c["timing"][n]["mean"] for n in names] for c in clips])
    pooled = np.average(mean, axis=0, weights=size)
    sums: dict[str, Float64] = {}
    for clip, of_clips in zip(clips, mean, strict=True):
        for emotion, row in clip["timing_by_emotion"].items():
            n = row[names[0]]["n"]
            off = n * (np.array([row[k]["mean"] for k in names]) - of_clips)
            name = renamed.get(emotion, emotion)
            sums[name] = sums.get(name, np.zeros(3)) + np.array([n, *off])
    out = {e: (s[0], *(pooled + s[1:] / s[0])) for e, s in sums.items()}
    return {e: (float(n), float(whole), float(rise)) for e, (n, whole, rise) in out.items()}


def shares_below(tables: Sequence[Mapping[str, Any]]) -> list[tuple[Float64, Float64]]:
    """For rise, fall and whole: edges in seconds and the share of events below each."""
    out = []
    for part in _PARTS:
        rows = [t[f"hist_{part}"] for t in tables]
        size, longest = rows[0]["bin_s"], max(len(r["counts"]) for r in rows)
        counts = np.zeros(longest)
        for row in rows:
            counts[: len(row["counts"])] += row["counts"]
        total = counts.sum() + sum(r["over"] for r in rows)
        out.append((size * np.arange(1, longest + 1), np.cumsum(counts) / total))
    return out


def _fitted(made: Callable[[Float64], Float64], real: list[tuple[Float64, Float64]], start: Float64) -> Float64:
    def miss(vector: Float64) -> float:
        times = made(vector)
        if len(times) < 100:
            return 1e6
        every = (times[:, 0], times[:, 1], times.sum(axis=1))
        total = 0.0
        for t, (edges, below) in zip(every, real, strict=True):
            gaps = np.searchsorted(np.sort(t), edges) / len(times) - below
            total += float((gaps**2 / (below * (1 - below) + _FLOOR)).sum())
        return total

    found = minimize(miss, start, method="Nelder-Mead", options={"maxiter": 3000, "xatol": 1e-4, "fatol": 1e-6})
    return np.asarray(found.x, dtype=np.float64)

"""Histograms and percentiles of durations → the parameters of `timing`.

Distributions are compared at the edges of the real histograms' bins: the sum of squared differences of the shares
below each edge (Cramér–von Mises), for rise, fall and whole together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri
from scipy.stats import qmc

from mien.core.arrays import Float64
from mien.lab.synth.timing import MACRO_S, SHORTEST_S, MacroTiming, MicroTiming, Rate

_PARTS = ("onset_to_apex", "apex_to_offset", "onset_to_offset")


def normals(count: int = 4096) -> Float64:
    """(count, 2) standard normal numbers that fill the plane evenly; `count` is a power of two."""
    return np.asarray(ndtri(np.clip(qmc.Sobol(2, seed=1).random(count), 1e-6, 1 - 1e-6)), dtype=np.float64)


def fit_micro_timing(clips: Sequence[Mapping[str, Any]]) -> MicroTiming:
    """Fit the datasets that keep to the 0.5 s rule. `clips`: their tables with `timing` and `timing_by_emotion`."""
    real = _shares_below([c["timing"] for c in clips])
    points = normals()

    def made(vector: Float64) -> Float64:
        a, b, share, spread, tie = vector
        times = MicroTiming(float(np.exp(a)), float(np.exp(b)), share, float(np.exp(spread)), np.tanh(tie)).at(points)
        return _long_enough(times)

    a, b, share, spread, tie = _fitted(made, real, np.array([1.1, 0.1, 0.1, -0.5, 0.2]))
    pooled = MicroTiming(float(np.exp(a)), float(np.exp(b)), share, float(np.exp(spread)), float(np.tanh(tie)))
    own = {e: _of_emotion(pooled, *means, points) for e, means in _means_by_emotion(clips).items()}
    return MicroTiming(pooled.a, pooled.b, pooled.share, pooled.spread, pooled.tie, own)


def fit_macro_timing(tables: Sequence[Mapping[str, Any]]) -> MacroTiming:
    """Fit `timing` tables of macro events."""
    points = normals()

    def made(vector: Float64) -> Float64:
        rise, rise_sd, fall, fall_sd, tie = vector
        times = MacroTiming(rise, float(np.exp(rise_sd)), fall, float(np.exp(fall_sd)), np.tanh(tie)).at(points)
        whole = times.sum(axis=1)
        return _long_enough(times[(whole > MACRO_S[0]) & (whole <= MACRO_S[1])])

    found = _fitted(made, _shares_below(tables), np.array([-0.8, -0.4, -0.4, -0.4, 0.3]))
    rise, rise_sd, fall, fall_sd, tie = found
    return MacroTiming(rise, float(np.exp(rise_sd)), fall, float(np.exp(fall_sd)), float(np.tanh(tie)))


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


def _means_by_emotion(clips: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Emotion → mean seconds of the whole and of the rise, over the datasets that have at least 20 clips of it."""
    sums: dict[str, Float64] = {}
    for clip in clips:
        for emotion, row in clip["timing_by_emotion"].items():
            whole, rise = row["onset_to_offset_s"], row["onset_to_apex_s"]
            part = np.array([whole["n"], whole["n"] * whole["mean"], whole["n"] * rise["mean"]])
            sums[emotion] = sums.get(emotion, np.zeros(3)) + part
    return {e: (float(s[1] / s[0]), float(s[2] / s[0])) for e, s in sums.items()}


def _shares_below(tables: Sequence[Mapping[str, Any]]) -> list[tuple[Float64, Float64]]:
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


def _fitted(
    made: Callable[[Float64], Float64], real: list[tuple[Float64, Float64]], start: Float64
) -> tuple[float, float, float, float, float]:
    def miss(vector: Float64) -> float:
        times = made(vector)
        if len(times) < 100:
            return 1e3
        every = (times[:, 0], times[:, 1], times.sum(axis=1))
        gaps = [
            np.searchsorted(np.sort(t), edges) / len(times) - below
            for t, (edges, below) in zip(every, real, strict=True)
        ]
        return float(sum((g**2).sum() for g in gaps))

    found = minimize(miss, start, method="Nelder-Mead", options={"maxiter": 1500, "xatol": 1e-4, "fatol": 1e-7})
    a, b, c, d, e = (float(v) for v in found.x)
    return a, b, c, d, e

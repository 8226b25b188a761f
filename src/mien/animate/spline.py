"""The course of an activation as a cubic B-spline: c(t) = Σ b_i B_i(t) (seed 002 §3.4).

The control points are a minimum-jerk course at the Greville abscissae (Schoenberg's variation-diminishing spline): the
curve never leaves the range of its control points, so that nothing overshoots, and it is smooth up to its acceleration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from mien.animate.motion import Pulse, course
from mien.core.arrays import Float64

DEGREE = 3
_INNER = 5
"""Knots inside the rise and inside the fall."""


@dataclass(frozen=True, slots=True)
class Times:
    """When an activation starts, is at its largest, is let go, and is gone, s; ascending, the middle ones may agree.

    Attributes:
        skew: exponent of time in the rise and in the fall; 1 = symmetric, larger = late.
    """

    onset_s: float
    apex_s: float
    release_s: float
    offset_s: float
    skew: tuple[float, float] = (1.0, 1.0)


def activation(times: Times) -> BSpline:
    """The spline of one activation: 0 at onset and offset, at most 1; outside of them 0 (NaN is never given)."""
    rise = np.linspace(times.onset_s, times.apex_s, _INNER + 2)
    fall = np.linspace(times.release_s, times.offset_s, _INNER + 2)
    inner = np.unique(np.concatenate([rise[1:], fall[:-1]]))
    knots = np.concatenate([[times.onset_s] * (DEGREE + 1), inner, [times.offset_s] * (DEGREE + 1)])
    greville = np.array([knots[i + 1 : i + 1 + DEGREE].mean() for i in range(len(knots) - DEGREE - 1)])
    hold = (times.release_s - times.apex_s) / (times.offset_s - times.apex_s)
    pulse = Pulse(0, 1.0, times.onset_s, times.apex_s, times.offset_s, hold, times.skew)
    points = course(pulse, greville)
    points[[0, -1]] = 0.0
    spline = BSpline(knots, points, DEGREE, extrapolate=False)
    # Without a hold the smoothed peak would stay below 1.
    top = float(spline(np.linspace(times.onset_s, times.offset_s, 257)).max())
    return BSpline(knots, points / max(top, 1e-9), DEGREE, extrapolate=False)


def sampled(spline: BSpline, t_s: Float64) -> Float64:
    """(T,) values at ascending times, 0–1; 0 outside."""
    out = np.zeros(len(t_s))
    first, last = np.searchsorted(t_s, (spline.t[0], spline.t[-1]))
    if last > first:
        out[first:last] = np.clip(np.nan_to_num(spline(t_s[first:last])), 0.0, 1.0)
    return out

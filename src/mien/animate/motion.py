"""Smooth movements as functions of time: pulses of shapes, steps of head and eyes, slow drift.

Nothing here knows a frame rate. Every curve is built from the minimum-jerk course 10u³ − 15u⁴ + 6u⁵ (Flash & Hogan
1985), so that speed is 0 at both ends and never jumps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64


@dataclass(frozen=True, slots=True)
class Pulse:
    """One shape goes up and down again.

    Attributes:
        shape: index into schema "arkit52".
        weight: at the apex, 0–1.
        onset_s, apex_s, offset_s: starts, is at its largest, is gone; ascending.
        hold: share of the fall for which it stays at its largest, 0 to below 1.
        skew: exponent of time in the rise and in the fall; 1 = symmetric, larger = late.
    """

    shape: int
    weight: float
    onset_s: float
    apex_s: float
    offset_s: float
    hold: float = 0.0
    skew: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Step:
    """A movement from one place to another, along one or several axes.

    Attributes:
        start_s, length_s: when and how long.
        by: how far along each axis.
    """

    start_s: float
    length_s: float
    by: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """A few slow sine waves per axis.

    Attributes:
        hz, phase, size: (axes, waves).
    """

    hz: Float64
    phase: Float64
    size: Float64

    @classmethod
    def random(cls, rng: np.random.Generator, sizes: Iterable[float], band_hz: tuple[float, float]) -> Drift:
        """Four waves per axis. `sizes`: standard deviation over time of each axis."""
        axes = np.array(list(sizes))
        low, high = np.log(band_hz).tolist()
        hz = np.exp(rng.uniform(low, high, (len(axes), 4)))
        share = rng.uniform(0.3, 1.0, hz.shape)
        share /= np.sqrt((share**2).sum(axis=1, keepdims=True) / 2)
        return cls(hz, rng.uniform(0.0, 2 * np.pi, hz.shape), share * axes[:, None])

    def at(self, t_s: Float64) -> Float64:
        """(T, axes) at (T,) seconds."""
        angle = 2 * np.pi * self.hz * t_s[:, None, None] + self.phase
        return np.asarray((self.size * np.sin(angle)).sum(axis=2), dtype=np.float64)


def ease(u: npt.ArrayLike) -> Float64:
    """0 → 1 over u = 0 … 1, constant outside."""
    x = np.clip(np.asarray(u, dtype=np.float64), 0.0, 1.0)
    return np.asarray(x**3 * (10.0 + x * (6.0 * x - 15.0)), dtype=np.float64)


def course(pulse: Pulse, t_s: Float64) -> Float64:
    """(T,) how far a pulse has gone, 0–1; 1 at its apex."""
    top_s = pulse.apex_s + pulse.hold * (pulse.offset_s - pulse.apex_s)
    up = np.clip((t_s - pulse.onset_s) / (pulse.apex_s - pulse.onset_s), 0.0, 1.0)
    down = np.clip((pulse.offset_s - t_s) / (pulse.offset_s - top_s), 0.0, 1.0)
    return np.asarray(ease(up ** pulse.skew[0]) * ease(down ** pulse.skew[1]), dtype=np.float64)


def weights(pulses: Iterable[Pulse], t_s: Float64, shapes: int) -> Float64:
    """(T, shapes) of many pulses at ascending times; where they overlap they add up without passing 1."""
    left = np.ones((len(t_s), shapes))
    for pulse in pulses:
        first, last = np.searchsorted(t_s, (pulse.onset_s, pulse.offset_s))
        left[first:last, pulse.shape] *= 1.0 - pulse.weight * course(pulse, t_s[first:last])
    return np.asarray(1.0 - left, dtype=np.float64)


def positions(steps: Iterable[Step], t_s: Float64, axes: int) -> Float64:
    """(T, axes) of many steps, 0 before the first."""
    out = np.zeros((len(t_s), axes))
    for step in steps:
        out += ease((t_s - step.start_s) / step.length_s)[:, None] * np.array(step.by)
    return out

"""Smoothing for characters. Recognition reads raw signals; only what is shown is ever smoothed.

The One-Euro filter follows fast movement closely and calms slow movement: its cutoff frequency grows with
speed. Time steps come from the stamps, so that a dropped frame or another frame rate changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mien.animate.performance import Performance
from mien.core.arrays import Float32, Float64, Int64
from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S


@dataclass(frozen=True, slots=True)
class OneEuro:
    """The 1€ filter of Casiez, Roussel and Vogel (CHI 2012), algorithm 1 with the real time step of each sample.

    Attributes:
        min_cutoff_hz: cutoff at rest; lower = calmer.
        beta_s: how fast the cutoff rises with speed: cutoff = min_cutoff + beta · |speed|, speed in units of the
            signal per second, so beta is in Hz · s per unit.
        speed_cutoff_hz: cutoff of the low-pass on the speed itself.
    """

    min_cutoff_hz: float = 1.0
    beta_s: float = 1.0
    speed_cutoff_hz: float = 1.0

    def __call__(self, t_ns: Int64, values: Float32) -> Float32:
        """Filter (T, N) values, each column by itself, at (T,) strictly increasing stamps; causal.

        Raises:
            ValueError: a value is NaN: fill gaps first.
        """
        return filtered([self] * values.shape[1], t_ns, values)

    def centred(self, t_ns: Int64, values: Float32) -> Float32:
        """The same without delay, for takes: forwards and backwards, averaged. A peak stays where it is."""
        return centred([self] * values.shape[1], t_ns, values)


def filtered(filters: Sequence[OneEuro], t_ns: Int64, values: Float32) -> Float32:
    """(T, N) values, column k by filter k, at (T,) strictly increasing stamps; causal.

    Raises:
        ValueError: a value is NaN: fill gaps first.
    """
    if not np.isfinite(values).all():
        raise ValueError("OneEuro: the signal has gaps (NaN); fill them first")
    least, beta, speed_cutoff = np.array([(f.min_cutoff_hz, f.beta_s, f.speed_cutoff_hz) for f in filters]).T
    out = values.astype(np.float64)
    speed = np.zeros(values.shape[1], np.float64)
    for i in range(1, len(values)):
        step_s = float(t_ns[i] - t_ns[i - 1]) / NS_PER_S
        raw = (values[i] - out[i - 1]) / step_s
        speed = speed + _alpha(step_s, speed_cutoff) * (raw - speed)
        alpha = _alpha(step_s, least + beta * np.abs(speed))
        out[i] = out[i - 1] + alpha * (values[i] - out[i - 1])
    return out.astype(np.float32)


def centred(filters: Sequence[OneEuro], t_ns: Int64, values: Float32) -> Float32:
    """`filtered` forwards and backwards, averaged: no delay, a peak stays where it is."""
    back = filtered(filters, -t_ns[::-1], values[::-1])[::-1]
    mean: Float32 = (filtered(filters, t_ns, values) + back) / np.float32(2.0)
    return mean


WEIGHTS = OneEuro(min_cutoff_hz=2.0, beta_s=12.0, speed_cutoff_hz=8.0)
"""Calms the tremor of weights (units of 1) and keeps a blink of 100 ms: see the tests."""

GROUPS = {
    "lids": WEIGHTS,
    "mouth": OneEuro(min_cutoff_hz=1.5, beta_s=10.0, speed_cutoff_hz=8.0),
    "brows": OneEuro(min_cutoff_hz=1.0, beta_s=6.0, speed_cutoff_hz=5.0),
    "cheeks": OneEuro(min_cutoff_hz=1.0, beta_s=6.0, speed_cutoff_hz=5.0),
}
"""Lids and lips are quick and must not be late; brows, cheeks and nose may be calmer. Measured: docs/animate.md."""


def group_of(shape: str) -> str:
    """The group of an ARKit shape: "lids", "mouth", "brows" or "cheeks" (with the nose)."""
    if shape.startswith("eye"):
        return "lids"
    if shape.startswith("brow"):
        return "brows"
    return "cheeks" if shape.startswith(("cheek", "nose")) else "mouth"


SHAPE_FILTERS = tuple(GROUPS[group_of(n)] for n in load_schema("arkit52").names)
"""One per shape, in the order of the schema."""
_CLOSE, _JAW = (load_schema("arkit52").index(n) for n in ("mouthClose", "jawOpen"))
_OPEN = 0.02
"""Weight of jawOpen below which how far the lips close it says nothing."""


def sealed(raw: Float32, smooth: Float32) -> Float32:
    """(..., 52) smoothed weights with mouthClose in the proportion to jawOpen that it was measured in.

    Two filters lag behind differently; lips that touch over an open jaw would part for moments.
    """
    out = smooth.copy()
    jaw = raw[..., _JAW]
    share = np.where(jaw > _OPEN, raw[..., _CLOSE] / np.maximum(jaw, _OPEN), 1.0)
    shut = np.clip(share, 0.0, 1.0)
    # Only a seal is kept: lips that are apart may be smoothed like everything else.
    kept = shut > 0.9
    out[..., _CLOSE] = np.where(kept, shut * out[..., _JAW], np.minimum(out[..., _CLOSE], out[..., _JAW]))
    return out


ROTATIONS = OneEuro(min_cutoff_hz=1.5, beta_s=25.0, speed_cutoff_hz=4.0)
"""For quaternion components of heads and eyes."""


def calmed(performance: Performance) -> Performance:
    """The performance without tremor and without delay; blinks keep their time and their depth."""
    if len(performance) < 3:
        return performance
    t_ns = performance.t_ns
    weights = sealed(performance.weights, np.clip(centred(SHAPE_FILTERS, t_ns, performance.weights), 0.0, 1.0))
    head, left, right = (
        _unit(ROTATIONS.centred(t_ns, q))
        for q in (performance.head_xyzw, performance.left_eye_xyzw, performance.right_eye_xyzw)
    )
    return replace(performance, weights=weights, head_xyzw=head, left_eye_xyzw=left, right_eye_xyzw=right)


def _alpha(step_s: float, cutoff_hz: Float64) -> Float64:
    """Smoothing factor of a first-order low-pass: 1 / (1 + τ/Δt), τ = 1 / (2π · cutoff)."""
    rate: Float64 = 2.0 * np.pi * cutoff_hz * step_s
    return rate / (rate + 1.0)


def _unit(xyzw: Float32) -> Float32:
    unit: Float32 = (xyzw / np.linalg.norm(xyzw, axis=1, keepdims=True)).astype(np.float32)
    return unit

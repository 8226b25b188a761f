"""What the spotter's network looks at: the movement of every region against its own noise, every 20 ms.

Two bands per region and axis: one that shows what lasts up to half a second, one for what lasts seconds. A Gaussian is
made of three running means (Wells 1986), whose cost does not grow with its width.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64
from mien.micro.grid import STEP_NS, Grid
from mien.micro.regions import load_regions

STEP_S = STEP_NS / 1e9
STRIDE = 2
"""Rows of the grid per row of the signals."""
FACTS = ("head", "misfit", "light", "broken", "pixels", "rate", "noise")
NOISE_FLOOR = 0.0005
_FINE_S, _NOISE_S, _SHORT_S, _LONG_S = 0.02, 0.25, 0.5, 2.5
_MOST = 30.0
_HEAD = np.array([1, 1, 1, 1, 0.3, 0.3, 0.3, 0.3], dtype=np.float32)


def width() -> int:
    """Channels of the signals."""
    return 4 * len(load_regions()) + len(FACTS)


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """A grid as the network sees it.

    Attributes:
        rows: (M, width()) float32, a row every `STRIDE` rows of the grid: short band of every region (x, y), long
            band, `FACTS`.
        smooth: (N, R, 2) float32 displacement without its fastest noise, in distances between the outer eye corners.
        short: (N, R, 2) float32: the short band, same unit.
        noise: (R,) float32 robust standard deviation of one axis of each region, same unit.
    """

    rows: Float32
    smooth: Float32
    short: Float32
    noise: Float32


def signals_of(grid: Grid) -> Signals:
    """Filter a grid."""
    flat = grid.regions.reshape(len(grid), -1).T
    smooth = gaussian(flat, _FINE_S)
    brief = smooth - gaussian(smooth, _NOISE_S)
    noise = 1.4826 * np.median(np.abs(brief), axis=1).reshape(-1, 2).mean(axis=1)
    noise = np.maximum(noise, NOISE_FLOOR).astype(np.float32)
    short = smooth - gaussian(smooth, _SHORT_S)
    each = np.repeat(noise, 2)[:, None]
    bands = [_squashed(short[:, ::STRIDE] / each)]
    bands.append(_squashed((smooth[:, ::STRIDE] - gaussian(smooth, _LONG_S)[:, ::STRIDE]) / each))
    rows = np.concatenate([*bands, _facts(grid, noise)]).T
    shape = grid.regions.shape
    return Signals(np.ascontiguousarray(rows, dtype=np.float32), smooth.T.reshape(shape), short.T.reshape(shape), noise)


def curve_of(grid: Grid) -> tuple[Float64, Float64]:
    """For drawing: (N,) movement of the regions in noises, (N,) opening of the upper lids in % of the eye distance."""
    signals, regions = signals_of(grid), load_regions()
    z = np.linalg.norm(signals.short, axis=2) / signals.noise
    energy = np.sqrt((np.sort(z, axis=1)[:, -4:].astype(np.float64) ** 2).mean(axis=1))
    lids = signals.short[:, [regions.index("lid_upper_R"), regions.index("lid_upper_L")], 1].mean(axis=1)
    return energy, np.asarray(-100 * lids, dtype=np.float64)


def gaussian(values: Float32, seconds: float) -> Float32:
    """(C, N) values smoothed along time by nearly a Gaussian of that standard deviation; ends are held."""
    size = max(1, round(float(np.sqrt(4 * (seconds / STEP_S) ** 2 + 1))))
    size += 1 - size % 2
    out = np.ascontiguousarray(values, dtype=np.float32)
    for _ in range(3):
        out = np.asarray(cv2.blur(out, (size, 1), borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
    return out


def _squashed(z: Float32) -> Float32:
    return np.arcsinh(np.clip(z, -_MOST, _MOST))


def _facts(grid: Grid, noise: Float32) -> Float32:
    """(len(FACTS), M)."""
    every = slice(None, None, STRIDE)
    speed = np.sqrt(np.square(grid.head * _HEAD).sum(axis=1))
    known = np.isfinite(grid.light)
    light = np.where(known, grid.light, 0.0)[None]
    change = (light - gaussian(light, _SHORT_S))[0]
    one = np.ones(len(grid), dtype=np.float32)
    facts = [
        np.log1p(100 * speed),
        np.log1p(1000 * grid.misfit),
        np.tanh(change / 3),
        grid.broken,
        known.any() * one,
        np.log(grid.rate_hz / 100) * one,
        np.log(1000 * np.median(noise)) * one,
    ]
    return np.array([f[every] for f in facts], dtype=np.float32)

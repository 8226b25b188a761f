"""What the spotter's network looks at: the movement of every region against its own noise, every 20 ms.

Two bands per region and axis: one that shows what lasts up to half a second, one for what lasts seconds. A Gaussian is
made of three running means (Wells 1986), whose cost does not grow with its width.
"""

from __future__ import annotations

import threading
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
SETTLED_S = 0.5
"""Twice what a region's noise is told from: movement that lasts less than a quarter of a second."""
_FINE_S, _NOISE_S, _SHORT_S, _LONG_S = 0.02, 0.25, 0.5, 2.5
_MOST = 30.0
_MOST_KEPT = 200_000
_HEAD = np.array([1, 1, 1, 1, 0.3, 0.3, 0.3, 0.3], dtype=np.float32)


def width() -> int:
    """Channels of the signals."""
    return 4 * len(load_regions()) + len(FACTS)


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """A grid as the network sees it.

    Attributes:
        rows: (M, width()) float32, a row every `STRIDE` rows of the grid, from the first that was asked for on: short
            band of every region (x, y), long band, `FACTS`.
        smooth: (N, R, 2) float32 displacement without its fastest noise, in distances between the outer eye corners.
        short: (N, R, 2) float32: the short band, same unit.
        noise: (R,) float32 robust standard deviation of one axis of each region, same unit; see `has_noise`.
    """

    rows: Float32
    smooth: Float32
    short: Float32
    noise: Float32


def signals_of(grid: Grid, first: int = 0) -> Signals:
    """Filter a grid. `first`: of the rows that are wanted; those before it lend their noise and level only."""
    smooth = gaussian(grid.regions.reshape(len(grid), -1).T, _FINE_S)
    passing = _passing("band", smooth.shape)
    brief = _without(smooth, _NOISE_S, passing)
    noise = 1.4826 * _median_size(brief).reshape(-1, 2).mean(axis=1)
    noise = np.maximum(noise, NOISE_FLOOR).astype(np.float32)
    short, each = _without(smooth, _SHORT_S), np.repeat(noise, 2)[:, None]
    wanted = slice(first * STRIDE, None, STRIDE)
    rows = np.empty((-(-len(grid) // STRIDE) - first, width()), dtype=np.float32)
    c = len(smooth)
    rows[:, :c] = _squashed(short[:, wanted] / each).T
    rows[:, c : 2 * c] = _squashed(_without(smooth, _LONG_S, passing)[:, wanted] / each).T
    rows[:, 2 * c :] = _facts(grid, noise, wanted).T
    shape = grid.regions.shape
    return Signals(rows, smooth.T.reshape(shape), short.T.reshape(shape), noise)


def has_noise(grid: Grid) -> bool:
    """Whether the noise of a face can be told. A grid is a joint or a straight line where movement could not be
    followed, and if that is most of it, the medians are those of joints, too small: then at least `SETTLED_S` of
    followed movement is asked for."""
    followed = len(grid) - np.count_nonzero(grid.broken)
    return 2 * followed >= len(grid) or followed * STEP_S >= SETTLED_S


def curve_of(grid: Grid) -> tuple[Float64, Float64]:
    """For drawing: (N,) movement of the regions in noises, (N,) opening of the upper lids in % of the eye distance."""
    signals, regions = signals_of(grid), load_regions()
    z = np.linalg.norm(signals.short, axis=2) / signals.noise
    energy = np.sqrt((np.sort(z, axis=1)[:, -4:].astype(np.float64) ** 2).mean(axis=1))
    lids = signals.short[:, [regions.index("lid_upper_R"), regions.index("lid_upper_L")], 1].mean(axis=1)
    return energy, np.asarray(-100 * lids, dtype=np.float64)


def gaussian(values: Float32, seconds: float, out: Float32 | None = None) -> Float32:
    """(C, N) values smoothed along time by nearly a Gaussian of that standard deviation; ends are held."""
    size = max(1, round(float(np.sqrt(4 * (seconds / STEP_S) ** 2 + 1))))
    box, held = (size + 1 - size % 2, 1), cv2.BORDER_REPLICATE
    whole = np.ascontiguousarray(values, dtype=np.float32)
    once = cv2.blur(whole, box, dst=out, borderType=held)
    twice = cv2.blur(once, box, dst=_passing("blur", whole.shape), borderType=held)
    return np.asarray(cv2.blur(twice, box, dst=once, borderType=held), dtype=np.float32)


def _without(values: Float32, seconds: float, out: Float32 | None = None) -> Float32:
    """What is left when what lasts longer is taken away."""
    slow = gaussian(values, seconds, out)
    return np.subtract(values, slow, out=slow)


_room = threading.local()


def _passing(name: str, shape: tuple[int, ...]) -> Float32:
    """Memory of this thread for numbers in passing: memory that is not at hand costs more than what is reckoned in it.
    What is longer than a running spotter's window is not kept."""
    length = int(np.prod(shape))
    if length > _MOST_KEPT:
        return np.empty(shape, dtype=np.float32)
    kept: Float32 | None = getattr(_room, name, None)
    if kept is None or len(kept) < length:
        kept = np.empty(length, dtype=np.float32)
        setattr(_room, name, kept)
    return kept[:length].reshape(shape)


def _median_size(values: Float32) -> Float32:
    """(C,) medians of the sizes of (C, N) numbers, which are overwritten. Without NaN, and sizes of floats lie in the
    order of their bits as integers, of which numpy finds the middle in two thirds of the time."""
    sizes = np.abs(values, out=values)
    half, odd = divmod(sizes.shape[1], 2)
    middle = [half] if odd else [half - 1, half]
    sizes.view(np.int32).partition(middle, axis=1)
    return np.asarray(sizes[:, middle].mean(axis=1), dtype=np.float32)


def _squashed(z: Float32) -> Float32:
    """In place."""
    return np.arcsinh(np.clip(z, -_MOST, _MOST, out=z), out=z)


def _facts(grid: Grid, noise: Float32, wanted: slice) -> Float32:
    """(len(FACTS), M)."""
    speed = np.sqrt(np.square(grid.head[wanted] * _HEAD).sum(axis=1))
    known = np.isfinite(grid.light)
    light = np.where(known, grid.light, 0.0)[None]
    change = (light - gaussian(light, _SHORT_S))[0, wanted]
    facts = np.empty((len(FACTS), len(speed)), dtype=np.float32)
    facts[0] = np.log1p(100 * speed)
    facts[1] = np.log1p(1000 * grid.misfit[wanted])
    facts[2] = np.tanh(change / 3)
    facts[3] = grid.broken[wanted]
    facts[4] = known.any()
    facts[5] = np.log(grid.rate_hz / 100)
    facts[6] = np.log(1000 * np.median(noise))
    return facts

"""Where something may have happened: pulses of movement at three scales of time, with onset, apex and offset.

A pulse is a peak of the movement that its regions have in common against their own noise. Onset and offset follow from
when the movement passes a tenth and a half of its height: in a minimum-jerk course these lie at 0.247 and 0.5 of its
length, so that the start is 2·t10 − t50. (Formulas of our own.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from mien.core.arrays import Float32, Float64
from mien.micro.grid import STEP_NS, Grid
from mien.micro.regions import load_regions

STEP_S = STEP_NS / 1e9


@dataclass(frozen=True, slots=True)
class Scale:
    """What is looked for at one scale.

    Attributes:
        smooth_s, slow_s: the band: width of the two Gaussians.
        reach_s: how far onset and offset may lie from the apex.
        apart_s: least time between two apexes.
        least: energy from which a peak is a candidate, in noises.
    """

    smooth_s: float
    slow_s: float
    reach_s: float
    apart_s: float
    least: float


SCALES = (Scale(0.02, 0.25, 0.45, 0.12, 2.6), Scale(0.04, 0.7, 1.2, 0.3, 3.2), Scale(0.08, 2.0, 4.5, 0.6, 4.0))
NOISE_FLOOR = 0.0005
_STRONGEST = 4
_NOT_LIDS = np.array([not n.startswith("lid") for n in load_regions().names])
_QUIET_SHARE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A pulse of movement.

    Attributes:
        scale: position in `SCALES`.
        onset, apex, offset: rows of the grid, float, ascending.
        energy: at the apex, in noises.
        moved: (R, 2) float64 displacement from the level around the pulse to its apex, in eye distances.
        z: (R,) float64 its length in noises of the region.
        back: (2,) how much of the height is gone before the onset and after the offset, 0–1.
        height: of the common movement, in its own noise.
    """

    scale: int
    onset: float
    apex: float
    offset: float
    energy: float
    moved: Float64
    z: Float64
    back: tuple[float, float]
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """The movement of one scale.

    Attributes:
        smooth, slow: (N, R, 2) float32.
        noise: (R,) float64 robust standard deviation of their difference, of one axis.
        energy: (N,) float64.
    """

    smooth: Float32
    slow: Float32
    noise: Float64
    energy: Float64


def band_of(grid: Grid, scale: Scale) -> Band:
    """Filter a grid; `noise` is that of this face in this picture."""
    smooth = gaussian_filter1d(grid.regions, scale.smooth_s / STEP_S, axis=0, mode="nearest")
    slow = gaussian_filter1d(grid.regions, scale.slow_s / STEP_S, axis=0, mode="nearest")
    rest = smooth - slow
    noise = np.maximum(1.4826 * np.median(np.abs(rest), axis=0).mean(axis=1), NOISE_FLOOR)
    z = np.linalg.norm(rest, axis=2) / noise
    z[:, ~_NOT_LIDS] = 0.0
    strongest = np.partition(z, -_STRONGEST, axis=1)[:, -_STRONGEST:]
    energy = np.sqrt((strongest**2).mean(axis=1))
    return Band(smooth, slow, noise.astype(np.float64), energy.astype(np.float64))


def find_candidates(grid: Grid) -> tuple[list[Candidate], tuple[Band, ...]]:
    """Every pulse at every scale; the same movement may be found at several."""
    bands = tuple(band_of(grid, scale) for scale in SCALES)
    found = []
    for k, (scale, band) in enumerate(zip(SCALES, bands, strict=True)):
        peaks, _ = find_peaks(band.energy, height=scale.least, distance=max(1, round(scale.apart_s / STEP_S)))
        for peak in peaks.tolist():
            candidate = _measured(grid, k, band, peak)
            if candidate is not None:
                found.append(candidate)
    return found, bands


def _measured(grid: Grid, k: int, band: Band, peak: int) -> Candidate | None:
    scale = SCALES[k]
    reach = round(scale.reach_s / STEP_S)
    first, last = max(0, peak - reach), min(len(grid) - 1, peak + reach)
    if peak - first < 3 or last - peak < 3:
        return None
    window = band.smooth[first : last + 1].astype(np.float64)
    at = peak - first
    direction = (band.smooth[peak] - band.slow[peak]) / band.noise[:, None] ** 2
    direction[~_NOT_LIDS] = 0.0
    direction /= max(float(np.linalg.norm(direction * band.noise[:, None])), 1e-9)
    course = np.tensordot(window, direction, axes=((1, 2), (0, 1)))  # in noises of the common movement
    at = max(0, at - 4) + int(np.argmax(course[max(0, at - 4) : at + 5]))
    before, after = _foot(course[: at + 1][::-1]), _foot(course[at:])
    if before < 2 or after < 2:
        return None
    low = course[at - before], course[at + after]
    height = float(course[at] - max(low))
    if height <= 0:
        return None
    onset = _edge(course[: at + 1][::-1][: before + 1])
    offset = _edge(course[at : at + after + 1])
    base = 0.5 * (window[at - before] + window[at + after])
    moved = window[at] - base
    z = np.linalg.norm(moved, axis=1) / band.noise
    top = float(course[at] - min(low))
    back = (float((course[at] - low[0]) / max(top, 1e-9)), float((course[at] - low[1]) / max(top, 1e-9)))
    apex = first + at + 0.0
    return Candidate(k, apex - onset, apex, apex + offset, float(band.energy[peak]), moved, z, back, height)


def _foot(course: Float64) -> int:
    """How far from a peak (row 0) its foot is: the lowest place before the movement rises again by a quarter."""
    lowest, place = course[0], 0
    for k, value in enumerate(course.tolist()):
        if value < lowest:
            lowest, place = value, k
        elif value - lowest > 0.25 * (course[0] - lowest) and place > 0:
            break
    top = course[0] - lowest
    if top <= 0:
        return 0
    low = np.flatnonzero(course[: place + 1] <= lowest + _QUIET_SHARE * top)
    return int(low[0]) if len(low) else place


def _edge(course: Float64) -> float:
    """Rows from a peak (row 0) to where the movement began, by its 10 and 50 %."""
    low, top = float(course[-1]), float(course[0])
    t10, t50 = (_passes(course, low + share * (top - low)) for share in (0.1, 0.5))
    return float(np.clip(2 * t10 - t50, 1.0, len(course) + 20))


def _passes(course: Float64, level: float) -> float:
    """Fractional row at which a falling course first reaches a level."""
    k = int(np.argmax(course <= level + 1e-12))
    if k == 0:
        return 0.0
    a, b = float(course[k - 1]), float(course[k])
    return k - 1 + (a - level) / max(a - b, 1e-12)

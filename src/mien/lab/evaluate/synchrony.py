"""Two recordings of the same performance with clocks that know nothing of each other: brought onto one grid, and the
shift found at which all their curves together agree best."""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float64
from mien.errors import RequestError

GRID_HZ = 60.0
"""Recordings are compared on this grid."""
_GAP_S = 0.1
"""Between samples further apart nothing is interpolated."""
LEAST_OVERLAP_S = 2.0
LEAST_AGREEMENT = 0.15
"""Correlation of all curves together below which two recordings are not of the same performance."""


def resampled(t_s: Float64, values: Float64, at_s: Float64) -> Float64:
    """(N, K) values at other times, straight between neighbours no more than 0.1 s apart; elsewhere NaN.

    Args:
        t_s: (T,) ascending.
        values: (T, K); NaN stays NaN on both sides of it.
        at_s: (N,).
    """
    right = np.clip(np.searchsorted(t_s, at_s), 1, len(t_s) - 1)
    left = right - 1
    width = t_s[right] - t_s[left]
    share = (at_s - t_s[left]) / width
    out = values[left] + share[:, None] * (values[right] - values[left])
    out = np.where(share[:, None] == 0, values[left], np.where(share[:, None] == 1, values[right], out))
    between = (share > 0) & (share < 1)
    out[(share < 0) | (share > 1) | (between & (width > _GAP_S))] = np.nan
    return np.asarray(out, dtype=np.float64)


def best_shift(truth: Float64, answer: Float64) -> float:
    """Frames by which the answer's clock is ahead: answer[t + shift] belongs to truth[t], between frames by parabola.

    Every curve that moves in both counts alike; the sums of products of all of them are compared with the energy of
    what overlaps (normalised cross-correlation, by FFT).

    Raises:
        RequestError: no curve moves in both, or nothing fits.
    """
    a, b = _standard(truth), _standard(answer)
    moves = a.any(axis=0) & b.any(axis=0)
    if not moves.any():
        raise RequestError("no shape moves in both recordings: there is nothing to align by; give --start-timecode")
    a, b = a[:, moves], b[:, moves]
    size = len(a) + len(b)
    products = np.fft.irfft((np.fft.rfft(b, size, axis=0) * np.fft.rfft(a, size, axis=0).conj()).sum(axis=1), size)
    shifts = np.arange(-(len(a) - 1), len(b))
    first, last = np.maximum(0, -shifts), np.minimum(len(a), len(b) - shifts)
    energy = _energy(a, first, last) * _energy(b, first + shifts, last + shifts)
    least = min(max(LEAST_OVERLAP_S * GRID_HZ, 0.5 * min(len(a), len(b))), len(a), len(b))
    fits = (last - first >= least) & (energy > 0)
    score = np.where(fits, products[shifts] / np.sqrt(np.where(energy > 0, energy, 1.0)), -1.0)
    best = int(np.argmax(score))
    if score[best] < LEAST_AGREEMENT:
        raise RequestError(
            f"the recordings do not fit: at the best shift all curves together correlate by {score[best]:.2f} "
            f"(at least {LEAST_AGREEMENT} is expected); are they of the same performance?"
        )
    around = score[max(best - 1, 0) : best + 2]
    bend = around[0] - 2 * around[1] + around[2] if len(around) == 3 else 0.0
    fine = 0.5 * (around[0] - around[2]) / bend if bend < 0 and around.min() > -1.0 else 0.0
    return float(shifts[best] + np.clip(fine, -0.5, 0.5))


def agreement(truth: Float64, answer: Float64) -> float:
    """Correlation of all curves together, each brought to mean 0 and deviation 1 first; NaN if none moves in both."""
    both = np.isfinite(truth) & np.isfinite(answer)
    a, b = _standard(np.where(both, truth, np.nan)), _standard(np.where(both, answer, np.nan))
    moves = a.any(axis=0) & b.any(axis=0)
    if not moves.any():
        return float("nan")
    return float((a * b)[:, moves].sum() / np.sqrt((a[:, moves] ** 2).sum() * (b[:, moves] ** 2).sum()))


def _standard(values: Float64) -> Float64:
    """Columns with mean 0 and deviation 1; NaN and columns that stand still become 0."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    centred = np.where(known, values - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    return np.asarray(np.where(spread > 0.01, centred / np.maximum(spread, 1e-9), 0.0), dtype=np.float64)


def _energy(values: Float64, first: Float64, last: Float64) -> Float64:
    """Sum of squares of rows first ≤ t < last."""
    total = np.concatenate([[0.0], np.cumsum((values**2).sum(axis=1))])
    return np.asarray(total[last] - total[first], dtype=np.float64)

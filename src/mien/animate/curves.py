"""Fewer keys: a sampled curve as cubic Hermite pieces that stay within an error of every sample.

Pieces are made as long as they can be, from the first sample on. A piece goes through its two end samples; its two
slopes are the least-squares ones of the samples between. Editors call this a key with broken tangents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float64, Int64


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The keys of one curve; K >= 1.

    Attributes:
        places: (K,) int64, which samples became keys; the first and the last always do.
        times_s, values: (K,) float64.
        in_slopes, out_slopes: (K,) float64, per second, before and behind each key; 0 where there is no piece.
    """

    places: Int64
    times_s: Float64
    values: Float64
    in_slopes: Float64
    out_slopes: Float64

    def __len__(self) -> int:
        return len(self.times_s)

    def at(self, times_s: Float64) -> Float64:
        """(N,) values at (N,) times; held before the first and behind the last key."""
        if len(self) == 1:
            return np.full(len(times_s), self.values[0])
        piece = np.clip(np.searchsorted(self.times_s, times_s, side="right") - 1, 0, len(self) - 2)
        step = np.diff(self.times_s)[piece]
        s = np.clip((times_s - self.times_s[piece]) / step, 0.0, 1.0)
        h00, h10, h01, h11 = _basis(s)
        ends = h00 * self.values[piece] + h01 * self.values[piece + 1]
        return np.asarray(ends + step * (h10 * self.out_slopes[piece] + h11 * self.in_slopes[piece + 1]))


def reduced(times_s: Float64, values: Float64, tolerance: float, limits: tuple[float, float] = (0.0, 1.0)) -> Keys:
    """The fewest keys that this way finds.

    Args:
        times_s: (T,) strictly increasing, T >= 1.
        values: (T,) samples within the limits.
        tolerance: no sample is further from the curve than this.
        limits: the curve never leaves them, not even between samples.

    Raises:
        ValueError: the tolerance is not positive.
    """
    if not tolerance > 0:
        raise ValueError(f"reduced: expected a tolerance above 0, got {tolerance}")
    t, v = np.asarray(times_s, np.float64), np.asarray(values, np.float64)
    places, slopes = [0], []
    while places[-1] < len(t) - 1:
        end, pair = _longest(t, v, places[-1], tolerance, limits)
        places.append(end)
        slopes.append(pair)
    kept = np.array(places, np.int64)
    out_slopes = np.array([a for a, _ in slopes] + [0.0])
    in_slopes = np.array([0.0] + [b for _, b in slopes])
    return Keys(kept, t[kept], v[kept], in_slopes, out_slopes)


_Pair = tuple[float, float]


def _longest(t: Float64, v: Float64, start: int, tolerance: float, limits: _Pair) -> tuple[int, _Pair]:
    """The end of the longest piece found from `start` on, and its slopes: doubled while it fits, then halved."""
    last = len(t) - 1
    good, pair = start + 1, _slopes(t[start : start + 2], v[start : start + 2])
    bad, length = last + 1, 2
    while good < last:
        end = min(start + length, last)
        found = _fitting(t[start : end + 1], v[start : end + 1], tolerance, limits)
        if found is None:
            bad = end
            break
        good, pair, length = end, found, length * 2
    while bad - good > 1:
        middle = (good + bad) // 2
        found = _fitting(t[start : middle + 1], v[start : middle + 1], tolerance, limits)
        if found is None:
            bad = middle
        else:
            good, pair = middle, found
    return good, pair


def _fitting(t: Float64, v: Float64, tolerance: float, limits: _Pair) -> _Pair | None:
    """Slopes of a piece over all of the samples, or None if one of them is too far off or a limit is crossed."""
    a, b = _slopes(t, v)
    step = t[-1] - t[0]
    h00, h10, h01, h11 = _basis((t - t[0]) / step)
    curve = h00 * v[0] + h01 * v[-1] + step * (h10 * a + h11 * b)
    if np.abs(curve - v).max() > tolerance or not _within(v[0], v[-1], step * a, step * b, limits):
        return None
    return a, b


def _slopes(t: Float64, v: Float64) -> _Pair:
    """Least-squares slopes at both ends; those of the straight line where nothing lies between."""
    step = float(t[-1] - t[0])
    line = float(v[-1] - v[0]) / step
    if len(t) < 4:
        return _through(t, v, line)
    h00, h10, h01, h11 = _basis((t[1:-1] - t[0]) / step)
    rest = (v[1:-1] - h00 * v[0] - h01 * v[-1]) / step
    aa, ab, bb = float(h10 @ h10), float(h10 @ h11), float(h11 @ h11)
    determinant = aa * bb - ab * ab
    if determinant < 1e-12:
        return line, line
    ra, rb = float(h10 @ rest), float(h11 @ rest)
    return (bb * ra - ab * rb) / determinant, (aa * rb - ab * ra) / determinant


def _through(t: Float64, v: Float64, line: float) -> _Pair:
    """With one sample between: the parabola through the three; with none: the line."""
    if len(t) == 2:
        return line, line
    first = float(v[1] - v[0]) / float(t[1] - t[0])
    bend = (float(v[2] - v[1]) / float(t[2] - t[1]) - first) / float(t[2] - t[0])
    return line - bend * float(t[2] - t[0]), line + bend * float(t[2] - t[0])


def _basis(s: Float64) -> tuple[Float64, Float64, Float64, Float64]:
    """Cubic Hermite basis: value and slope at the start, value and slope at the end (order 00, 10, 01, 11)."""
    s2: Float64 = s * s
    s3: Float64 = s2 * s
    h01: Float64 = 3.0 * s2 - 2.0 * s3
    return 1.0 - h01, s3 - 2.0 * s2 + s, h01, s3 - s2


def _within(v0: float, v1: float, m0: float, m1: float, limits: _Pair) -> bool:
    """Whether a piece (slopes per piece) stays within the limits: its extrema are the roots of a quadratic."""
    low, high = min(limits[0], v0, v1), max(limits[1], v0, v1)
    a, b, c = 3 * (2 * v0 + m0 - 2 * v1 + m1), 2 * (-3 * v0 + 3 * v1 - 2 * m0 - m1), m0
    if abs(a) < 1e-12:
        roots = [] if abs(b) < 1e-12 else [-c / b]
    else:
        inside = b * b - 4 * a * c
        roots = [] if inside < 0 else [(-b + sign * inside**0.5) / (2 * a) for sign in (-1, 1)]
    for s in roots:
        if 0 < s < 1:
            value = ((2 * s - 3) * s * s + 1) * v0 + ((s - 2) * s + 1) * s * m0
            value += (3 - 2 * s) * s * s * v1 + (s - 1) * s * s * m1
            if not low - 1e-9 <= value <= high + 1e-9:
                return False
    return True

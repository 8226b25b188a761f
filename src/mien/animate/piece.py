"""One piece of a curve with few keys: the polynomial whose largest distance from a band's middle is smallest.

Lawson's algorithm: least squares, again and again with more weight where the distance is large. It stops as soon as the
piece fits, or as soon as no piece can fit (the weighted mean is a lower bound of the largest distance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64

_ROUNDS = 14
_EDGE = 1.0 + 1e-9
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Where N curves may run.

    Attributes:
        samples, middle, half: (N, T) float64; what was measured, the middle of the band, half its width (> 0).
        low, high: the curves never leave them.
        together: half is of the distance in all N dimensions.
    """

    samples: Float64
    middle: Float64
    half: Float64
    low: float
    high: float
    together: bool

    @classmethod
    def around(cls, samples: Float64, tolerance: float, limits: tuple[float, float], together: bool) -> Band:
        """The band of samples; limits give way to samples beyond them."""
        low, high = min(limits[0], float(samples.min())), max(limits[1], float(samples.max()))
        if together:
            return cls(samples, samples, np.full(samples.shape, tolerance), low, high, True)
        floor, top = np.maximum(samples - tolerance, low), np.minimum(samples + tolerance, high)
        return cls(samples, (floor + top) / 2.0, (top - floor) / 2.0, low, high, False)

    def part(self, first: int, behind: int) -> Band:
        """The samples from `first` up to, but without, `behind`."""
        s = slice(first, behind)
        return Band(self.samples[:, s], self.middle[:, s], self.half[:, s], self.low, self.high, self.together)

    def level(self) -> Float64 | None:
        """(N,) values that stay in the band all the time, if there are."""
        if self.samples.shape[1] == 1:
            return np.asarray(self.samples[:, 0])
        at: Float64 = (self.samples.max(axis=1) + self.samples.min(axis=1)) / 2.0
        return at if self.distance(np.broadcast_to(at[:, None], self.samples.shape)).max() <= _EDGE else None

    def distance(self, curve: Float64) -> Float64:
        """(N, T) distances from the middle as shares of half the width."""
        off: Float64 = np.abs(curve - self.middle) / self.half
        return np.broadcast_to(np.sqrt((off * off).sum(axis=0)), off.shape) if self.together else off

    def holds(self, values: Float64) -> Bools:
        """Which values are within the limits."""
        held: Bools = (values >= self.low - 1e-9) & (values <= self.high + 1e-9)
        return held


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """B polynomials c0 + c1 x + c2 x² + c3 x³.

    Attributes:
        factors: (B, 4) float64.
        fits: (B,) bool, which are in the band and within the limits from x = 0 to 1.
        distance: (B,) the largest distance, see `Band.distance`.
    """

    factors: Float64
    fits: Bools
    distance: Float64


def fitting(x: Float64, band: Band, starts: Float64 | None, degree: int, *, every: bool) -> Pieces | None:
    """Pieces over all samples of the band.

    Args:
        x: (B, T) or (1, T) places of the samples in the piece, up to 1.
        band: of T samples and B curves, or one curve that B pieces try to follow.
        starts: (B,) values at x = 0; None = free.
        degree: 1 or 3; less where there are too few samples.
        every: all must fit, else the answer is None.
    """
    free = starts is None
    degree = min(degree, x.shape[1] - free)
    powers = x[:, :, None] ** np.arange(0 if free else 1, degree + 1)
    base = np.zeros(len(band.samples)) if starts is None else starts
    found = _lawson(powers, band, base, every)
    if found is None:
        return None
    chosen, best = found
    factors = np.zeros((len(base), 4))
    factors[:, 0] = base
    factors[:, 0 if free else 1 : degree + 1] += chosen
    fits = (best <= _EDGE) & within(factors, np.ones(len(base)), band)
    return None if every and not fits.all() else Pieces(factors, fits, best)


def _lawson(powers: Float64, band: Band, base: Float64, every: bool) -> tuple[Float64, Float64] | None:
    """(B, powers) factors and the (B,) largest distance of each; None = not all of them can fit."""
    wanted = band.middle - base[:, None]
    share = np.full(wanted.shape, 1.0 / wanted.shape[1])
    weight = 1.0 / (band.half * band.half)
    best, factors = np.full(len(base), np.inf), np.zeros((len(base), powers.shape[2]))
    ridge = 1e-13 * np.eye(powers.shape[2])
    hopeless = np.zeros(len(base), bool)
    for _ in range(_ROUNDS):
        weighted = powers.transpose(0, 2, 1) * (weight * share)[:, None, :]
        gram = weighted @ powers
        gram += ridge * np.trace(gram, axis1=1, axis2=2)[:, None, None]
        tried = np.linalg.solve(gram, weighted @ wanted[:, :, None])
        off = band.distance((powers @ tried)[:, :, 0] + base[:, None])
        top = off.max(axis=1)
        better = (top < best) & (best > _EDGE)
        best, factors = np.where(better, top, best), np.where(better[:, None], tried[:, :, 0], factors)
        hopeless |= ((share * off * off).sum(axis=1) > 1.0 + 1e-6) & (best > _EDGE)
        if every and hopeless.any():
            return None
        if (hopeless | (best <= _EDGE)).all():
            break
        share = share * np.maximum(off, 1e-6)
        share /= share.sum(axis=1, keepdims=True)
    return factors, best


_BENDS = np.array([[0.0, 0.34, -1.25, 1.0], [0.0, 0.0, 1.0, 0.0]])
"""Polynomials that are 0 at the start; the first is large at the end only."""
_STRAIGHT_BENDS = np.array([[0.0, 1.0, 0.0, 0.0]])


def variants(factors: Float64, x: Float64, band: Band, degree: int) -> Float64:
    """(V, 4) the piece (4,), and the same bent up and down as far as the one curve's band lets it."""
    ways = _STRAIGHT_BENDS if degree == 1 else _BENDS
    bends = np.array([value_at(b, x) for b in ways])
    off = value_at(factors, x) - band.middle[0]
    with np.errstate(divide="ignore"):
        room = np.where(bends == 0, np.inf, (band.half[0] - np.sign(bends) * off) / np.abs(bends)).min(axis=1)
        down = np.where(bends == 0, np.inf, (band.half[0] + np.sign(bends) * off) / np.abs(bends)).min(axis=1)
    least, most = -np.maximum(down, 0.0), np.maximum(room, 0.0)
    steps = np.concatenate([least, most])
    steps = np.where(np.isfinite(steps), steps, 0.0)
    return np.concatenate([factors[None], factors + steps[:, None] * np.tile(ways, (2, 1))])


def within(factors: Float64, ends: Float64, band: Band) -> Bools:
    """(B,) whether curves stay within the limits from 0 to `ends` (B,): extrema are roots of a quadratic."""
    if not (np.isfinite(band.low) or np.isfinite(band.high)):
        return np.ones(len(factors), bool)
    a, b, d = 3.0 * factors[:, 3], 2.0 * factors[:, 2], factors[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(b * b - 4.0 * a * d)
        q = -0.5 * (b + np.where(b < 0, -root, root))
        places = np.stack([q / a, d / q])
        inside = (places > 0) & (places < ends)
    x = np.concatenate([np.where(inside, places, 0.0), np.broadcast_to(ends, (1, len(ends)))])
    held: Bools = band.holds(value_at(factors, x)).all(axis=0)
    return held


def value_at(factors: Float64, x: Float64) -> Float64:
    """(..., B) values of B polynomials at (..., B) places."""
    c = factors.T
    return np.asarray(((c[3] * x + c[2]) * x + c[1]) * x + c[0])


def slope_at(factors: Float64, x: Float64) -> Float64:
    """(B,) slopes per piece."""
    c = factors.T
    return np.asarray((3.0 * c[3] * x + 2.0 * c[2]) * x + c[1])

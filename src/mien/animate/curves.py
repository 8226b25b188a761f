"""Fewer keys: sampled curves as cubic (or straight) pieces that stay within an error of every sample.

Pieces are made as long as they can be, from the first sample on. Slopes and values are free within the error
(`animate.piece`), so that tremor below the error costs no key. Where a piece ends, the next one begins: at its last
sample or, if the next one then reaches further, somewhere before the sample that follows. Editors call this a key with
broken tangents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.animate.piece import Band, Pieces, fitting, slope_at, value_at, variants, within
from mien.core.arrays import Float64

_SHARES = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9])
"""Where behind its last sample a piece may hand over to the next one, in steps of the samples."""
_ROOM = 4.0
"""A key between two samples is no further from them than this many tolerances."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The keys of one curve, or of N curves that share their times; K >= 1.

    Attributes:
        times_s: (K,) float64; the first and (if K > 1) the last are those of the samples, others may lie between.
        values: (K,) or (K, N) float64; not those of the samples, but as near as the tolerance.
        in_slopes, out_slopes: as `values`, per second, before and behind each key; 0 where there is no piece.
    """

    times_s: Float64
    values: Float64
    in_slopes: Float64
    out_slopes: Float64

    def __len__(self) -> int:
        return len(self.times_s)

    def at(self, times_s: Float64) -> Float64:
        """Values at (M,) times, (M,) or (M, N); held before the first and behind the last key."""
        if len(self) == 1:
            return np.repeat(self.values, len(times_s), axis=0)
        piece = np.clip(np.searchsorted(self.times_s, times_s, side="right") - 1, 0, len(self) - 2)
        step = np.diff(self.times_s)[piece]
        s = np.clip((times_s - self.times_s[piece]) / step, 0.0, 1.0)
        wide = (len(times_s),) + (1,) * (self.values.ndim - 1)
        h01 = (3.0 - 2.0 * s) * s * s
        h00, h01 = (1.0 - h01).reshape(wide), h01.reshape(wide)
        h10, h11 = (step * (s - 1.0) ** 2 * s).reshape(wide), (step * (s - 1.0) * s * s).reshape(wide)
        ends = h00 * self.values[piece] + h01 * self.values[piece + 1]
        return np.asarray(ends + h10 * self.out_slopes[piece] + h11 * self.in_slopes[piece + 1])


def reduced(
    times_s: Float64,
    values: Float64,
    tolerance: float,
    limits: tuple[float, float] = (0.0, 1.0),
    *,
    straight: bool = False,
    together: bool = False,
) -> Keys:
    """The fewest keys that this way finds.

    Args:
        times_s: (T,) strictly increasing, T >= 1.
        values: (T,) samples within the limits, or (T, N) of curves that share their keys.
        tolerance: no sample is further from the curve than this.
        limits: the curve never leaves them, not even between samples.
        straight: pieces are straight lines.
        together: the tolerance is for the distance in all N dimensions, not for each curve.

    Raises:
        ValueError: the tolerance is not positive.
    """
    if not tolerance > 0:
        raise ValueError(f"reduced: expected a tolerance above 0, got {tolerance}")
    t, v = np.asarray(times_s, np.float64), np.asarray(values, np.float64)
    columns = np.ascontiguousarray(v.reshape(len(t), -1).T)
    band = Band.around(columns, tolerance, limits, together)
    level = band.level()
    if level is not None:
        still = np.zeros((1, *v.shape[1:]))
        return Keys(t[:1].copy(), level.reshape(still.shape), still, still)
    way = _Way(t, band, 1 if straight else 3)
    while way.covered < len(t) - 1:
        way.go_on()
    return way.keys(v.shape[1:])


class _Way:
    """Pieces from the first sample on.

    Attributes:
        covered: the last sample that a piece goes past.
    """

    def __init__(self, times_s: Float64, band: Band, degree: int) -> None:
        self.covered = -1
        self._t, self._band, self._degree = times_s, band, degree
        self._one = len(band.samples) == 1
        self._begins = times_s[:1]  # where the next piece may begin, and with which values
        self._values: Float64 | None = None
        self._variants = np.zeros((1, 4))
        self._pieces: list[tuple[float, float, Float64]] = []  # begin, length for x = 1, factors

    def go_on(self) -> None:
        """Add the longest piece that is found: doubled while one fits, then halved."""
        last, first = len(self._t) - 1, self.covered
        good, found, bad, length = first, None, last + 1, self._degree + int(first < 0)
        while good < last:
            end = min(first + length, last)
            tried = self._try(end)
            if tried is None:
                bad = end
                break
            good, found, length = end, tried, length * 2
        while bad - good > 1:
            middle = (good + bad) // 2
            tried = self._try(middle)
            if tried is None:
                bad = middle
            else:
                good, found = middle, tried
        if found is None:  # a limit is in the way
            good = max(first + 1, 1)
            found = self._line(good)
        self._add(good, found)

    def _try(self, end: int) -> Pieces | None:
        """Pieces from where the next one may begin past the samples up to `end`, if one fits."""
        if end == 0:
            return None
        x = (self._t[self.covered + 1 : end + 1] - self._begins[:, None]) / (self._t[end] - self._begins[:, None])
        band = self._band.part(self.covered + 1, end + 1)
        made = fitting(x, band, self._values, self._degree, every=len(self._begins) == 1)
        return made if made is not None and made.fits.any() else None

    def _line(self, end: int) -> Pieces:
        """Straight to a sample: always within the limits."""
        base = self._band.samples[:, 0] if self._values is None else self._values
        base = base[:1] if self._one else base
        factors = np.zeros((len(base), 4))
        factors[:, 0], factors[:, 1] = base, self._band.samples[:, end] - base
        return Pieces(factors, np.ones(len(base), bool), np.zeros(len(base)))

    def _add(self, end: int, made: Pieces) -> None:
        chosen, factors = 0, made.factors
        if self._one:
            chosen = int(np.argmin(np.where(made.fits, made.distance, np.inf)))
            factors = factors[chosen : chosen + 1]
            if self._pieces:  # the piece before runs as the chosen beginning of this one needs it
                self._pieces[-1] = (*self._pieces[-1][:2], self._variants[chosen : chosen + 1])
        begin = float(self._begins[chosen])
        length = float(self._t[end]) - begin
        self._pieces.append((begin, length, factors))
        first, self.covered = self.covered + 1, end
        self._begins, self._values = self._t[end : end + 1], value_at(factors, np.ones(len(factors)))
        self._variants = factors
        if self._one and end < len(self._t) - 1:
            x = (self._t[first : end + 1] - begin) / length
            self._hand_over(begin, length, variants(factors[0], x, self._band.part(first, end + 1), self._degree))

    def _hand_over(self, begin: float, length: float, factors: Float64) -> None:
        """Where the next piece may begin: for each way in which the last one could run, at some places."""
        end = self.covered
        begins = np.repeat(self._t[end] + _SHARES * (self._t[end + 1] - self._t[end]), len(factors))
        every = np.tile(factors, (len(_SHARES), 1))
        x = (begins - begin) / length
        values = value_at(every, x)
        pair, room = self._band.samples[0, end : end + 2], _ROOM * self._band.half[0, end : end + 2].max()
        near = (values >= pair.min() - room) & (values <= pair.max() + room)
        kept = near & within(every, x, self._band)
        kept[0] = True
        self._begins, self._values, self._variants = begins[kept], values[kept], every[kept]

    def keys(self, shape: tuple[int, ...]) -> Keys:
        """Of what was added."""
        times = [begin for begin, _, _ in self._pieces] + [float(self._t[-1])]
        values, before, behind = [], [], []
        for place, (begin, length, factors) in enumerate(self._pieces):
            x = np.full(len(factors), (times[place + 1] - begin) / length)
            values.append(factors[:, 0])
            behind.append(factors[:, 1] / length)
            before.append(slope_at(factors, x) / length)
        _, _, factors = self._pieces[-1]
        values.append(np.clip(value_at(factors, np.ones(len(factors))), self._band.low, self._band.high))
        nothing = np.zeros(len(factors))
        wanted = (len(times), *shape)
        return Keys(
            np.array(times),
            np.array(values).reshape(wanted),
            np.array([nothing, *before]).reshape(wanted),
            np.array([*behind, nothing]).reshape(wanted),
        )

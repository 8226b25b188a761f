"""Movement on an even grid of time, so that nothing after it counts frames: times and filters are in seconds.

The frame rate stays known: the network is told it (`signals.FACTS`), for what can be seen depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32, Float64, Int64
from mien.micro.history import HEAD, History
from mien.micro.movement import Moved

STEP_NS = 10_000_000
_PART = 128
BREAK_NS = 250_000_000
"""Frames further apart than this are not joined by a line."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """One face over time, a row every 10 ms.

    Attributes:
        t_ns: (N,) int64.
        regions: (N, R, 2) float32 displacement in distances between the outer eye corners; no NaN.
        head: (N, 8) float32 speed of the head's parameters, per second.
        misfit: (N,) float32.
        light: (N,) float32 grey level of the face; NaN without pixels.
        broken: (N,) bool: near a moment before and after which movement cannot be compared, or where no frame was.
        rate_hz: frame rate the grid was made from.
    """

    t_ns: Int64
    regions: Float32
    head: Float32
    misfit: Float32
    light: Float32
    broken: np.ndarray[tuple[int], np.dtype[np.bool_]]
    rate_hz: float

    def __len__(self) -> int:
        return len(self.t_ns)

    def row(self, t_ns: int) -> int:
        """Row nearest to a time."""
        return int(np.clip(round((t_ns - int(self.t_ns[0])) / STEP_NS), 0, len(self) - 1))


def to_grid(moves: History | Sequence[Moved], rate_hz: float) -> Grid | None:
    """Put frames on the grid; None if they span less than 0.2 s.

    Several frames within a step are averaged, which lowers their noise; between frames that are further apart the
    grid runs in a straight line. Where a piece ends (`Moved.fresh`) the next one is put on at the same height.
    """
    seen = moves if isinstance(moves, History) else History(moves)
    t = seen.t_ns
    if len(t) < 3 or t[-1] - t[0] < 200_000_000:
        return None
    fresh = 1 + np.flatnonzero(seen.fresh[1:])
    rows = _joined(seen.rows, fresh) if len(fresh) else seen.rows
    steps = np.diff(t)
    seconds = np.maximum(np.concatenate([[int(np.median(steps))], steps]) / 1e9, 1e-4)
    grid_t = np.arange(t[0], t[-1] + 1, STEP_NS, dtype=np.int64)
    out = _resampled(t, rows, seconds, grid_t)
    broken = _near(grid_t, t[fresh], 60_000_000) | _between(grid_t, t)
    cells = out[: -HEAD - 2].reshape(-1, 2, len(grid_t)).transpose(2, 0, 1)
    return Grid(grid_t, cells, out[-HEAD - 2 : -2].T, out[-2], out[-1], broken, float(rate_hz))


def _joined(rows: Float32, fresh: Int64) -> Float64:
    """The rows with every piece at the height at which the one before ends."""
    joined = rows.astype(np.float64)
    regions = joined[:, : -HEAD - 2]
    for k in fresh:
        regions[k:] += regions[k - 1] - regions[k]
    return joined


def _resampled(t: Int64, rows: Float32 | Float64, seconds: Float64, grid_t: Int64) -> Float32:
    """(C, N) of (M, C) rows at M times, the head by how long it took; part by part, for memory that is not at hand
    costs more than what is reckoned in it."""
    since = (t - grid_t[0]).astype(np.float64)
    cell = np.round(since / STEP_NS).astype(np.int64)
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    count = np.diff(np.append(first, len(t)))
    middle = np.add.reduceat(since, first) / count
    at = (grid_t - grid_t[0]).astype(np.float64)
    low = np.clip(np.searchsorted(middle, at, side="right") - 1, 0, len(first) - 2)
    share = np.clip((at - middle[low]) / (middle[low + 1] - middle[low]), 0.0, 1.0)
    out = np.empty((rows.shape[1], len(grid_t)), dtype=np.float32)
    for start in range(0, len(grid_t), _PART):
        own = slice(start, start + _PART)
        begin, end = int(low[start]), int(low[own][-1]) + 2
        top = int(first[begin])
        part = rows[top : int(first[end - 1] + count[end - 1])].astype(np.float64)
        part[:, -HEAD - 2 : -2] /= seconds[top : top + len(part), None]
        means = _means(part, first[begin:end] - top, count[begin:end])
        here = means.take(low[own] - begin, axis=0)
        way = means.take(low[own] + (1 - begin), axis=0)
        way -= here
        way *= share[own, None]
        way += here
        out[:, own] = way.T  # what filters it wants channel after channel
    return out


def _means(values: Float64, first: Int64, count: Int64) -> Float64:
    """Means of the `count` rows from each `first` on."""
    most = int(count.max())
    if most == 1:
        return values
    total = values.take(first, axis=0)
    for k in range(1, most):
        more = np.flatnonzero(count > k)
        total[more] += values.take(first[more] + k, axis=0)
    total /= count[:, None]
    return total


def _near(grid_t: Int64, moments: Int64, within_ns: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    out = np.zeros(len(grid_t), dtype=np.bool_)
    for moment in moments:
        out |= np.abs(grid_t - moment) <= within_ns
    return out


def _between(grid_t: Int64, t: Int64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    out = np.zeros(len(grid_t), dtype=np.bool_)
    for k in np.flatnonzero(np.diff(t) > BREAK_NS):
        out |= (grid_t > t[k]) & (grid_t < t[k + 1])
    return out

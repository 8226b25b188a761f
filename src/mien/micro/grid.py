"""Movement on an even grid of time, so that nothing after it counts frames: times and filters are in seconds.

The frame rate stays known: the network is told it (`signals.FACTS`), for what can be seen depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32, Float64, Int64
from mien.micro.movement import Moved

STEP_NS = 10_000_000
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


def to_grid(moves: Sequence[Moved], rate_hz: float) -> Grid | None:
    """Put frames on the grid; None if they span less than 0.2 s.

    Several frames within a step are averaged, which lowers their noise; between frames that are further apart the
    grid runs in a straight line. Where a piece ends (`Moved.fresh`) the next one is put on at the same height.
    """
    if len(moves) < 3 or moves[-1].t_ns - moves[0].t_ns < 200_000_000:
        return None
    t = np.array([m.t_ns for m in moves], dtype=np.int64)
    regions = np.array([m.regions for m in moves], dtype=np.float64)
    fresh = np.array([m.fresh for m in moves])
    fresh[0] = False
    for k in np.flatnonzero(fresh):
        regions[k:] += regions[k - 1] - regions[k]
    seconds = np.maximum(np.diff(t, prepend=t[0] - np.median(np.diff(t)).astype(np.int64)) / 1e9, 1e-4)
    head = np.array([m.head for m in moves], dtype=np.float64) / seconds[:, None]
    grid_t = np.arange(t[0], t[-1] + 1, STEP_NS, dtype=np.int64)
    whole = np.concatenate(
        [regions.reshape(len(t), -1).T, head.T, [[m.misfit for m in moves], [m.light for m in moves]]]
    )
    out = _resampled(t, whole, grid_t)
    r = regions.shape[1]
    broken = _near(grid_t, t[fresh], 60_000_000) | _between(grid_t, t)
    cells = out[: 2 * r].reshape(r, 2, -1).transpose(2, 0, 1)  # what filters it wants channel after channel
    return Grid(grid_t, cells, out[2 * r : 2 * r + 8].T, out[-2], out[-1], broken, float(rate_hz))


def _resampled(t: Int64, values: Float64, grid_t: Int64) -> Float32:
    """(C, N) of (C, M) values at M times."""
    cell = np.round((t - grid_t[0]) / STEP_NS).astype(np.int64)
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    since = (t - grid_t[0]).astype(np.float64)
    if len(first) < len(cell):
        count = np.diff(np.append(first, len(cell)))
        values, since = np.add.reduceat(values, first, axis=1) / count, np.add.reduceat(since, first) / count
    at = (grid_t - grid_t[0]).astype(np.float64)
    out = np.empty((len(values), len(grid_t)), dtype=np.float32)
    for row, own in zip(out, values, strict=True):
        row[:] = np.interp(at, since, own)
    return out


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

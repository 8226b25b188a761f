"""What was seen of one face over time, as arrays that a look takes as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Int64
from mien.micro.movement import Moved
from mien.micro.regions import load_regions

HEAD = 8
_FIRST_ROOM = 256


def columns() -> int:
    """Length of a row: x and y of every region, the head's parameters, misfit, light."""
    return 2 * len(load_regions()) + HEAD + 2


class History:
    """Grows by a row for each frame; the oldest rows can be forgotten. Parts share their memory with the whole until
    that grows or forgets.

    Args:
        moves: by time.
    """

    def __init__(self, moves: Iterable[Moved] = ()) -> None:
        self._t = np.empty(_FIRST_ROOM, dtype=np.int64)
        self._rows = np.empty((_FIRST_ROOM, columns()), dtype=np.float32)
        self._fresh = np.empty(_FIRST_ROOM, dtype=np.bool_)
        self._first = self._end = 0
        for moved in moves:
            self.append(moved)

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def t_ns(self) -> Int64:
        """(M,) times."""
        return self._t[self._first : self._end]

    @property
    def rows(self) -> Float32:
        """(M, columns())."""
        return self._rows[self._first : self._end]

    @property
    def fresh(self) -> npt.NDArray[np.bool_]:
        """(M,) `Moved.fresh`."""
        return self._fresh[self._first : self._end]

    def append(self, moved: Moved) -> None:
        """Add a frame, later than the others."""
        if self._end == len(self._t):
            self._make_room()
        row = self._rows[self._end]
        both = moved.regions.size
        row[:both] = moved.regions.reshape(-1)
        row[both:-2] = moved.head
        row[-2:] = moved.misfit, moved.light
        self._t[self._end], self._fresh[self._end] = moved.t_ns, moved.fresh
        self._end += 1

    def forget_before(self, t_ns: int) -> None:
        """Forget what is older; the last two frames stay."""
        keep = int(np.searchsorted(self.t_ns, t_ns))
        self._first += max(0, min(keep, len(self) - 2))

    def part(self, first: int, end: int) -> History:
        """Rows `first` to `end`."""
        out = History.__new__(History)
        out._t, out._rows, out._fresh = self._t, self._rows, self._fresh
        out._first, out._end = self._first + first, self._first + end
        return out

    def since(self, t_ns: int) -> History:
        """Rows from a time on."""
        return self.part(int(np.searchsorted(self.t_ns, t_ns)), len(self))

    def _make_room(self) -> None:
        """Twice the room of what is still remembered, that at the front."""
        count = len(self)
        for name in ("_t", "_rows", "_fresh"):
            old = getattr(self, name)
            new = np.empty((max(2 * count, _FIRST_ROOM), *old.shape[1:]), dtype=old.dtype)
            new[:count] = old[self._first : self._end]
            setattr(self, name, new)
        self._first, self._end = 0, count


def pieces(history: History, chunk_ns: int, overlap_ns: int) -> Iterator[History]:
    """Pieces that overlap, so that a long clip needs no more memory than a short one."""
    if not len(history):
        return
    times = history.t_ns
    start, end = int(times[0]), int(times[-1])
    while True:
        last = start + chunk_ns
        first_row, last_row = np.searchsorted(times, [start, last]).tolist()
        yield history.part(first_row, last_row)
        if last >= end:
            return
        start = last - overlap_ns

"""Stamps of recorded media: the container's own presentation times, repaired only where they cannot be used.

Stamps always grow. A missing time is the previous one plus the nominal step; a time that does not grow is
moved one nanosecond behind the previous; after a jump back of more than a second (joined recordings) the
clock goes on from where it was. Every repair is counted.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from mien.core.text import counted
from mien.core.timebase import NS_PER_S, ns_from_ticks

_JUMP_NS = NS_PER_S

_REPAIRS = {
    "missing": ("", "frame", " without a time in the container: derived from the frame rate"),
    "backwards": ("", "frame", " whose time did not grow: moved just behind the frame before"),
    "jump": ("the container's clock jumped back ", "time", ": times continue from where they were"),
}


class MediaClock:
    """Turns ticks into stamps that grow.

    Args:
        step_ns: nominal time between frames, ns, for frames without a time.

    Attributes:
        last_ns: the last stamp given, ns; None before the first.
        longest_step_ns: the longest time between two stamps so far (at least `step_ns`), ns.
    """

    def __init__(self, step_ns: int) -> None:
        self.step_ns = step_ns
        self.last_ns: int | None = None
        self.longest_step_ns = step_ns
        self._offset_ns = 0
        self._repairs: Counter[str] = Counter()

    def stamp(self, ticks: int | None, time_base: Fraction) -> int:
        """The stamp of the next frame, ns; `ticks` None = the container gives none."""
        last = self.last_ns
        if ticks is None:
            self._repairs["missing"] += 1
            t_ns = 0 if last is None else last + self.step_ns
        else:
            t_ns = ns_from_ticks(ticks, time_base) + self._offset_ns
            if last is not None and t_ns <= last - _JUMP_NS:
                self._repairs["jump"] += 1
                self._offset_ns += last + self.step_ns - t_ns
                t_ns = last + self.step_ns
            elif last is not None and t_ns <= last:
                self._repairs["backwards"] += 1
                t_ns = last + 1
        if last is not None:
            self.longest_step_ns = max(self.longest_step_ns, t_ns - last)
        self.last_ns = t_ns
        return t_ns

    def warnings(self) -> list[str]:
        """One line for each kind of repair made."""
        return [f"{a}{counted(n, noun)}{b}" for kind, (a, noun, b) in _REPAIRS.items() if (n := self._repairs[kind])]

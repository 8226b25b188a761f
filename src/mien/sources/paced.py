"""A recorded source at the pace at which it was taken, with the stamps of a camera: for live runs without one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from mien.core.record import FrameRecord
from mien.core.timebase import NS_PER_S
from mien.pipeline.stage import Source, SourceInfo


class PacedSource:
    """Another source, each frame given when it is due and stamped with the monotonic clock of that moment; recorded
    events move along.

    Args:
        source: is closed with this one.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._closing = threading.Event()

    @property
    def info(self) -> SourceInfo:
        return replace(self._source.info, live=True, clock="monotonic")

    @property
    def warnings(self) -> list[str]:
        return self._source.warnings

    def __iter__(self) -> Iterator[FrameRecord]:
        zero_ns: int | None = None
        for record in self._source:
            now_ns = time.monotonic_ns()
            zero_ns = now_ns - record.stamp.t_ns if zero_ns is None else zero_ns
            if self._closing.wait(max(0.0, (zero_ns + record.stamp.t_ns - now_ns) / NS_PER_S)):
                return
            yield _moved(record, time.monotonic_ns())

    def close(self) -> None:
        self._closing.set()
        self._source.close()


def _moved(record: FrameRecord, t_ns: int) -> FrameRecord:
    """The record as if it had been taken at `t_ns` of the monotonic clock."""
    by = t_ns - record.stamp.t_ns
    events = (
        replace(e, onset_ns=e.onset_ns + by, apex_ns=e.apex_ns + by, offset_ns=e.offset_ns + by) for e in record.events
    )
    return replace(record, stamp=replace(record.stamp, t_ns=t_ns, clock="monotonic"), events=tuple(events))

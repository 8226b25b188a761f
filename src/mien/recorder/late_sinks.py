"""Sinks that replace an earlier take: it stays until there is a first record to put in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mien.core.record import FrameRecord
from mien.errors import SinkError
from mien.pipeline.runner import SinkThread
from mien.pipeline.stage import Sink, TakeHeader, TakeSummary


class LateSinks:
    """`SinkThread`, opened when the first record is written if something is in the way until then, else at once.

    Args:
        sinks, header: see `SinkThread`.
        make_way: removes what is in the way; None = there is nothing.

    Raises:
        MienError: what is opened at once cannot be.
    """

    def __init__(self, sinks: Sequence[Sink], header: TakeHeader, make_way: Callable[[], None] | None = None) -> None:
        self._sinks, self._header, self._make_way = sinks, header, make_way
        self._thread = SinkThread(sinks, header) if make_way is None else None

    def write(self, record: FrameRecord) -> None:
        """Queue one record; waits when the sinks are behind.

        Raises:
            MienError: opening or writing failed.
        """
        if self._thread is None:
            self._thread = self._opened()
        self._thread.write(record)

    def _opened(self) -> SinkThread:
        if self._make_way is not None:
            try:
                self._make_way()
            except OSError as error:
                raise SinkError(f"the earlier take cannot be replaced: {error.strerror or error}") from error
        return SinkThread(self._sinks, self._header)

    def close(self, summary: TakeSummary) -> None:
        """Close what was opened; see `SinkThread.close`."""
        if self._thread is not None:
            self._thread.close(summary)

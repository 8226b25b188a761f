"""Runners: how records travel. Offline: every frame, in order. Live: the newest frame wins.

Decoding runs in a thread of its own, faces and points in the caller's, what is read from them in a third, writing in a
fourth (`SinkThread`): decode ‖ where ‖ what ‖ encode. Live, the two in the middle run one after the other: there is no
next frame yet. Every queue is bounded, so memory does not grow with the length of a clip.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import Full, Queue

from mien.core.record import FrameRecord
from mien.core.text import counted
from mien.errors import MienError, SinkError, SourceError
from mien.pipeline.compose import Pipeline
from mien.pipeline.stage import Sink, Source, TakeHeader, TakeSummary

DECODE_AHEAD = 4
WRITE_BEHIND = 8
_WAIT_S = 0.1


class _Reader:
    """Reads a source in a thread. `newest_only` keeps one record: a newer one replaces it."""

    def __init__(self, source: Source, *, newest_only: bool) -> None:
        self._source = source
        self._records: deque[FrameRecord] = deque()
        self._limit = 1 if newest_only else DECODE_AHEAD
        self._newest_only = newest_only
        self._changed = threading.Condition()
        self._stop = False
        self._done = False
        self._error: BaseException | None = None
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="mien-decode", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for record in self._source:
                if not self._offer(record):
                    return
        except BaseException as error:  # noqa: BLE001  handed to the caller's thread
            self._error = error
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def _offer(self, record: FrameRecord) -> bool:
        with self._changed:
            if self._newest_only:
                self.dropped += len(self._records)
                self._records.clear()
            while len(self._records) >= self._limit and not self._stop:
                self._changed.wait()
            self._records.append(record)
            self._changed.notify_all()
            return not self._stop

    def take(self, stop: threading.Event) -> FrameRecord | None:
        """The next record; None when the source has ended or `stop` is set. Raises what the source raised."""
        with self._changed:
            while not self._records and not self._done and not stop.is_set():
                self._changed.wait(_WAIT_S)
            if stop.is_set():
                return None
            if self._records:
                record = self._records.popleft()
                self._changed.notify_all()
                return record
        if self._error is not None:
            error, self._error = self._error, None
            if isinstance(error, MienError):
                raise error
            raise SourceError(f"{self._source.info.name}: reading failed: {type(error).__name__}: {error}") from error
        return None

    def end(self) -> None:
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self._source.close()
        self._thread.join(timeout=5)


def run(
    source: Source, pipeline: Pipeline, *, live: bool | None = None, stop: threading.Event | None = None
) -> Iterator[FrameRecord]:
    """Yield finished records until the source ends or `stop` is set; closes the source.

    Args:
        source: opened source.
        pipeline: composed stages; not closed here.
        live: True = newest frame wins, False = every frame in order, None = what the source says.
        stop: set it from anywhere to end after the frames that have begun.

    Raises:
        SourceError: the source broke; records yielded before are valid.
        StageError: a stage failed.
    """
    stop = stop or threading.Event()
    newest_only = source.info.live if live is None else live
    reader = _Reader(source, newest_only=newest_only)
    try:
        records = iter(partial(reader.take, stop), None)
        yield from map(pipeline.process, records) if newest_only else _overlapped(records, pipeline)
        if reader.dropped:
            source.warnings.append(f"{counted(reader.dropped, 'frame')} skipped to stay live")
    finally:
        reader.end()


def _overlapped(records: Iterator[FrameRecord], pipeline: Pipeline) -> Iterator[FrameRecord]:
    """`Pipeline.process` of every record, in order; one is finished in another thread while the next one begins."""
    pending: deque[Future[FrameRecord]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="mien-finish") as second:
        try:
            for record in records:
                begun = pipeline.begin(record)
                if pending:
                    yield pending.popleft().result()
                pending.append(second.submit(pipeline.finish, begun))
        except Exception:
            if pending:  # it was captured before the failure
                yield pending.popleft().result()
            raise
        if pending:
            yield pending.popleft().result()


class SinkThread:
    """Feeds sinks from one thread of its own. The first error stops writing and is raised at the next call.

    A sink whose `reads` do not name "image" gets slim records.
    """

    def __init__(self, sinks: Sequence[Sink], header: TakeHeader) -> None:
        self._sinks = list(sinks)
        self._queue: Queue[FrameRecord | None] = Queue(WRITE_BEHIND)
        self._error: MienError | None = None
        self.written = 0
        opened: list[Sink] = []
        try:
            for sink in self._sinks:
                sink.open(header)
                opened.append(sink)
        except BaseException as error:
            for sink in opened:
                with suppress(Exception):  # the reason for opening to fail is the one to tell
                    sink.close(TakeSummary("failed", 0, problem=str(error)))
            raise
        self._thread = threading.Thread(target=self._run, name="mien-encode", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (record := self._queue.get()) is not None:
            if self._error is None:
                self._error = self._write(record)

    def _write(self, record: FrameRecord) -> MienError | None:
        slim = record.slim()
        for sink in self._sinks:
            try:
                sink.write(record if "image" in sink.reads else slim)
            except MienError as error:
                return error
            except Exception as error:  # noqa: BLE001  any failure of a part is reported with its place
                return _sink_failed(sink, "writing", error)
        self.written += 1
        return None

    def write(self, record: FrameRecord) -> None:
        """Queue one record; waits when the sinks are behind.

        Raises:
            SinkError: writing failed.
        """
        while True:
            if self._error is not None:
                raise self._error
            try:
                return self._queue.put(record, timeout=_WAIT_S)
            except Full:
                continue

    def close(self, summary: TakeSummary) -> None:
        """Write what is queued, then close every sink, even if one fails.

        Raises:
            SinkError: the first failure, after all sinks were closed.
        """
        self._queue.put(None)
        self._thread.join()
        failure = self._error
        if failure is not None and summary.state != "failed":
            summary = TakeSummary("failed", self.written, summary.warnings, str(failure))
        for sink in self._sinks:
            try:
                sink.close(summary)
            except MienError as error:
                failure = failure or error
            except Exception as error:  # noqa: BLE001  the other sinks must still be closed
                failure = failure or _sink_failed(sink, "closing", error)
        if failure is not None:
            raise failure


def _sink_failed(sink: Sink, doing: str, error: Exception) -> SinkError:
    failure = SinkError(f"{type(sink).__name__}: {doing} failed: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure

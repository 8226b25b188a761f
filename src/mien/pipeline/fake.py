"""Parts that do what they are told: for tests of pipelines, here and in other people's projects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from mien.core.record import FrameRecord, Stamp
from mien.pipeline.stage import SourceInfo, StageBase


class FakeStage(StageBase):
    """A stage that applies a function.

    Args:
        step: record → record; None = unchanged.
        reads, writes: declared fields.
    """

    def __init__(
        self,
        step: Callable[[FrameRecord], FrameRecord] | None = None,
        *,
        reads: Iterable[str] = (),
        writes: Iterable[str] = (),
    ) -> None:
        self.reads = frozenset(reads)
        self.writes = frozenset(writes)
        self.seen: list[int] = []
        self.finished: list[int] = []
        self.closed = False
        self._step = step

    def step(self, record: FrameRecord) -> FrameRecord:
        self.seen.append(record.stamp.index)
        return self._step(record) if self._step else record

    def feedback(self, record: FrameRecord) -> None:
        self.finished.append(record.stamp.index)

    def close(self) -> None:
        self.closed = True


class FakeSource:
    """A source of grey frames at given stamps.

    Args:
        stamps_ns: one frame each.
        size_wh: frame size, px.
        live: what `info` says.
        error: raised after the last frame.
        before_frame: called with the index before each frame (to wait, to count).
    """

    def __init__(
        self,
        stamps_ns: Sequence[int],
        *,
        size_wh: tuple[int, int] = (8, 6),
        live: bool = False,
        error: Exception | None = None,
        before_frame: Callable[[int], None] | None = None,
    ) -> None:
        self._stamps_ns = list(stamps_ns)
        self._size_wh = size_wh
        self._error = error
        self._before_frame = before_frame
        self.closed = False
        self.warnings: list[str] = []
        self.info = SourceInfo("fake", "video", size_wh, frame_count=len(self._stamps_ns), live=live)

    def __iter__(self) -> Iterator[FrameRecord]:
        w, h = self._size_wh
        for i, t_ns in enumerate(self._stamps_ns):
            if self.closed:
                return
            if self._before_frame:
                self._before_frame(i)
            yield FrameRecord(Stamp("fake", i, t_ns), (w, h), np.full((h, w, 3), i % 256, np.uint8))
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed = True

"""Records kept in memory: for notebooks and tests. A long capture belongs into a Parquet take."""

from __future__ import annotations

from pathlib import Path

from mien.core.record import FrameRecord
from mien.pipeline import stage
from mien.pipeline.stage import TakeHeader, TakeSummary


class MemoryOptions(stage.Options):
    """There is nothing to choose."""


class MemorySink:
    """Keeps records without pixels (see `pipeline.stage.Sink`).

    Attributes:
        header, summary: what `open` and `close` were given; None before.
        records: in order.
    """

    Options = MemoryOptions
    reads: frozenset[str] = frozenset()

    def __init__(
        self, options: MemoryOptions | None = None, *, folder: Path | None = None, resume: bool = False
    ) -> None:
        self.header: TakeHeader | None = None
        self.summary: TakeSummary | None = None
        self.records: list[FrameRecord] = []

    def open(self, header: TakeHeader) -> None:
        self.header = header

    def write(self, record: FrameRecord) -> None:
        self.records.append(record.slim())

    def close(self, summary: TakeSummary) -> None:
        self.summary = summary

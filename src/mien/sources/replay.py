"""A recorded take as a source: the same records again, with faces and original stamps, without images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mien.core.record import FrameRecord
from mien.errors import SourceError
from mien.pipeline import stage
from mien.pipeline.registry import POINT_STAGES
from mien.pipeline.stage import SourceInfo, Span
from mien.take.reader import load_take


class ReplayOptions(stage.Options):
    """A replay has nothing to choose."""


class ReplaySource:
    """Source over a take (see `pipeline.stage.Source`).

    Args:
        path: what `load_take` accepts.
        options: none.
        span: part of the take; stamps and frame numbers are those of the take.

    Attributes:
        points_by: the stage that found the take's landmarks, e.g. "landmarks/hrnet98"; None = not known.

    Raises:
        SourceError: see `load_take`.
    """

    Options = ReplayOptions

    def __init__(self, path: str | Path, options: ReplayOptions | None = None, *, span: Span | None = None) -> None:
        self._take = load_take(path)
        self._span = span or Span()
        self._started = False
        self._closed = False
        source = self._take.header.source
        self._info = replace(source, kind="replay", live=False, frame_count=len(self._take))
        state = self._take.summary.state
        self.points_by = _points_by(self._take.header.config)
        self._warnings = [] if state == "complete" else [f"the take is not complete: its capture was {state}"]

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def warnings(self) -> list[str]:
        return self._warnings

    def __iter__(self) -> Iterator[FrameRecord]:
        if self._started:
            raise SourceError(f"{self._info.name}: a source can be read once; open it again")
        self._started = True
        return self._records()

    def _records(self) -> Iterator[FrameRecord]:
        span = self._span
        for record in self._take.records():
            if self._closed:
                return
            stamp = record.stamp
            if span.end_ns is not None and stamp.t_ns > span.end_ns:
                return
            if stamp.t_ns >= span.start_ns and stamp.index >= span.first_index:
                yield record

    def close(self) -> None:
        self._closed = True


def _points_by(config: Mapping[str, Any]) -> str | None:
    tables = (config.get(slot) for slot in config.get("stages", ()))
    uses = (str(table.get("use")) for table in tables if isinstance(table, Mapping))
    return next((use for use in uses if use in POINT_STAGES), None)

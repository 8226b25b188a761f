from __future__ import annotations

from pathlib import Path

import pytest

from mien.core.measures import Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.errors import SourceError
from mien.pipeline.stage import Source, SourceInfo, Span, TakeHeader, TakeSummary
from mien.sinks.parquet import ParquetSink
from mien.sources.replay import ReplaySource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sink = ParquetSink(folder=tmp_path)
    sink.open(TakeHeader(SourceInfo("clip.mp4", "video", (64, 48), 25.0, 99, live=False)))
    for i in range(10):
        sink.write(FrameRecord(Stamp("clip.mp4", i, i * 40), (64, 48), None, (Face(Box([0, 0, i, i], 0.5), i),)))
    sink.close(TakeSummary("interrupted", 10))
    return tmp_path


def test_a_replay_is_a_source_with_the_original_stamps(folder: Path) -> None:
    source = ReplaySource(folder / "take.parquet")
    assert isinstance(source, Source)
    info = source.info
    assert (info.kind, info.name, info.size_wh, info.frame_count, info.live) == (
        "replay",
        "clip.mp4",
        (64, 48),
        10,
        False,
    )
    records = list(source)
    assert [r.stamp for r in records] == [Stamp("clip.mp4", i, i * 40) for i in range(10)]
    assert [r.faces[0].track_id for r in records] == list(range(10))
    assert all(r.image is None for r in records)
    assert source.warnings == ["the take is not complete: its capture was interrupted"]
    source.close()
    source.close()


@pytest.mark.parametrize(
    ("span", "wanted"),
    [
        (Span(start_ns=80), [2, 3, 4, 5, 6, 7, 8, 9]),
        (Span(start_ns=81, end_ns=200), [3, 4, 5]),
        (Span(first_index=7), [7, 8, 9]),
        (Span(start_ns=10_000), []),
    ],
)
def test_a_span_selects(folder: Path, span: Span, wanted: list[int]) -> None:
    assert [r.stamp.index for r in ReplaySource(folder, span=span)] == wanted


def test_closing_ends_it_and_it_can_be_read_once(folder: Path) -> None:
    source = ReplaySource(folder)
    records = iter(source)
    next(records)
    source.close()
    assert list(records) == []
    with pytest.raises(SourceError, match="once"):
        iter(source)


def test_a_file_that_is_no_take_is_refused(tmp_path: Path) -> None:
    (tmp_path / "take.parquet").write_bytes(b"")
    with pytest.raises(SourceError, match="empty"):
        ReplaySource(tmp_path)

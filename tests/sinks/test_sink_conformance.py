"""What every sink promises (`pipeline.stage.Sink`), run over all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from sample_takes import HEADER, face, record

from mien.core.record import FrameRecord
from mien.errors import SinkError
from mien.pipeline.registry import SINKS, load
from mien.pipeline.stage import Options, Sink, TakeSummary
from mien.sinks.memory import MemorySink
from mien.sinks.overlay import OverlayOptions, OverlaySink
from mien.sinks.parquet import ParquetSink
from mien.take.reader import load_take


def overlay(folder: Path) -> OverlaySink:
    return OverlaySink(OverlayOptions(character=False), folder=folder)


def frames_in_video(folder: Path) -> int:
    with av.open(str(folder / "overlay.mp4")) as container:
        return sum(1 for _ in container.decode(video=0))


FILES: dict[str, tuple[Callable[[Path], Sink], Callable[[Path], int]]] = {
    "parquet": (lambda folder: ParquetSink(folder=folder), lambda folder: len(list(load_take(folder).records()))),
    "overlay": (overlay, frames_in_video),
}
SUMMARY = TakeSummary("complete", 5)


def records(count: int = 5) -> list[FrameRecord]:
    return [record(i, *([face()] if i % 2 else []), image=True) for i in range(count)]


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_can_be_read_after_close(name: str, tmp_path: Path) -> None:
    make, count = FILES[name]
    sink = make(tmp_path / "new" / "folder")
    sink.open(HEADER)
    for one in records():
        sink.write(one)
    sink.close(SUMMARY)
    assert count(tmp_path / "new" / "folder") == 5
    left = {p.name for p in (tmp_path / "new" / "folder").iterdir()}
    assert left == {"take.parquet"} if name == "parquet" else left == {"overlay.mp4"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("state", ["interrupted", "failed"])
def test_a_capture_that_ends_early_is_readable(name: str, state: str, tmp_path: Path) -> None:
    make, count = FILES[name]
    sink = make(tmp_path)
    sink.open(HEADER)
    sink.write(records()[0])
    sink.close(TakeSummary(state, 1, problem="why"))  # type: ignore[arg-type]
    assert count(tmp_path) == 1


@pytest.mark.parametrize("name", FILES)
def test_nothing_written_closes_quietly(name: str, tmp_path: Path) -> None:
    make, _ = FILES[name]
    sink = make(tmp_path)
    sink.open(HEADER)
    sink.close(TakeSummary("failed", 0))
    assert {p.name for p in tmp_path.iterdir()} <= {"take.parquet"}


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_cannot_be_written_is_an_error_at_open(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sink = FILES[name][0](tmp_path / "file")
    with pytest.raises(SinkError, match="file"):
        sink.open(HEADER)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    make, count = FILES[name]
    for _ in range(2):
        sink = make(tmp_path)
        try:
            sink.open(HEADER)
        except SinkError as error:
            assert "already holds" in str(error)
            assert count(tmp_path) == 2
            return
        for one in records(2):
            sink.write(one)
        sink.close(SUMMARY)
    pytest.fail("the second open went through")


@pytest.mark.parametrize("name", SINKS)
def test_registered_sinks_keep_the_contract(name: str, tmp_path: Path) -> None:
    part = load(SINKS[name])
    assert issubclass(part.Options, Options)
    assert all(field.description for field in part.Options.model_fields.values())
    assert isinstance(part(None, folder=tmp_path), Sink)
    assert isinstance(part(part.Options(), folder=tmp_path, resume=True), Sink)


def test_memory_keeps_records_without_pixels() -> None:
    sink = MemorySink()
    assert isinstance(sink, Sink)
    sink.open(HEADER)
    for one in records():
        sink.write(one)
    sink.close(SUMMARY)
    assert [r.stamp.index for r in sink.records] == [0, 1, 2, 3, 4]
    assert all(r.image is None for r in sink.records)
    assert (sink.header, sink.summary) == (HEADER, SUMMARY)

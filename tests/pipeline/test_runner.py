import threading
import time
from typing import Any

import pytest

from mien.core.record import FrameRecord
from mien.errors import SinkError, SourceError
from mien.pipeline.compose import Pipeline
from mien.pipeline.fake import FakeSource, FakeStage
from mien.pipeline.runner import DECODE_AHEAD, SinkThread, run
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary

HEADER = TakeHeader(SourceInfo("fake", "video"))
DONE = TakeSummary("complete", 0)


class Keeper:
    def __init__(self, reads: set[str] | None = None, fail_at: int | None = None, fail_close: bool = False) -> None:
        self.reads = frozenset(reads or ())
        self.records: list[FrameRecord] = []
        self.summaries: list[TakeSummary] = []
        self.fail_at = fail_at
        self.fail_close = fail_close

    def open(self, header: TakeHeader) -> None:
        self.header = header

    def write(self, record: FrameRecord) -> None:
        if record.stamp.index == self.fail_at:
            raise OSError(28, "No space left on device")
        self.records.append(record)

    def close(self, summary: TakeSummary) -> None:
        self.summaries.append(summary)
        if self.fail_close:
            raise ValueError("broken")


def test_offline_gives_every_frame_in_order() -> None:
    source = FakeSource(range(200))
    records = list(run(source, Pipeline([("a", FakeStage())])))
    assert [r.stamp.index for r in records] == list(range(200))
    assert source.closed


def test_offline_decodes_ahead_but_not_far() -> None:
    decoded: list[int] = []
    source = FakeSource(range(100), before_frame=decoded.append)
    runner = run(source, Pipeline([("a", FakeStage())]))
    next(runner)
    time.sleep(0.2)
    assert len(decoded) <= DECODE_AHEAD + 3
    runner.close()
    assert source.closed


def test_live_takes_the_newest_frame_and_says_how_many_it_skipped() -> None:
    source = FakeSource(range(60), live=True, before_frame=lambda i: time.sleep(0.005))

    def slow(record: FrameRecord) -> FrameRecord:
        time.sleep(0.03)
        return record

    indices = [r.stamp.index for r in run(source, Pipeline([("slow", FakeStage(slow))]))]
    assert indices == sorted(set(indices))
    assert indices[-1] == 59
    assert len(indices) < 40
    assert source.warnings == [f"{60 - len(indices)} frames skipped to stay live"]


def test_a_source_that_breaks_gives_its_good_frames_first() -> None:
    source = FakeSource(range(5), error=SourceError("fake: broke"))
    seen: list[int] = []
    with pytest.raises(SourceError, match="broke"):
        for record in run(source, Pipeline([("a", FakeStage())])):
            seen.append(record.stamp.index)
    assert seen == list(range(5))


def test_an_unforeseen_error_of_a_source_is_wrapped() -> None:
    with pytest.raises(SourceError, match="fake: reading failed: RuntimeError: odd"):
        list(run(FakeSource([], error=RuntimeError("odd")), Pipeline([])))


def test_stop_ends_after_the_current_frame() -> None:
    stop = threading.Event()
    seen = []
    for record in run(FakeSource(range(1000)), Pipeline([("a", FakeStage())]), stop=stop):
        seen.append(record)
        if len(seen) == 3:
            stop.set()
    assert len(seen) == 3


def records(n: int) -> list[Any]:
    return list(FakeSource(range(n)))


def test_sinks_get_pixels_only_if_they_ask() -> None:
    plain, painter = Keeper(), Keeper({"image"})
    thread = SinkThread([plain, painter], HEADER)
    for record in records(30):
        thread.write(record)
    thread.close(DONE)
    assert [r.stamp.index for r in plain.records] == [r.stamp.index for r in painter.records] == list(range(30))
    assert all(r.image is None for r in plain.records)
    assert all(r.image is not None for r in painter.records)
    assert plain.summaries == painter.summaries == [DONE]


def test_a_failing_sink_stops_the_writing_and_all_sinks_are_closed() -> None:
    good, bad = Keeper(), Keeper(fail_at=3)
    thread = SinkThread([good, bad], HEADER)
    with pytest.raises(SinkError, match="Keeper: writing failed: OSError.*No space left"):
        for record in records(500):
            thread.write(record)
    with pytest.raises(SinkError, match="No space left"):
        thread.close(DONE)
    for sink in (good, bad):
        assert sink.summaries[0].state == "failed"
        assert "No space left" in str(sink.summaries[0].problem)


def test_one_sink_failing_to_close_does_not_keep_the_others_open() -> None:
    first, second = Keeper(fail_close=True), Keeper()
    thread = SinkThread([first, second], HEADER)
    with pytest.raises(SinkError, match="closing failed: ValueError: broken"):
        thread.close(DONE)
    assert second.summaries == [DONE]


def test_sinks_opened_before_one_fails_are_closed() -> None:
    first, second = Keeper(), Keeper()

    def refuse(header: TakeHeader) -> None:
        raise SinkError("no")

    second.open = refuse  # type: ignore[method-assign]
    with pytest.raises(SinkError, match="no"):
        SinkThread([first, second], HEADER)
    assert first.summaries[0].state == "failed"

import threading
import time
from typing import Any

import pytest

from mien.core.record import FrameRecord
from mien.errors import MienError, SinkError, SourceError
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


def test_stop_ends_after_the_frames_that_have_begun() -> None:
    stop = threading.Event()
    seen = []
    for record in run(FakeSource(range(1000)), Pipeline([("a", FakeStage())]), stop=stop):
        seen.append(record.stamp.index)
        if len(seen) == 3:
            stop.set()
    assert seen == [0, 1, 2, 3]


def split_pipeline(second: Any) -> Pipeline:
    """A stage that decides where faces are, and `second`, which is read from them."""
    return Pipeline([("where", FakeStage(writes={"faces"})), ("what", FakeStage(second, reads={"faces"}))])


def test_offline_a_frame_is_finished_while_the_next_one_begins() -> None:
    threads, together = set(), threading.Barrier(2, timeout=20)

    def where(record: FrameRecord) -> FrameRecord:
        if record.stamp.index:
            together.wait()
        return record

    def what(record: FrameRecord) -> FrameRecord:
        threads.add(threading.current_thread().name)
        if record.stamp.index < 9:
            together.wait()  # passes only if the next frame is begun at the same time
        return record

    pipeline = Pipeline([("where", FakeStage(where, writes={"faces"})), ("what", FakeStage(what, reads={"faces"}))])
    done = list(run(FakeSource(range(10)), pipeline))
    assert [r.stamp.index for r in done] == list(range(10))
    assert all(set(r.trace.stage_ns) == {"where", "what"} for r in done)
    assert threading.current_thread().name not in threads


def test_live_nothing_waits_for_a_next_frame() -> None:
    threads = set()

    def what(record: FrameRecord) -> FrameRecord:
        threads.add(threading.current_thread().name)
        return record

    list(run(FakeSource(range(10)), split_pipeline(what), live=True))
    assert threads == {threading.current_thread().name}


@pytest.mark.parametrize(("slot", "good"), [("where", 4), ("what", 4), ("source", 4)])
def test_frames_before_a_failure_are_given_whoever_fails(slot: str, good: int) -> None:
    def broken(record: FrameRecord) -> FrameRecord:
        if record.stamp.index == good:
            raise ValueError("odd")
        return record

    where, what = (FakeStage(broken if slot == name else None) for name in ("where", "what"))
    where.writes, what.reads = frozenset({"faces"}), frozenset({"faces"})
    error = SourceError("fake: broke") if slot == "source" else None
    seen = []
    with pytest.raises(MienError, match="broke" if error else f'stage "{slot}" failed on frame 4'):
        for record in run(
            FakeSource(range(4 if error else 9), error=error), Pipeline([("where", where), ("what", what)])
        ):
            seen.append(record.stamp.index)
    assert seen == list(range(good))


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

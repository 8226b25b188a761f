"""Expressions on the live page: told when they are decided, bounded, on the clock of the frames."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from mien.core.record import Event, FrameRecord, Stamp
from mien.pipeline.stage import SourceInfo
from mien.sources.paced import PacedSource
from mien.studio.clock import server_ms
from mien.studio.judge import LiveJudge
from mien.studio.marks import MarkList, marks_expressions
from mien.studio.messages import LONGEST_WORD, MOST_MARKS, MOST_UNITS, Marks

MS = 1_000_000


def record(index: int, *events: Event) -> FrameRecord:
    return FrameRecord(Stamp("c", index, index * 10 * MS, "monotonic"), (64, 48), events=events)


def event(kind: str, at_ms: int) -> Event:
    return Event(kind, 1, at_ms * MS, (at_ms + 80) * MS, (at_ms + 200) * MS, 0.8, ("AU12_L", "AU6_L"), "happiness")


def test_there_is_something_to_tell_at_the_first_frame_and_when_one_is_decided() -> None:
    marks = MarkList(watched=True)
    assert (marks.said.began_ms, marks.said.newest, marks.said.watched) == (None, [], True)
    assert marks.see(record(0))
    assert not marks.see(record(1))
    assert marks.see(record(90, event("micro", 100)))
    assert marks.see(record(200, event("macro", 500), event("micro", 1000)))
    said = marks.said
    assert said.began_ms == server_ms(0)
    assert said.counts == {"micro": 2, "macro": 1}
    assert [m.number for m in said.newest] == [3, 2, 1]
    first = said.newest[-1]
    assert (first.kind, first.action_units, first.emotion) == ("micro", ["AU12_L", "AU6_L"], "happiness")
    assert first.apex_ms - first.onset_ms == pytest.approx(80)
    assert first.offset_ms - first.onset_ms == pytest.approx(200)
    assert first.decided_ms == server_ms(900 * MS)


def test_only_the_newest_are_told_but_all_are_counted() -> None:
    marks = MarkList(watched=True)
    for k in range(3 * MOST_MARKS):
        marks.see(record(k, event("micro", 10 * k)))
    assert len(marks.said.newest) == MOST_MARKS
    assert marks.said.newest[0].number == 3 * MOST_MARKS
    assert marks.said.counts == {"micro": 3 * MOST_MARKS}


def test_what_is_no_expression_is_not_told() -> None:
    marks = MarkList(watched=False)
    assert marks.see(record(0, event("blink", 10)))
    assert not marks.see(record(1, event("blink", 20), event("made up by a take", 30)))
    assert (marks.said.counts, marks.said.newest) == ({}, [])
    assert marks.see(record(2, event("blink", 40), event("macro", 50)))
    assert marks.said.counts == {"macro": 1}
    assert [(m.kind, m.number) for m in marks.said.newest] == [("macro", 1)]


def test_an_event_of_a_take_is_cut_to_what_a_page_can_show() -> None:
    marks = MarkList(watched=False)
    huge = replace(event("micro", 10), action_units=("A" * 10_000,) * 10_000, emotion="b" * 10_000)
    marks.see(record(0, huge))
    (mark,) = marks.said.newest
    assert len(mark.action_units) == MOST_UNITS
    assert {len(u) for u in [*mark.action_units, str(mark.emotion)]} == {LONGEST_WORD}
    table = marks.said.model_dump()
    for wrong in ({"counts": {"blink": 1}}, {"newest": [mark] * (MOST_MARKS + 1)}):
        with pytest.raises(ValidationError):
            Marks(**{**table, **wrong})
    with pytest.raises(ValidationError, match="'micro' or 'macro'"):
        type(mark)(**{**mark.model_dump(), "kind": "blink"})


@pytest.mark.parametrize(("preset", "watched"), [("micro", True), ("balanced", False), ("fast", False)])
def test_which_presets_mark_expressions(preset: str, watched: bool) -> None:
    assert marks_expressions(preset) is watched


def test_a_run_that_spots_says_that_its_rate_is_too_low_for_it() -> None:
    for rate_hz, words in ((15, "too slow for micro-expressions"), (30, "many are missed"), (100, None)):
        judge = LiveJudge(spots=True)
        for k in range(150):
            judge.see(FrameRecord(Stamp("c", k, k * 1_000_000_000 // rate_hz), (64, 48)))
        said = [w for w in judge.warnings(0) if w.startswith("Frame rate")]
        assert (words is None and not said) or (len(said) == 1 and str(words) in said[0])


class Recorded:
    """A source of one record that was taken long ago."""

    info = SourceInfo("c", "replay")
    warnings: list[str] = []  # noqa: RUF012

    def __iter__(self):  # type: ignore[no-untyped-def]
        yield replace(record(90, event("micro", 100)), stamp=Stamp("c", 90, 900 * MS))

    def close(self) -> None:
        """Nothing is open."""


def test_events_of_a_take_that_is_played_move_to_the_clock_of_the_frames() -> None:
    (moved,) = PacedSource(Recorded())  # type: ignore[arg-type]
    (one,) = moved.events
    assert moved.stamp.t_ns - one.offset_ns == 600 * MS
    assert (one.apex_ns - one.onset_ns, one.offset_ns - one.apex_ns) == (80 * MS, 120 * MS)

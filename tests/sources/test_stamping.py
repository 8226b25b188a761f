from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mien.sources.stamping import MediaClock

MS = Fraction(1, 1000)


def stamps_ms(ticks: list[int | None], step_ms: int = 40) -> tuple[list[float], list[str]]:
    clock = MediaClock(step_ms * 1_000_000)
    return [clock.stamp(t, MS) / 1e6 for t in ticks], clock.warnings()


def test_good_times_are_kept() -> None:
    assert stamps_ms([100, 133, 167, 5000]) == ([100, 133, 167, 5000], [])


def test_missing_times_follow_the_rate() -> None:
    stamps, warnings = stamps_ms([None, None, 200, None])
    assert stamps == [0, 40, 200, 240]
    assert warnings == ["3 frames without a time in the container: derived from the frame rate"]


def test_times_that_do_not_grow_are_nudged() -> None:
    stamps, warnings = stamps_ms([0, 40, 40, 20, 80])
    assert stamps == [0, 40, 40.000001, 40.000002, 80]
    assert warnings == ["2 frames whose time did not grow: moved just behind the frame before"]


def test_a_jump_back_goes_on_from_where_it_was() -> None:
    stamps, warnings = stamps_ms([9000, 9040, 0, 40, 80])
    assert stamps == [9000, 9040, 9080, 9120, 9160]
    assert warnings == ["the container's clock jumped back 1 time: times continue from where they were"]


@given(st.lists(st.none() | st.integers(-(10**9), 10**9), max_size=50))
def test_stamps_always_grow(ticks: list[int | None]) -> None:
    stamps, _ = stamps_ms(ticks)
    clock = MediaClock(40_000_000)
    assert all(a < b for a, b in pairwise(clock.stamp(t, MS) for t in ticks))
    assert len(stamps) == len(ticks)

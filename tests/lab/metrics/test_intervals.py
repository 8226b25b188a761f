"""Spotting: overlap counted in frames, one-to-one matching, counts pooled over videos, spot-then-recognise."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import RequestError
from mien.lab.metrics.intervals import (
    Interval,
    interval_overlap,
    match_intervals,
    spot_then_recognise,
    spotting_f1,
)

SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda t: Interval(t[0], t[0] + t[1])), max_size=8
)


@settings(deadline=None, max_examples=100)
@given(SPANS, SPANS)
def test_overlap_and_matching_like_sets_of_frames(truth: list[Interval], found: list[Interval]) -> None:
    for a in truth:
        for b in found:
            x, y = set(range(a.onset, a.offset + 1)), set(range(b.onset, b.offset + 1))
            assert interval_overlap(a, b) == pytest.approx(len(x & y) / len(x | y))
    matches = match_intervals(truth, found)
    pairs = [m for m in matches if m.truth is not None and m.found is not None]
    assert all(interval_overlap(m.truth, m.found) >= 0.5 for m in pairs if m.truth and m.found)
    assert sum(m.truth is not None for m in matches) == len(truth)
    assert sum(m.found is not None for m in matches) == len(found)
    left = [m.truth for m in matches if m.found is None], [m.found for m in matches if m.truth is None]
    assert not any(interval_overlap(a, b) >= 0.5 for a in left[0] for b in left[1] if a and b)
    back = sum(m.truth is not None and m.found is not None for m in match_intervals(truth[::-1], found[::-1]))
    assert back == len(pairs)


def test_half_is_enough_and_ends_count() -> None:
    assert interval_overlap(Interval(1, 10), Interval(1, 5)) == 0.5
    assert interval_overlap(Interval(1, 10), Interval(10, 10)) == 0.1
    assert spotting_f1({"v": [Interval(1, 10)]}, {"v": [Interval(1, 5)]}).value == 1
    assert spotting_f1({"v": [Interval(1, 10)]}, {"v": [Interval(1, 4)]}).value == 0


def test_a_truth_is_matched_once() -> None:
    score = spotting_f1({"v": [Interval(1, 10)]}, {"v": [Interval(1, 10), Interval(2, 10)]})
    assert score.value == pytest.approx(2 / 3)
    assert score.parts["precision"].value == 0.5
    assert score.parts["recall"].value == 1
    best = match_intervals([Interval(1, 10)], [Interval(2, 10), Interval(1, 10)])
    assert best[0].found == Interval(1, 10)


def test_counts_are_added_over_videos() -> None:
    truth = {"a": [Interval(1, 10)], "b": [Interval(1, 10), Interval(30, 40)], "c": []}
    found = {"a": [Interval(1, 10)], "c": [Interval(1, 10)]}
    score = spotting_f1(truth, found)
    assert score.value == pytest.approx(2 * 1 / (3 + 2))
    assert score.support == 3


def test_kinds_are_matched_apart() -> None:
    truth = {"v": [Interval(1, 10, "micro"), Interval(50, 90, "macro")]}
    found = {"v": [Interval(1, 10, "macro"), Interval(50, 90, "macro")]}
    score = spotting_f1(truth, found)
    assert score.parts["micro"].value == 0
    assert score.parts["macro"].value == pytest.approx(2 / 3)
    assert score.value == pytest.approx(2 * 1 / (2 + 2))
    with pytest.raises(RequestError, match="name it in all"):
        spotting_f1(truth, {"v": [Interval(1, 10)]})


def test_nothing_to_spot() -> None:
    assert math.isnan(spotting_f1({}, {}).value)
    assert math.isnan(spotting_f1({"v": []}, {"v": [Interval(1, 2)]}).value)
    assert math.isnan(spot_then_recognise({"v": []}, {}, ("a",)).value)
    assert spotting_f1({"v": [Interval(1, 2)]}, {}).value == 0


def test_spot_then_recognise_by_hand() -> None:
    truth = {"v": [Interval(0, 9, label="a"), Interval(20, 29, label="b"), Interval(40, 49, label="b")]}
    found = {"v": [Interval(0, 9, label="a"), Interval(20, 29, label="a"), Interval(60, 69, label="b")]}
    score = spot_then_recognise(truth, found, ("a", "b"))
    precision, recall = (1 / 2 + 0) / 2, (1 + 0) / 2
    assert score.parts["spotting"].value == pytest.approx(2 * 2 / 6)
    assert score.parts["recognition"].value == pytest.approx(2 * precision * recall / (precision + recall))
    assert score.value == pytest.approx(score.parts["spotting"].value * score.parts["recognition"].value)
    assert spot_then_recognise(truth, truth, ("a", "b")).value == 1
    assert spot_then_recognise(truth, {}, ("a", "b")).value == 0
    with pytest.raises(RequestError, match="none of the classes"):
        spot_then_recognise(truth, found, ("a",))


def test_what_cannot_be_scored() -> None:
    with pytest.raises(RequestError, match="ends before it begins"):
        Interval(5, 4)
    with pytest.raises(RequestError, match="does not name: w"):
        spotting_f1({"v": []}, {"w": [Interval(1, 2)]})

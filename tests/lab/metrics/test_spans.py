"""Overlap of spans and their matching, by hand."""

import pytest

from mien.lab.metrics.spans import matched, overlap


def test_overlap_by_hand() -> None:
    assert overlap((0.0, 2.0), (1.0, 3.0)) == pytest.approx(1 / 3)
    assert overlap((0.0, 1.0), (2.0, 3.0)) == 0.0
    assert overlap((1.0, 1.0), (1.0, 1.0)) == 0.0


def test_each_is_matched_once_and_the_largest_overlap_first() -> None:
    true = [(0.0, 1.0), (5.0, 6.0)]
    found = [(0.3, 1.0), (0.1, 1.0), (5.9, 7.0)]
    assert matched(found, true) == {1: 0}
    assert matched(found, true, least=0.04) == {1: 0, 2: 1}
    assert matched([], true) == {}

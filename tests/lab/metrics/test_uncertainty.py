"""Confidence intervals: wider where subjects differ, repeatable, and near what theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mien.errors import RequestError
from mien.lab.metrics.uncertainty import by_seed, by_subject


def test_whole_subjects_are_drawn() -> None:
    """Ten subjects, each with 50 equal items: as sure as ten values, not as five hundred."""
    rng = np.random.default_rng(1)
    each = rng.normal(0, 1, 10)
    values, subjects = np.repeat(each, 50), np.repeat(np.arange(10), 50).tolist()
    clustered = by_subject(lambda i: float(values[i].mean()), subjects, repeats=400)
    single = by_subject(lambda i: float(values[i].mean()), list(range(500)), repeats=400)
    assert clustered.value == pytest.approx(each.mean())
    assert clustered.clusters == 10
    expected = 2 * 1.96 * each.std() / math.sqrt(10)
    assert clustered.high - clustered.low == pytest.approx(expected, rel=0.2)
    assert clustered.high - clustered.low > 4 * (single.high - single.low)
    assert clustered.low < clustered.value < clustered.high


def test_same_seed_same_interval() -> None:
    values = np.arange(12.0)
    a, b, c = (by_subject(lambda i: float(values[i].mean()), "abcabcabcabc", repeats=50, seed=s) for s in (3, 3, 4))
    assert a == b
    assert a != c


def test_draws_without_a_value_are_told() -> None:
    values = np.array([1.0, np.nan])
    found = by_subject(lambda i: float(values[i].min()), ["a", "b"], repeats=400)
    assert math.isnan(found.value)
    assert found.undefined == pytest.approx(0.75, abs=0.08)
    assert (found.low, found.high) == (1, 1)


def test_one_subject_tells_nothing_about_others() -> None:
    found = by_subject(lambda i: float(len(i)), ["a", "a"])
    assert found.value == 2
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_seeds_like_scipy() -> None:
    runs = [0.71, 0.74, 0.70, 0.73]
    found = by_seed(runs)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(runs), scale=stats.sem(runs))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert math.isnan(by_seed([0.5]).low)


def test_what_cannot_be_asked() -> None:
    with pytest.raises(RequestError, match="at least one"):
        by_subject(lambda i: 0.0, [])
    with pytest.raises(RequestError, match="between 0 and 1"):
        by_subject(lambda i: 0.0, ["a"], level=95)
    with pytest.raises(RequestError, match="no run"):
        by_seed([])
    with pytest.raises(RequestError, match="NaN"):
        by_seed([0.5, math.nan])

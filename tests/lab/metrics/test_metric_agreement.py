"""Agreement of series: published and hand-computed figures, scipy, properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from mien.errors import RequestError
from mien.lab.metrics.agreement import ccc, icc, lag, mean_absolute_error, mean_ccc, pearson_r

FINITE = st.floats(-100, 100, allow_nan=False).map(lambda v: round(v, 3))
PAIRS = arrays(np.float64, st.tuples(st.integers(3, 30), st.just(2)), elements=FINITE)


def test_ccc_by_hand() -> None:
    truth, answer = np.array([1.0, 2, 3]), np.array([2.0, 3, 4])
    assert ccc(truth, truth).value == pytest.approx(1)
    assert ccc(truth, answer).value == pytest.approx(2 * (2 / 3) / (2 / 3 + 2 / 3 + 1))
    assert ccc(truth, -truth).value == pytest.approx(2 * (-2 / 3) / (4 / 3 + 16))


def test_icc_of_two_raters_by_hand() -> None:
    """A shift by 1: consistent, but not agreeing. BMS 2, EMS 0, JMS 1.5, WMS 0.5."""
    truth, answer = [1.0, 2, 3], [2.0, 3, 4]
    assert icc(truth, answer, "3,1").value == pytest.approx(1)
    assert icc(truth, answer, "2,1").value == pytest.approx(2 / (2 + 2 * 1.5 / 3))
    assert icc(truth, answer, "1,1").value == pytest.approx((2 - 0.5) / (2 + 0.5))


def test_icc_of_shrout_and_fleiss() -> None:
    """Their six targets, raters 1 and 4 of four, worked out by the two-way table."""
    a, b = np.array([9.0, 6, 8, 7, 10, 6]), np.array([8.0, 2, 6, 6, 9, 7])
    both = np.stack([a, b])
    n, grand = 6, both.mean()
    bms = 2 * np.sum((both.mean(axis=0) - grand) ** 2) / 5
    jms = 6 * np.sum((both.mean(axis=1) - grand) ** 2)
    total = np.sum((both - grand) ** 2)
    ems = (total - 5 * bms - jms) / 5
    wms = (total - 5 * bms) / n
    assert icc(a, b, "1,1").value == pytest.approx((bms - wms) / (bms + wms))
    assert icc(a, b, "2,1").value == pytest.approx((bms - ems) / (bms + ems + 2 * (jms - ems) / n))
    assert icc(a, b, "3,1").value == pytest.approx((bms - ems) / (bms + ems))
    assert icc(a, b).name == "icc(3,1)"


@settings(deadline=None, max_examples=50)
@given(PAIRS)
def test_bounds_and_order(table: np.ndarray) -> None:
    a, b = table.T
    assume(np.ptp(a) > 0.01 and np.ptp(b) > 0.01)
    turned = slice(None, None, -1)
    for metric in (pearson_r, ccc, icc):
        value = metric(a, b).value
        assert -1 - 1e-9 <= value <= 1 + 1e-9
        assert metric(a[turned], b[turned]).value == pytest.approx(value, abs=1e-9)
        assert metric(a, a).value == pytest.approx(1)
    assert abs(ccc(a, b).value) <= abs(pearson_r(a, b).value) + 1e-9
    assert pearson_r(a, b).value == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-6)
    assert icc(a, b + 5, "3,1").value == pytest.approx(icc(a, b, "3,1").value, abs=1e-6)
    assert mean_absolute_error(a, b).value == pytest.approx(np.mean([abs(x - y) for x, y in table]))


def test_what_never_changes() -> None:
    same, moving = np.full(20, 0.1), np.linspace(0, 1, 20)
    for metric in (ccc, icc, pearson_r):
        assert math.isnan(metric(same, moving).value)
        assert metric(same, moving).support == 20
    assert math.isnan(pearson_r(moving, same).value)
    assert ccc(moving, same).value == pytest.approx(0)
    assert icc(moving, same).value == pytest.approx(0)
    for metric in (ccc, icc, pearson_r, mean_absolute_error):
        assert math.isnan(metric([], []).value)


def test_gaps_are_left_out_and_the_support_says_so() -> None:
    score = pearson_r([1, 2, np.nan, 4], [1, 2, 3, np.nan])
    assert score.support == 2
    assert score.value == pytest.approx(1)


def test_mean_ccc_and_its_parts() -> None:
    truth = np.array([[1.0, 0.5], [2, 0.5], [3, 0.5]])
    score = mean_ccc(truth, truth)
    assert score.value == pytest.approx(1)
    assert math.isnan(score.parts["arousal"].value)
    assert score.parts["arousal"].support == 3
    truth[0, 0] = np.nan
    assert mean_ccc(truth, np.nan_to_num(truth)).parts["valence"].support == 2
    with pytest.raises(RequestError, match="NaN at"):
        mean_ccc(np.nan_to_num(truth), truth)


@pytest.mark.parametrize("shift", [-7, 0, 3, 9])
def test_lag_of_a_shifted_curve(shift: int) -> None:
    rng = np.random.default_rng(5)
    curve = np.convolve(rng.standard_normal(300), np.ones(5) / 5, "same")
    found = lag(curve[50:250], curve[50 - shift : 250 - shift], fps=50, max_lag_ms=400)
    assert found.frames == pytest.approx(shift, abs=0.1)
    assert found.lag_ms == pytest.approx(20 * shift, abs=2)
    assert found.r == pytest.approx(1)
    assert found.overlap == 200 - abs(shift)


def test_lag_between_frames() -> None:
    t = np.arange(200) / 50
    found = lag(np.sin(2 * np.pi * t), np.sin(2 * np.pi * (t - 0.05)), fps=50, max_lag_ms=200)
    assert found.lag_ms == pytest.approx(50, abs=1)


def test_lag_of_nothing() -> None:
    assert math.isnan(lag([1, 1, 1, 1], [1, 2, 3, 4], fps=30).frames)
    assert math.isnan(lag([], [], fps=30).lag_ms)


def test_answers_that_cannot_be_compared() -> None:
    with pytest.raises(RequestError, match="one by one"):
        ccc([1, 2], [1, 2, 3])
    with pytest.raises(RequestError, match="infinity"):
        ccc([1, np.inf], [1, 2])
    with pytest.raises(RequestError, match="expected numbers"):
        ccc(["x", "y"], [1, 2])
    with pytest.raises(RequestError, match="no ICC"):
        icc([1, 2], [1, 2], "3,k")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="above 0"):
        lag([1, 2], [1, 2], fps=0)

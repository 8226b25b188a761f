"""Action-unit metrics against plain counting, and what is not defined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import RequestError
from mien.lab.metrics.units import au_ap, au_auc, au_f1, au_icc, binary_f1, ranking_precision, roc_auc

SCORED = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=25)


@settings(deadline=None, max_examples=50)
@given(SCORED)
def test_auc_and_ap_like_plain_counting(pairs: list[tuple[int, int]]) -> None:
    truth, score = np.array(pairs, float).T
    positives, negatives = score[truth == 1], score[truth == 0]
    auc = roc_auc(truth, score).value
    if len(positives) and len(negatives):
        over = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
        assert auc == pytest.approx(over / (len(positives) * len(negatives)))
        assert roc_auc(truth, np.exp(score)).value == pytest.approx(auc)
    else:
        assert math.isnan(auc)
    ap, before, area = ranking_precision(truth, score).value, 0.0, 0.0
    if not len(positives):
        assert math.isnan(ap)
        return
    for threshold in sorted(set(score), reverse=True):
        taken = score >= threshold
        recall = truth[taken].sum() / len(positives)
        area += (recall - before) * truth[taken].mean()
        before = recall
    assert ap == pytest.approx(area)
    assert ranking_precision(truth, truth).value == 1


def test_ap_by_hand() -> None:
    assert ranking_precision([1, 0, 1], [0.9, 0.8, 0.7]).value == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_f1_by_hand() -> None:
    score = binary_f1([1, 1, 0, 0, np.nan], [1, 0, 1, 0, 1])
    assert score.value == pytest.approx(2 / (2 + 1 + 1))
    assert score.support == 4
    assert math.isnan(binary_f1([0, 0], [1, 0]).value)
    assert binary_f1([1, 0], [0, 0]).value == 0


def test_means_over_units_leave_out_what_is_not_defined() -> None:
    truth = np.array([[1, 0, 1], [1, 0, 0], [0, 0, np.nan], [0, 0, np.nan]])
    answer = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0]])
    score = au_f1(truth, answer, ("AU1", "AU2", "AU4"))
    assert score.value == 1
    assert math.isnan(score.parts["AU2"].value)
    assert (score.parts["AU2"].support, score.parts["AU4"].support, score.support) == (4, 2, 4)
    assert math.isnan(au_auc(truth, answer, ("AU1", "AU2", "AU4")).parts["AU2"].value)
    assert au_ap(truth, answer, ("AU1", "AU2", "AU4")).value == 1
    assert math.isnan(au_icc(truth[:, 1:2], answer[:, 1:2], ("AU2",)).value)
    assert math.isnan(au_f1(np.zeros((0, 2)), np.zeros((0, 2)), ("AU1", "AU2")).value)


def test_intensity_is_judged_by_consistency() -> None:
    truth = np.array([[0.0], [1], [2], [3]])
    assert au_icc(truth, truth + 1, ("AU12",)).value == pytest.approx(1)


@pytest.mark.parametrize(
    ("truth", "answer", "units", "message"),
    [
        ([[2.0]], [[1.0]], ["AU1"], "must be 0, 1 or NaN"),
        ([[1.0]], [[0.7]], ["AU1"], "apply the threshold"),
        ([[1.0]], [[np.nan]], ["AU1"], "NaN at"),
        ([[1.0]], [[1.0], [0.0]], ["AU1"], "1 frames"),
        ([[1.0]], [[1.0]], ["AU1", "AU2"], "expected shape"),
        ([[1.0, 1.0]], [[1.0, 1.0]], ["AU1", "AU1"], "named twice"),
    ],
)
def test_tables_that_cannot_be_scored(truth: list, answer: list, units: list, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        au_f1(truth, answer, units)

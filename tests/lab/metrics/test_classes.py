"""Class metrics against hand-computed figures, plain loops and properties that must hold for every answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import RequestError
from mien.lab.metrics.classes import (
    accuracy,
    class_f1,
    class_precision,
    class_recall,
    confusion_matrix,
    macro_f1,
    precision_recall_f1,
    uar,
    uf1,
)
from mien.lab.metrics.composite import FoldAnswers, composite

ABC = ("a", "b", "c")
ANSWERS = st.lists(st.tuples(st.sampled_from(ABC), st.sampled_from(ABC)), max_size=40)


def _matrix(pairs: list[tuple[str, str]]) -> np.ndarray:
    return confusion_matrix([t for t, _ in pairs], [p for _, p in pairs], ABC)


def test_a_small_table_by_hand() -> None:
    matrix = confusion_matrix(list("aaabbc"), list("aabbca"), ABC)
    assert matrix.tolist() == [[2, 1, 0], [0, 1, 1], [1, 0, 0]]
    np.testing.assert_allclose(class_recall(matrix), [2 / 3, 1 / 2, 0])
    np.testing.assert_allclose(class_precision(matrix), [2 / 3, 1 / 2, 0])
    np.testing.assert_allclose(class_f1(matrix), [2 / 3, 1 / 2, 0])
    assert accuracy(matrix, ABC).value == pytest.approx(0.5)
    assert macro_f1(matrix, ABC).value == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert uar(matrix, ABC).parts["a"].support == 3


def test_a_class_without_support_is_not_defined_and_no_part_of_the_mean() -> None:
    matrix = confusion_matrix(list("aabb"), list("aacb"), ABC)
    for score in (macro_f1(matrix, ABC), uar(matrix, ABC), uf1(matrix, ABC)):
        assert math.isnan(score.parts["c"].value)
        assert score.parts["c"].support == 0
    assert uar(matrix, ABC).value == pytest.approx(0.75)
    assert uf1(matrix, ABC).value == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(class_precision(_matrix([("a", "a")]))[1])


def test_nothing_at_all_is_not_defined() -> None:
    for metric in (accuracy, macro_f1, uf1, uar):
        score = metric(_matrix([]), ABC)
        assert math.isnan(score.value)
        assert score.support == 0
    assert math.isnan(precision_recall_f1(_matrix([]), ABC))


@settings(deadline=None, max_examples=50)
@given(ANSWERS)
def test_like_plain_loops(pairs: list[tuple[str, str]]) -> None:
    f1, recall = [], []
    for c in ABC:
        tp = sum(t == p == c for t, p in pairs)
        fp = sum(p == c != t for t, p in pairs)
        fn = sum(t == c != p for t, p in pairs)
        if tp + fn:
            f1.append(2 * tp / (2 * tp + fp + fn))
            recall.append(tp / (tp + fn))
    matrix = _matrix(pairs)
    if pairs:
        assert macro_f1(matrix, ABC).value == pytest.approx(sum(f1) / len(f1))
        assert uar(matrix, ABC).value == pytest.approx(sum(recall) / len(recall))
        assert 0 <= precision_recall_f1(matrix, ABC) <= 1
        assert accuracy(matrix, ABC).value == pytest.approx(sum(t == p for t, p in pairs) / len(pairs))


@settings(deadline=None, max_examples=50)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_order_does_not_matter(pairs: list[tuple[str, str]], random: object) -> None:
    mixed = list(pairs)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert _matrix(mixed).tolist() == _matrix(pairs).tolist()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(ABC), min_size=1))
def test_right_answers_score_one(names: list[str]) -> None:
    matrix = confusion_matrix(names, names, ABC)
    assert [m(matrix, ABC).value for m in (accuracy, macro_f1, uf1, uar)] == [1, 1, 1, 1]
    assert precision_recall_f1(matrix, ABC) == 1


@pytest.mark.parametrize(
    ("truth", "predicted", "classes", "message"),
    [
        (["a"], [], ABC, "one by one"),
        (["z"], ["a"], ABC, "truth: 'z' is none of"),
        (["a"], ["z"], ABC, "predicted: 'z'"),
        (["a"], ["a"], ("a", "a"), "named twice"),
    ],
)
def test_answers_that_cannot_be_scored(truth: list, predicted: list, classes: tuple, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        confusion_matrix(truth, predicted, classes)


@pytest.mark.parametrize("matrix", [np.zeros((2, 3), int), np.array([[1.5, 0], [0, 1]]), np.array([[-1, 0], [0, 1]])])
def test_no_matrix_of_counts(matrix: np.ndarray) -> None:
    with pytest.raises(RequestError, match="matrix of counts"):
        uf1(matrix, ("a", "b"))


def test_composite_adds_counts_before_it_divides() -> None:
    folds = [
        FoldAnswers("casme-ii", "1", ["a", "a"], ["a", "b"]),
        FoldAnswers("casme-ii", "2", ["b"], ["b"]),
        FoldAnswers("samm", "1", ["b", "c"], ["b", "a"]),
    ]
    scores = composite(folds, ABC)
    f1_a, f1_b = 2 * 1 / (2 + 1 + 1), 2 * 2 / (4 + 1 + 0)
    assert scores["uf1"].value == pytest.approx((f1_a + f1_b + 0) / 3)
    assert scores["uar"].value == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert scores["uar"].parts["samm"].value == pytest.approx(1 / 2)
    assert scores["uf1"].parts["casme-ii"].support == 3
    of_folds = np.mean([uf1(confusion_matrix(f.truth, f.predicted, ABC), ABC).value for f in folds])
    assert scores["uf1"].value != pytest.approx(of_folds)


def test_a_subject_is_left_out_once() -> None:
    with pytest.raises(RequestError, match="left out twice"):
        composite([FoldAnswers("samm", "1", ["a"], ["a"])] * 2, ABC)

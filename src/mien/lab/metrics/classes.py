"""Metrics of classes: confusion matrix, accuracy, F1 and recall by class, and their means.

A class without an item in the truth has no F1, recall or support: NaN, and it is left out of the means (`parts` shows
which). Counts of several folds are added as matrices before anything is divided: `uf1` and `uar` of MEGC 2019 are
exactly that, and a mean over folds is not offered.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.core.arrays import Float64, Int64
from mien.errors import RequestError
from mien.lab.metrics.score import Score, mean_score, ratio


def confusion_matrix(truth: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> Int64:
    """(C, C) int64: row = true class, column = predicted class, in the order of `classes`.

    Raises:
        RequestError: other lengths, a class named twice, or a name that is none of `classes`.
    """
    if len(truth) != len(predicted):
        raise RequestError(f"{len(truth)} true classes, {len(predicted)} predicted: they must go together one by one")
    place = {name: i for i, name in enumerate(classes)}
    if len(place) != len(classes):
        raise RequestError(f"a class is named twice: {', '.join(classes)}")
    for what, names in (("truth", truth), ("predicted", predicted)):
        strange = next((n for n in names if n not in place), None)
        if strange is not None:
            raise RequestError(f"{what}: {strange!r} is none of the classes {', '.join(classes)}")
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    rows = [place[n] for n in truth]
    np.add.at(matrix, (rows, [place[n] for n in predicted]), 1)
    return matrix


def check_matrix(matrix: Int64, classes: Sequence[str]) -> Int64:
    """The matrix itself.

    Raises:
        RequestError: not square in the number of classes, not whole, or negative.
    """
    array = np.asarray(matrix)
    if array.shape != (len(classes), len(classes)) or not np.issubdtype(array.dtype, np.integer) or (array < 0).any():
        raise RequestError(f"expected a ({len(classes)}, {len(classes)}) matrix of counts, got {array.shape}")
    return array.astype(np.int64)


def class_f1(matrix: Int64) -> Float64:
    """(C,) F1 by class, 2 TP / (2 TP + FP + FN); NaN for a class without an item in the truth."""
    hits = np.diag(matrix).astype(np.float64)
    return _divide(2 * hits, matrix.sum(axis=0) + matrix.sum(axis=1), matrix.sum(axis=1) > 0)


def class_recall(matrix: Int64) -> Float64:
    """(C,) recall by class, TP / (TP + FN); NaN for a class without an item in the truth."""
    support = matrix.sum(axis=1)
    return _divide(np.diag(matrix).astype(np.float64), support, support > 0)


def class_precision(matrix: Int64) -> Float64:
    """(C,) precision by class, TP / (TP + FP); NaN for a class that was never predicted."""
    given = matrix.sum(axis=0)
    return _divide(np.diag(matrix).astype(np.float64), given, given > 0)


def _divide(part: Float64, whole: Int64, defined: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Float64:
    out = np.full(len(part), np.nan)
    np.divide(part, whole, out=out, where=defined)
    return out


def _mean(name: str, values: Float64, matrix: Int64, classes: Sequence[str]) -> Score:
    support = matrix.sum(axis=1).tolist()
    parts = [Score(c, v, n) for c, v, n in zip(classes, values.tolist(), support, strict=True)]
    return mean_score(name, parts, int(matrix.sum()))


def accuracy(matrix: Int64, classes: Sequence[str]) -> Score:
    """Share of items classified rightly, Σ TP / N; `parts` are the recalls by class. NaN without items."""
    matrix = check_matrix(matrix, classes)
    parts = _mean("accuracy", class_recall(matrix), matrix, classes).parts
    return Score("accuracy", ratio(float(np.trace(matrix)), float(matrix.sum())), int(matrix.sum()), parts)


def macro_f1(matrix: Int64, classes: Sequence[str]) -> Score:
    """Mean of the classes' F1 (mean of F1, not F1 of mean precision and recall). `parts`: F1 by class."""
    matrix = check_matrix(matrix, classes)
    return _mean("macro_f1", class_f1(matrix), matrix, classes)


def uf1(matrix: Int64, classes: Sequence[str]) -> Score:
    """Unweighted F1 of MEGC 2019 (See et al. 2019): TP, FP, FN added over all folds, F1 by class, plain mean.

    Args:
        matrix: (C, C) the sum of the folds' confusion matrices.
        classes: names, in order.
    """
    score = macro_f1(matrix, classes)
    return Score("uf1", score.value, score.support, score.parts)


def uar(matrix: Int64, classes: Sequence[str]) -> Score:
    """Unweighted average recall of MEGC 2019: mean over classes of TP / n, counts added over all folds first."""
    matrix = check_matrix(matrix, classes)
    return _mean("uar", class_recall(matrix), matrix, classes)


def precision_recall_f1(matrix: Int64, classes: Sequence[str]) -> float:
    """Harmonic mean of macro precision and macro recall: the F1 of MEGC's spot-then-recognise. Not `macro_f1`.

    A class that is in the truth and was never predicted has precision 0 here; classes without support are left out.
    """
    matrix = check_matrix(matrix, classes)
    there = matrix.sum(axis=1) > 0
    if not there.any():
        return float("nan")
    precision = float(np.nan_to_num(class_precision(matrix)[there]).mean())
    recall = float(class_recall(matrix)[there].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

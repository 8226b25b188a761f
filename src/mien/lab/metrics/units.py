"""Metrics of action units: presence (F1, area under the ROC, average precision) and intensity (ICC), by unit.

Tables are (N, U): a frame per row, a unit per column. NaN in the truth = not coded, left out; every coded
place needs an answer. A unit that is never
present (F1, AP), always or never present (AUC) or never changes (ICC) has no score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from mien.core.arrays import Float64
from mien.errors import RequestError
from mien.lab.metrics.agreement import icc
from mien.lab.metrics.score import Score, all_answered, mean_score, numbers, pair, ratio

_Metric = Callable[[Float64, Float64], Score]


def _presence(truth: npt.ArrayLike) -> Float64:
    values = numbers(truth, (None,), "truth")
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise RequestError("truth: presence must be 0, 1 or NaN; intensities become presence by a threshold first")
    return values


def binary_f1(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Score:
    """F1 of presence, 2 TP / (2 TP + FP + FN).

    Args:
        truth, predicted: (N,) of 0 and 1; NaN = not known.

    Returns:
        NaN without a positive in the truth; support = frames that are known.
    """
    a, b = pair(_presence(truth), predicted)
    if not np.isin(b, (0.0, 1.0)).all():
        raise RequestError("predicted: presence must be 0 or 1; apply the threshold first")
    hits, given, there = float(a @ b), float(b.sum()), float(a.sum())
    return Score("f1", 2 * hits / (given + there) if there else float("nan"), len(a))


def roc_auc(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Score:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties count half (Mann–Whitney).

    NaN without positives or without negatives.
    """
    a, b = pair(_presence(truth), predicted)
    positives, negatives = float(a.sum()), float((1 - a).sum())
    over = float(rankdata(b)[a == 1].sum()) - positives * (positives + 1) / 2 if len(a) else 0.0
    return Score("auc", ratio(over, positives * negatives), len(a))


def ranking_precision(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Score:
    """Average precision Σ (Rᵢ − Rᵢ₋₁) Pᵢ over the distinct thresholds, without interpolation; NaN without positives."""
    a, b = pair(_presence(truth), predicted)
    if not a.sum():
        return Score("ap", float("nan"), len(a))
    order = np.argsort(-b, kind="stable")
    a, b = a[order], b[order]
    last = np.append(np.flatnonzero(np.diff(b)), len(b) - 1)  # of each group of equal scores
    hits = np.cumsum(a)[last]
    recall = np.concatenate([[0.0], hits / a.sum()])
    return Score("ap", float(np.sum(np.diff(recall) * hits / (last + 1))), len(a))


def _by_unit(name: str, metric: _Metric, tables: tuple[npt.ArrayLike, npt.ArrayLike], units: Sequence[str]) -> Score:
    truth, predicted = (numbers(t, (None, len(units)), w) for t, w in zip(tables, ("truth", "predicted"), strict=True))
    if len(truth) != len(predicted):
        raise RequestError(f"truth has {len(truth)} frames, predicted has {len(predicted)}")
    if len(set(units)) != len(units):
        raise RequestError(f"a unit is named twice: {', '.join(units)}")
    all_answered(truth, predicted)
    parts = []
    for i, unit in enumerate(units):
        score = metric(truth[:, i], predicted[:, i])
        parts.append(Score(unit, score.value, score.support))
    return mean_score(name, parts, len(truth))


def au_f1(truth: npt.ArrayLike, predicted: npt.ArrayLike, units: Sequence[str]) -> Score:
    """Mean over units of F1 of presence, over all frames (of all folds) together; (N, U) of 0, 1, NaN."""
    return _by_unit("au_f1", binary_f1, (truth, predicted), units)


def au_icc(truth: npt.ArrayLike, predicted: npt.ArrayLike, units: Sequence[str]) -> Score:
    """Mean over units of ICC(3,1), a consistency, of intensity 0–5; (N, U)."""
    return _by_unit("au_icc", icc, (truth, predicted), units)


def au_auc(truth: npt.ArrayLike, predicted: npt.ArrayLike, units: Sequence[str]) -> Score:
    """Mean over units of the area under the ROC curve; truth (N, U) of 0, 1, NaN, predicted any scores."""
    return _by_unit("au_auc", roc_auc, (truth, predicted), units)


def au_ap(truth: npt.ArrayLike, predicted: npt.ArrayLike, units: Sequence[str]) -> Score:
    """Mean over units of the average precision of presence; truth (N, U) of 0, 1, NaN, predicted any scores."""
    return _by_unit("au_ap", ranking_precision, (truth, predicted), units)

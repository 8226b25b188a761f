"""The composite evaluation of MEGC 2019: one leave-one-subject-out run over several datasets, scored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mien.core.arrays import Int64
from mien.errors import RequestError
from mien.lab.metrics.classes import confusion_matrix, uar, uf1
from mien.lab.metrics.score import Score


@dataclass(frozen=True, slots=True)
class FoldAnswers:
    """What one fold answered about the subject that was left out.

    Attributes:
        dataset: where the subject is from.
        subject: who was left out.
        truth, predicted: classes of the subject's clips, one by one.
    """

    dataset: str
    subject: str
    truth: Sequence[str]
    predicted: Sequence[str]


def composite(folds: Sequence[FoldAnswers], classes: Sequence[str]) -> dict[str, Score]:
    """ "uf1" and "uar" over all folds; `parts` are the datasets, each from its share of the same run.

    Counts are added over the folds before F1 and recall are taken: many folds lack a class, so that the mean of the
    folds' scores means nothing.

    Raises:
        RequestError: a subject that was left out twice, or a class that is none of `classes`.
    """
    seen: set[tuple[str, str]] = set()
    pooled: dict[str, Int64] = {}
    for fold in folds:
        if (fold.dataset, fold.subject) in seen:
            raise RequestError(f"{fold.dataset}: subject {fold.subject} was left out twice; folds must not overlap")
        seen.add((fold.dataset, fold.subject))
        matrix = confusion_matrix(fold.truth, fold.predicted, classes)
        pooled[fold.dataset] = pooled[fold.dataset] + matrix if fold.dataset in pooled else matrix
    total = sum(pooled.values(), start=np.zeros((len(classes), len(classes)), np.int64))
    out = {}
    for name, metric in (("uf1", uf1), ("uar", uar)):
        whole = metric(total, classes)
        parts = {}
        for dataset, matrix in pooled.items():
            own = metric(matrix, classes)
            parts[dataset] = Score(dataset, own.value, own.support, own.parts)
        out[name] = Score(name, whole.value, whole.support, MappingProxyType(parts))
    return out

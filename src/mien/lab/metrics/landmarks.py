"""Metrics of points: NME by several normalisers, failure rate, cumulative error curve and the area under it.

NME of a face = mean distance of its points / one length of the same face. A face that was not found has NaN points in
the answer: it is no part of the mean NME, but a failure in the failure rate and above every threshold in the curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64
from mien.errors import RequestError
from mien.lab.metrics.score import Score, numbers, ratio

Normaliser = Literal["inter_ocular", "inter_pupil", "box", "diagonal"]
OUTER_CORNERS = {98: (60, 72), 68: (36, 45)}
PUPILS = {98: ((96,), (97,)), 68: (tuple(range(36, 42)), tuple(range(42, 48)))}
LIMIT = 0.10
NOT_FOUND = float("inf")


def face_lengths(truth_xy: npt.ArrayLike, by: Normaliser, boxes_xyxy: npt.ArrayLike | None = None) -> Float64:
    """(N,) the length in px that the errors of each face are divided by.

    Args:
        truth_xy: (N, P, 2) px, P = 98 (WFLW order) or 68 (iBUG order); other P with "box" and "diagonal" only.
        by: "inter_ocular": outer eye corners (60–72 of 98, 36–45 of 68). "inter_pupil": pupils (96–97; of 68 the
            means of the six points of each eye). "box": √(width · height). "diagonal": √(width² + height²).
        boxes_xyxy: (N, 4) px for the last two; without it the tight box of the true points.

    Returns:
        NaN where the length is 0 or not known.

    Raises:
        RequestError: other shapes, or a normaliser these points do not have.
    """
    truth = numbers(truth_xy, (None, None, 2), "truth")
    count = truth.shape[1]
    if by in ("inter_ocular", "inter_pupil"):
        if count not in OUTER_CORNERS:
            raise RequestError(f"{by} is known for 98 and 68 points, not for {count}; use box or diagonal")
        ends = tuple((i,) for i in OUTER_CORNERS[count]) if by == "inter_ocular" else PUPILS[count]
        left, right = (truth[:, list(e)].mean(axis=1) for e in ends)
        lengths = np.linalg.norm(left - right, axis=1)
    elif by in ("box", "diagonal"):
        if boxes_xyxy is None:
            size = truth.max(axis=1) - truth.min(axis=1) if count else np.full((len(truth), 2), np.nan)
        else:
            boxes = numbers(boxes_xyxy, (len(truth), 4), "boxes_xyxy")
            size = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
        lengths = np.sqrt(size.prod(axis=1)) if by == "box" else np.linalg.norm(size, axis=1)
    else:
        raise RequestError(f"there is no normaliser {by!r}; known: inter_ocular, inter_pupil, box, diagonal")
    return np.where(lengths > 0, lengths, np.nan)


def face_errors(truth_xy: npt.ArrayLike, predicted_xy: npt.ArrayLike, lengths: npt.ArrayLike) -> Float64:
    """(N,) NME of each face (0.04 = 4 %).

    Args:
        truth_xy, predicted_xy: (N, P, 2) px; NaN in the truth = point not labelled, left out of the face's mean.
        lengths: (N,) px, from `face_lengths`.

    Returns:
        NaN where no length or no true point is known; infinity where a labelled point has no answer.
    """
    truth = numbers(truth_xy, (None, None, 2), "truth")
    predicted = numbers(predicted_xy, truth.shape, "predicted")
    sizes = numbers(lengths, (len(truth),), "lengths")
    known = ~np.isnan(truth).any(axis=2)
    distance = np.linalg.norm(predicted - truth, axis=2)
    lost = (known & np.isnan(distance)).any(axis=1)
    total = np.where(known, np.nan_to_num(distance), 0.0).sum(axis=1)
    mean = np.divide(total, known.sum(axis=1), out=np.full(len(truth), np.nan), where=known.any(axis=1))
    errors = mean / sizes
    return np.where(lost & ~np.isnan(errors), NOT_FOUND, errors)


def _errors(errors: npt.ArrayLike) -> Float64:
    """Errors of faces that can be judged: ≥ 0, infinity = not found; NaN is left out."""
    values = np.asarray(errors, dtype=np.float64)
    if values.ndim != 1 or (values < 0).any():
        raise RequestError(f"errors: expected one value ≥ 0 per face, got shape {values.shape}")
    return values[~np.isnan(values)]


def nme(errors: npt.ArrayLike) -> Score:
    """Mean of the faces' NME over those that were found; `parts["found"]` is their share.

    Args:
        errors: (N,) from `face_errors`.
    """
    values = _errors(errors)
    found = values[np.isfinite(values)]
    share = Score("found", ratio(len(found), len(values)), len(values))
    return Score(
        "nme", float(found.mean()) if len(found) else float("nan"), len(found), MappingProxyType({"found": share})
    )


def failure_rate(errors: npt.ArrayLike, limit: float = LIMIT) -> Score:
    """Share of faces with NME above `limit`; faces that were not found are failures."""
    values = _errors(errors)
    name = f"failure_rate_{100 * limit:g}"
    return Score(name, float((values > limit).mean()) if len(values) else float("nan"), len(values))


def cumulative_errors(errors: npt.ArrayLike, thresholds: npt.ArrayLike) -> Float64:
    """Cumulative error curve: (T,) the share of faces with NME ≤ each threshold; NaN without faces."""
    values = np.sort(_errors(errors))
    at = numbers(thresholds, (None,), "thresholds", finite=True)
    if not len(values):
        return np.full(len(at), np.nan)
    return np.asarray(np.searchsorted(values, at, side="right") / len(values), dtype=np.float64)


def area_under_curve(errors: npt.ArrayLike, limit: float = LIMIT) -> Score:
    """Area under the cumulative error curve from 0 to `limit`, divided by `limit`: 1 = no error at all.

    Exact area of the step curve, mean over faces of max(0, 1 − NME / limit); published code samples the curve and
    differs in the fourth place.

    Raises:
        RequestError: limit not above 0.
    """
    if not (np.isfinite(limit) and limit > 0):
        raise RequestError(f"limit {limit:g} must be above 0")
    values = _errors(errors)
    area = float(np.clip(1 - values / limit, 0, 1).mean()) if len(values) else float("nan")
    return Score(f"auc_{100 * limit:g}", area, len(values))


def subset_nme(errors: npt.ArrayLike, attributes: Sequence[Mapping[str, object]], names: Sequence[str]) -> Score:
    """NME of all faces, with one part per attribute over the faces that have it (WFLW's six test subsets).

    Args:
        errors: (N,) from `face_errors`.
        attributes: N mappings, name → 1 where the face has it (`Sample.attributes`).
        names: attributes to look at; one that no face has is NaN with support 0.
    """
    values = np.asarray(errors, dtype=np.float64)
    if values.shape != (len(attributes),):
        raise RequestError(f"{len(attributes)} attributes, errors of shape {values.shape}: one of each per face")
    whole = nme(values)
    parts = {}
    for name in names:
        has = np.array([a.get(name) == 1 for a in attributes], dtype=bool)
        own = nme(values[has])
        parts[name] = Score(name, own.value, own.support, own.parts)
    return Score("nme", whole.value, whole.support, MappingProxyType({**whole.parts, **parts}))

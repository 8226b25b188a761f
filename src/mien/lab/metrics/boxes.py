"""Metrics of face boxes: the evaluation of WIDER FACE, and recall, precision and false positives by face size.

`average_precision` follows the published evaluation step by step, its peculiarities included, so that figures can be
set beside those in papers: widths of boxes count one pixel more than their coordinates' difference, scores are
stretched over all pictures to 0…1, precision and recall are taken at 1000 thresholds, pictures without any true box
are passed over, a detection goes to the face it overlaps most even if that one was found before (then it is false).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.core.arrays import Float64
from mien.errors import RequestError
from mien.lab.metrics.score import Score, numbers, ratio

IOU = 0.5
THRESHOLDS = 1000
Flags = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class BoxPicture:
    """The true and the found faces of one picture.

    Attributes:
        truth_xyxy: (G, 4) px.
        counts: (G,) bool; False = ignored: a detection that meets it is neither true nor false.
        found_xyxy: (D, 4) px.
        scores: (D,) the higher the surer.
    """

    truth_xyxy: Float64
    counts: Flags
    found_xyxy: Float64
    scores: Float64

    def __post_init__(self) -> None:
        for name in ("truth_xyxy", "found_xyxy"):
            boxes = numbers(getattr(self, name), (None, 4), name, finite=True)
            if (boxes[:, 2:] < boxes[:, :2]).any():
                raise RequestError(f"{name}: a box ends before it begins; expected left, top, right, bottom")
            object.__setattr__(self, name, boxes)
        scores = numbers(self.scores, (len(self.found_xyxy),), "scores", finite=True)
        counts = np.asarray(self.counts, dtype=bool)
        if counts.shape != (len(self.truth_xyxy),):
            raise RequestError(f"counts: expected one per true box, {len(self.truth_xyxy)}, got shape {counts.shape}")
        order = np.argsort(-scores, kind="stable")
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "found_xyxy", self.found_xyxy[order])
        object.__setattr__(self, "scores", scores[order])


def box_overlaps(a_xyxy: Float64, b_xyxy: Float64, pixel: float = 0.0) -> Float64:
    """(A, B) intersection over union. `pixel` is added to every width and height: 1 in the WIDER FACE evaluation."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    shared = np.maximum(high - low + pixel, 0).prod(axis=2)
    areas = [(x[:, 2:] - x[:, :2] + pixel).prod(axis=1) for x in (a_xyxy, b_xyxy)]
    union = areas[0][:, None] + areas[1][None] - shared
    out = np.zeros(shared.shape)
    np.divide(shared, union, out=out, where=union > 0)
    return out


def average_precision(pictures: Sequence[BoxPicture]) -> Score:
    """AP of WIDER FACE at IoU ≥ 0.5: area under precision's envelope over recall (all points, as VOC since 2010).

    Precision = true / all that met no ignored face; recall = found / faces that count; both at thresholds 0.999,
    0.998, … 0 of the stretched score. If all scores are equal there is one threshold.

    Returns:
        NaN if no face counts; support = faces that count.
    """
    faces = int(sum(p.counts.sum() for p in pictures))
    scores = np.concatenate([p.scores for p in pictures]) if pictures else np.zeros(0)
    if not faces:
        return Score("average_precision", float("nan"), 0)
    if not len(scores):
        return Score("average_precision", 0.0, faces)
    low, spread = float(scores.min()), float(np.ptp(scores))
    thresholds = 1 - np.arange(1, THRESHOLDS + 1) / THRESHOLDS
    judged, hits = np.zeros(THRESHOLDS), np.zeros(THRESHOLDS)
    for picture in pictures:
        if not len(picture.truth_xyxy) or not len(picture.scores):
            continue
        found, valid = _walk(picture)
        stretched = (picture.scores - low) / spread if spread else np.ones(len(picture.scores))
        taken = np.searchsorted(-stretched, -thresholds, side="right")
        judged += np.concatenate([[0], np.cumsum(valid)])[taken]
        hits += np.concatenate([[0], found])[taken]
    precision = np.divide(hits, judged, out=np.zeros(THRESHOLDS), where=judged > 0)
    return Score("average_precision", _voc_area(hits / faces, precision), faces)


def _walk(picture: BoxPicture) -> tuple[Float64, Float64]:
    """After each detection, best first: faces found so far; and 1, or 0 where it met an ignored face."""
    overlaps = box_overlaps(picture.found_xyxy, picture.truth_xyxy, pixel=1.0)
    nearest, met = overlaps.argmax(axis=1), overlaps.max(axis=1) >= IOU
    ignored = met & ~picture.counts[nearest]
    seen: set[int] = set()
    found = np.zeros(len(nearest))
    for i, (face, good) in enumerate(zip(nearest.tolist(), (met & ~ignored).tolist(), strict=True)):
        if good:
            seen.add(face)
        found[i] = len(seen)
    return found, (~ignored).astype(np.float64)


def _voc_area(recall: Float64, precision: Float64) -> float:
    """Area under the envelope; recall does not fall."""
    r = np.concatenate([[0.0], recall, [1.0]])
    p = np.maximum.accumulate(np.concatenate([[0.0], precision, [0.0]])[::-1])[::-1]
    return float(np.sum(np.diff(r) * p[1:]))


@dataclass(frozen=True, slots=True)
class SizeBand:
    """Counts for faces of one range of heights, at one threshold.

    Attributes:
        low_px, high_px: the face's height lies in [low, high).
        faces: that count.
        found: of these.
        detections: of this height that met no ignored face.
        false: of these, detections that found no face of their own.
        pictures: that were looked at.
    """

    low_px: float
    high_px: float
    faces: int
    found: int
    detections: int
    false: int
    pictures: int

    @property
    def recall(self) -> float:
        """Found / faces; NaN without faces."""
        return ratio(self.found, self.faces)

    @property
    def precision(self) -> float:
        """Share of this band's detections that are faces; NaN without detections."""
        return ratio(self.detections - self.false, self.detections)

    @property
    def false_per_picture(self) -> float:
        """False positives per picture; NaN without pictures."""
        return ratio(self.false, self.pictures)


def by_size(
    pictures: Sequence[BoxPicture], edges_px: Sequence[float], threshold: float, iou: float = IOU
) -> list[SizeBand]:
    """Recall, precision and false positives per picture by height of the face.

    One-to-one: best score first, each detection takes the face that it overlaps most among those still free; if
    none is free but an ignored face overlaps enough, it is not judged. Plain IoU, without the extra pixel. Pictures
    without faces count here.

    Args:
        pictures: as for `average_precision`.
        edges_px: rising edges of the bands, e.g. (0, 16, 32, 96, inf).
        threshold: detections with a lower score are left out.
        iou: least overlap.
    """
    edges = np.asarray(edges_px, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or np.isnan(edges).any() or not (np.diff(edges) > 0).all():
        raise RequestError(f"edges_px must rise, found {list(edges_px)}")
    counts = np.zeros((4, len(edges) - 1), np.int64)
    for picture in pictures:
        taken = picture.scores >= threshold
        matched, judged = _one_to_one(picture, taken, iou)
        truth_band = np.searchsorted(edges, picture.truth_xyxy[:, 3] - picture.truth_xyxy[:, 1], side="right") - 1
        found_band = np.searchsorted(edges, picture.found_xyxy[:, 3] - picture.found_xyxy[:, 1], side="right") - 1
        hit = np.isin(np.arange(len(truth_band)), matched[matched >= 0])
        for band in range(len(edges) - 1):
            own = picture.counts & (truth_band == band)
            made = judged & (found_band == band)
            counts[:, band] += (own.sum(), (own & hit).sum(), made.sum(), (made & (matched < 0)).sum())
    spans = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.T.tolist(), strict=True)
    return [SizeBand(low, high, c[0], c[1], c[2], c[3], len(pictures)) for low, high, c in spans]


def _one_to_one(picture: BoxPicture, taken: Flags, iou: float) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Flags]:
    """Per detection: the face it found or −1; and whether it is judged."""
    overlaps = box_overlaps(picture.found_xyxy, picture.truth_xyxy)
    matched, judged = np.full(len(taken), -1, np.int64), taken.copy()
    free = picture.counts.copy()
    for i in np.flatnonzero(taken):
        allowed = np.where(free, overlaps[i], -1.0)
        if len(allowed) and allowed.max() >= iou:
            matched[i] = int(allowed.argmax())
            free[matched[i]] = False
        elif (overlaps[i][~picture.counts] >= iou).any():
            judged[i] = False
    return matched, judged

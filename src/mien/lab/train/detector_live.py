"""Windows cut straight from pictures of faces, anew for every batch: no scene has to be made, and none is seen twice.

Each shows one face with what really surrounds it: turned, shifted, near or far, blurred, covered in part; beyond the
picture's edge lies a piece of a photograph, or the edge goes on. Pieces of a face, shown as large as a whole one, are
negatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.detect.cascade_geometry import corrections, overlaps, points_to_box, squared
from mien.lab.train.detector_paste import cover_face, tinted
from mien.lab.train.detector_windows import (
    NEGATIVE,
    OVERLAP_NEGATIVE,
    OVERLAP_PART,
    OVERLAP_POSITIVE,
    PART,
    POSITIVE,
    Windows,
)

_FINE = 48
_CLOSE, _ASIDE, _AROUND = 0.5, 0.65, 0.82
"""Shares of windows that are near a face, that are near or half beside one as a weak network before leaves them, and
that are near, beside or around one; the others are pieces of it."""
_COVERED, _BLURRED, _COARSEST_PX = 0.3, 0.45, 9.0
_FACE_PX = 64.0


@dataclass(frozen=True, slots=True, eq=False)
class FacePicture:
    """A picture of one face.

    Attributes:
        image: (H, W) grey or (H, W, 3) RGB, uint8.
        box_xyxy: (4,) px; see `detector_boxes`.
        five_xy: (5, 2) px; NaN = neither the points nor the exact box are known.
    """

    image: UInt8
    box_xyxy: Float32
    five_xy: Float32

    def small(self) -> FacePicture:
        """The same with a face of at most about 64 px."""
        factor = _FACE_PX / float((self.box_xyxy[2:] - self.box_xyxy[:2]).max())
        if factor >= 1:
            return self
        image = cv2.resize(self.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        box, five = ((p + 0.5) * factor - 0.5 for p in (self.box_xyxy, self.five_xy))
        return FacePicture(np.asarray(image, np.uint8), box.astype(np.float32), five.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class FaceWindows:
    """A source of windows for `WindowTask.live`.

    Attributes:
        groups: pictures of faces; none empty.
        shares: how often each group is drawn from; their sum is 1.
        photos: (H, W, 3) uint8 RGB without people, at least 128 px large.
    """

    groups: Sequence[Sequence[FacePicture]]
    shares: Sequence[float]
    photos: Sequence[UInt8]

    def __call__(self, count: int, size_px: int, rng: np.random.Generator) -> Windows:
        """`count` windows of `size_px`, a divisor of 48."""
        return face_windows(self.groups, self.shares, self.photos, (count, size_px), rng)


def face_windows(
    groups: Sequence[Sequence[FacePicture]],
    shares: Sequence[float],
    photos: Sequence[UInt8],
    how: tuple[int, int],
    rng: np.random.Generator,
) -> Windows:
    """Windows on faces drawn by chance.

    Args:
        groups: pictures of faces; none empty.
        shares: how often each group is drawn from; their sum is 1.
        photos: (H, W, 3) uint8 RGB without people, at least 128 px large.
        how: number of windows, and their side in px: a divisor of 48.
        rng: chance.
    """
    count, size = how
    crops = np.empty((count, size, size, 3), np.uint8)
    kinds = np.zeros(count, np.int8)
    boxes, points = np.zeros((count, 4), np.float32), np.full((count, 10), np.nan, np.float32)
    at = 0
    while at < count:
        group = groups[int(rng.choice(len(groups), p=shares))]
        kind, square, crop, box, five = _window(group[int(rng.integers(len(group)))], photos, rng)
        if kind is None:
            continue
        kinds[at] = kind
        crops[at] = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) if size != _FINE else crop
        if kind != NEGATIVE:
            known = np.isfinite(five).all()
            boxes[at] = corrections(square, box)[0] if known else np.nan
            points[at] = points_to_box(square, five[None]).reshape(10)
        at += 1
    return Windows(crops, kinds, boxes, points)


def _window(
    face: FacePicture, photos: Sequence[UInt8], rng: np.random.Generator
) -> tuple[int | None, Float32, UInt8, Float32, Float32]:
    """What it is (None = nothing to be learnt), the window, its 48 px crop, and the face's box and points.

    All places are px around the face's middle, turned as the window shows it.
    """
    turn = np.radians(rng.uniform(-50, 50) if rng.random() < 0.15 else rng.normal(0, 10))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = (face.box_xyxy[:2] + face.box_xyxy[2:]).astype(np.float64) / 2
    reach = np.sqrt(((rotation * (face.box_xyxy[2:] - middle)) ** 2).sum(axis=1))
    box = np.concatenate([-reach, reach])[None].astype(np.float32)
    centre, side = _place(2 * float(reach.max()), rng)
    square = np.concatenate([centre - side / 2, centre + side / 2])[None].astype(np.float32)
    overlap = float(overlaps(square, squared(box))[0, 0])
    kind = next((k for k, least in ((POSITIVE, OVERLAP_POSITIVE), (PART, OVERLAP_PART)) if overlap >= least), None)
    if kind is None and overlap < OVERLAP_NEGATIVE:
        kind = NEGATIVE
    five = ((face.five_xy - middle) @ rotation.T).astype(np.float32)
    crop = np.zeros((0, 0, 3), np.uint8) if kind is None else _seen(face, photos, (rotation, middle, square[0]), rng)
    return kind, square, crop, box, five


def _place(face_side: float, rng: np.random.Generator) -> tuple[Float64, float]:
    """Middle and side of a window, relative to the face's middle."""
    draw = rng.random()
    if draw < _CLOSE:
        return rng.uniform(-0.13, 0.13, 2) * face_side, float(face_side * np.exp(rng.uniform(-0.16, 0.16)))
    if draw < _ASIDE:
        return rng.uniform(-0.24, 0.24, 2) * face_side, float(face_side * np.exp(rng.uniform(-0.35, 0.35)))
    if draw < _AROUND:
        return rng.uniform(-0.5, 0.5, 2) * face_side, float(face_side * np.exp(rng.uniform(-0.6, 0.6)))
    return rng.uniform(-0.45, 0.45, 2) * face_side, float(face_side * rng.uniform(0.15, 0.5))


def _seen(
    face: FacePicture,
    photos: Sequence[UInt8],
    where: tuple[Float64, Float64, Float32],
    rng: np.random.Generator,
) -> UInt8:
    """(48, 48, 3): the window of a face."""
    rotation, middle, square = where
    image = tinted(face.image, rng) if face.image.ndim == 2 else face.image.copy()
    texture = _piece(photos, rng)
    if rng.random() < _COVERED:
        cover_face(image, face.box_xyxy, texture, rng)
    scale = _FINE / float(square[2] - square[0])
    shrunk = min(1.0, 1.4 * scale) if scale < 0.6 else 1.0
    if shrunk < 1:
        image = np.asarray(cv2.resize(image, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA), np.uint8)
    linear = rotation * (scale / shrunk)
    start = (middle + 0.5) * shrunk - 0.5
    shift = -linear @ start - scale * square[:2].astype(np.float64) - 0.5
    crop = texture if rng.random() < 0.5 else np.zeros((_FINE, _FINE, 3), np.uint8)
    edge = cv2.BORDER_TRANSPARENT if crop is texture else rng.choice([cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101])
    matrix = np.column_stack([linear, shift])
    cv2.warpAffine(image, matrix, (_FINE, _FINE), dst=crop, flags=cv2.INTER_LINEAR, borderMode=int(edge))
    if rng.random() < _BLURRED:
        less = round(float(np.exp(rng.uniform(np.log(_COARSEST_PX), np.log(40.0)))))
        coarse = cv2.resize(crop, (less, less), interpolation=cv2.INTER_AREA)
        crop = np.asarray(cv2.resize(coarse, (_FINE, _FINE), interpolation=cv2.INTER_LINEAR), np.uint8)
    return crop


def _piece(photos: Sequence[UInt8], rng: np.random.Generator) -> UInt8:
    """(48, 48, 3) of a photograph."""
    photo = photos[int(rng.integers(len(photos)))]
    side = int(rng.integers(24, min(photo.shape[:2]) // 2))
    y, x = int(rng.integers(photo.shape[0] - side)), int(rng.integers(photo.shape[1] - side))
    cut = photo[y : y + side, x : x + side]
    return np.asarray(cv2.resize(cut, (_FINE, _FINE), interpolation=cv2.INTER_AREA), np.uint8)

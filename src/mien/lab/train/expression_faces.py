"""Faces with their expressions, kept in memory: pictures as they are and where each one's aligned crop lies.

Crops are cut when they are asked for, out of the original pixels, so that shaking costs no sharpness. The points that
crops are aligned by are found once by Mien's own landmark network and may be stored beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self, TypeVar
from zlib import crc32

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Int64, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Landmarks
from mien.core.schema import load_schema
from mien.errors import RequestError, SourceError
from mien.expression.aligned import expression_region
from mien.lab.datasets.sample import Sample
from mien.lab.train.expression_labels import is_double, known_labels, label_row, other_labels
from mien.runtime.warp import warp_crop

LARGEST_PX = 256
"""Longer pictures are made smaller when they are taken in."""
TRUSTED = 0.6
"""Presence from which the points of a cut-out face place its crop; below, the box or the whole picture is taken."""
_REACH = 0.75
"""Half the side of what is kept of a picture, in sides of the crop."""
_AROUND = 0.35
"""Width of the frame of repeated border pixels around it, in sides of the crop: cut-out faces end where a turned or
shaken crop still looks, and black corners would be seen in training alone."""


class FoundPoints(NamedTuple):
    """98 points of a cut-out face, and how sure the network is that a face is there.

    xy: (98, 2) float32, px of the sample's picture; presence: 0–1.
    """

    xy: Float32
    presence: float


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionFaces:
    """N faces.

    Attributes:
        images: (H, W, 3) or (H, W) uint8 each.
        image_from_unit: (N, 2, 3) float64; crop, 0–1 of its side, → image px.
        probabilities: (N, C) float32, rows sum to 1.
        classes: names of the C expressions.
        names: of the subject, or of the picture where the dataset does not say who is shown.
        originals: the pictures as the dataset has them; empty = not kept.
        affect: (N, 2) valence and arousal, −1…1, NaN = not labelled; None = of none.
        units: (N, 12) whether the units of Aff-Wild2 are seen, 0 or 1, NaN = not labelled; None = of none.
    """

    images: Sequence[UInt8]
    image_from_unit: npt.NDArray[np.float64]
    probabilities: Float32
    classes: tuple[str, ...]
    names: tuple[str, ...]
    originals: Sequence[UInt8] = ()
    affect: Float32 | None = None
    units: Float32 | None = None

    def __len__(self) -> int:
        return len(self.images)

    def part(self, numbers: Sequence[int] | Int64) -> ExpressionFaces:
        """Some of the faces."""
        return replace(
            self,
            images=[self.images[i] for i in numbers],
            image_from_unit=self.image_from_unit[numbers],
            probabilities=self.probabilities[numbers],
            names=tuple(self.names[i] for i in numbers),
            originals=[self.originals[i] for i in numbers] if self.originals else (),
            affect=None if self.affect is None else self.affect[numbers],
            units=None if self.units is None else self.units[numbers],
        )

    @property
    def counts(self) -> Int64:
        """(C,) faces by likeliest class."""
        return np.bincount(self.probabilities.argmax(axis=1), minlength=len(self.classes)).astype(np.int64)

    def crop(self, i: int, size_px: int) -> UInt8:
        """(S, S, 3) uint8: the plain crop of face i."""
        return self.shaken(i, size_px, np.eye(3))

    def shaken(self, i: int, size_px: int, unit_from_unit: npt.NDArray[np.float64]) -> UInt8:
        """The crop of face i after an affine change within the unit square."""
        unit_from_crop = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, size_px]]) / size_px
        matrix = self.image_from_unit[i] @ unit_from_unit @ unit_from_crop
        cut = warp_crop(self.images[i], CropTransform(matrix.astype(np.float32), (size_px, size_px)), smooth=True)
        return cut if cut.ndim == 3 else np.ascontiguousarray(np.broadcast_to(cut[..., None], (*cut.shape, 3)))


def unit_of(region: CropTransform) -> npt.NDArray[np.float64]:
    """(2, 3) unit square → image px, of a square region."""
    side = region.size_wh[0]
    matrix = region.image_from_crop.astype(np.float64)
    return np.column_stack([matrix[:, :2] * side, matrix[:, 2] - matrix[:, :2] @ [0.5, 0.5]])


def whole_picture(image: UInt8) -> npt.NDArray[np.float64]:
    """(2, 3) of the largest square in the middle of a picture."""
    height, width = image.shape[:2]
    side = min(height, width)
    return np.array([[side, 0, (width - side) / 2 - 0.5], [0, side, (height - side) / 2 - 0.5]], dtype=np.float64)


class Parted(Protocol):
    """What `parted` parts: faces or clips."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the subject, or of the item."""
        ...

    def part(self, numbers: Int64) -> Self:
        """Some of them."""
        ...


P = TypeVar("P", bound=Parted)


def parted(faces: P, share: float) -> tuple[P, P]:
    """Two parts, the second for early stopping. A subject, or where none is known a picture, always falls into the
    same part: the choice is a hash of its name, whatever else is in the set. Where that would leave a part empty (few
    people), the name with the lowest or the highest hash goes there.

    Args:
        faces: what is parted.
        share: of the second part, about.

    Raises:
        RequestError: there is one person, or one picture.
    """
    places = np.array([crc32(name.encode()) % 10000 for name in faces.names])
    low, high = places.min(), places.max()
    if low == high:
        raise RequestError(f"{len(places)} faces of one person or picture cannot be parted for early stopping")
    second = places < np.clip(10000 * share, low + 1, high)
    return faces.part(np.flatnonzero(~second)), faces.part(np.flatnonzero(second))


def read_faces(
    samples: Iterable[Sample],
    classes: Sequence[str],
    points: Mapping[str, FoundPoints] | None = None,
    *,
    originals: bool = False,
) -> ExpressionFaces:
    """Decode samples; those without an expression of `classes` are left out, near doubles of validation too.

    Args:
        samples: labelled faces: cut out, or with a box.
        classes: names of the expressions; a sample's votes become probabilities among them.
        points: sample name → what `expression_points` found; None = crops are not aligned.
        originals: keep the pictures as they are, too.

    Raises:
        SourceError: no usable sample.
    """
    images, places, rows, names, kept, others = [], [], [], [], [], []
    for sample in samples:
        row = label_row(sample, classes)
        if row is None or is_double(sample):
            continue
        image, place = placed(sample, points.get(sample.name) if points is not None else None)
        images.append(image)
        places.append(place)
        rows.append(row)
        names.append(sample.subject or sample.name)
        others.append(other_labels(sample))
        if originals:
            kept.append(sample.image())
    if not rows:
        raise SourceError(f"no face with one of the expressions {', '.join(classes)} was found")
    places_of, labels = np.stack(places), np.stack(rows)
    return ExpressionFaces(images, places_of, labels, tuple(classes), tuple(names), kept, *known_labels(others))


def placed(sample: Sample, points: FoundPoints | None) -> tuple[UInt8, npt.NDArray[np.float64]]:
    """The picture of a sample around its face, grey if it is, and where its crop lies in it."""
    image = sample.image()
    place = _box_place(box) if (box := box_of(sample)) is not None else whole_picture(image)
    if points is not None and points.presence >= TRUSTED:
        region = region_of(points.xy)
        place = unit_of(region) if region is not None else place
    image, place = cut_around(image, place)
    grey = (image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all()
    return (np.ascontiguousarray(image[..., 0]) if grey else image), place


def box_of(sample: Sample) -> Float32 | None:
    """(4,) the box of the first face, px, or None."""
    boxes = sample.boxes_xyxy
    return boxes[0] if boxes is not None and len(boxes) else None


def region_of(points_xy: Float32) -> CropTransform | None:
    """The aligned square of 98 points; its `size_wh` means nothing."""
    schema = load_schema("wflw98")
    return expression_region(Landmarks(points_xy, np.ones(len(schema), np.float32), schema), 64)


def _box_place(box_xyxy: Float32) -> npt.NDArray[np.float64]:
    left, top, right, bottom = box_xyxy.astype(np.float64)
    side = max(right - left, bottom - top)
    return np.array([[side, 0, (left + right - side) / 2], [0, side, (top + bottom - side) / 2]])


def cut_around(image: UInt8, place: npt.NDArray[np.float64]) -> tuple[UInt8, npt.NDArray[np.float64]]:
    """The part of a picture that a shaken crop may show, at most `LARGEST_PX`."""
    side = float(np.hypot(*place[:, 0]))
    middle, reach = place @ [0.5, 0.5, 1.0], _REACH * side
    low = np.clip(np.floor(middle - reach), 0, None).astype(int)
    high = np.ceil(middle + reach).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        part, low = image, np.zeros(2, int)
    around = round(_AROUND * side)
    part = np.asarray(cv2.copyMakeBorder(part, around, around, around, around, cv2.BORDER_REPLICATE), np.uint8)
    moved = place - np.column_stack([np.zeros((2, 2)), low - around])
    longest = max(part.shape[:2])
    if longest <= LARGEST_PX:
        return np.ascontiguousarray(part), moved
    scale = LARGEST_PX / longest
    small = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    shift = np.array([[0, 0, (scale - 1) / 2], [0, 0, (scale - 1) / 2]])
    return small, moved * scale + shift

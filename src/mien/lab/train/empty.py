"""Crops that show no face: a landmark network learns that its maps have to stay empty there, so that their height tells
faces from what a detector takes for faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import CropTransform
from mien.detect.cascade import CascadeDetector, Options
from mien.errors import SourceError
from mien.lab.datasets.dataset import Dataset
from mien.lab.train.faces import POINTS, Face
from mien.runtime.warp import warp_crop

SIZE = 192
_EASY = (0.4, 0.05, 0.03)
"""Thresholds of the cascade: whatever it finds on a picture without people at these is worth learning from."""
_MISTAKEN = 0.6
_VARIANTS = 50
_LEAST_PX = 24.0
_PIECE, _TRIES, _LEAST_CONTRAST = 0.2, 30, 22.0
_OVERLAP, _PIECE_SIDE = 0.15, (0.15, 0.38)
"""Of a square beside a face the share that the face may cover; sides of a piece of a face, as shares of the face's."""


def nothing(image: UInt8) -> Face:
    """A picture without a face: no point has a place, each of them counts (see `landmark_task.map_loss`)."""
    return Face(
        image,
        np.full((POINTS, 2), np.nan, np.float32),
        np.zeros(POINTS, np.float32),
        np.ones(POINTS, np.float32),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Photo:
    """image: (H, W, 3) uint8 RGB; mistaken_xyxy: (N, 4) px, where the cascade believes in a face."""

    image: UInt8
    mistaken_xyxy: Float32


class EmptyCrops:
    """Squares of photographs without people: six of ten where the shipped cascade sees a face, the others anywhere."""

    def __init__(self, photos: Sequence[UInt8]) -> None:
        """
        Raises:
            SourceError: there are no photographs.
            ModelError: the shipped cascade cannot be opened.
        """
        if not photos:
            raise SourceError("there is no photograph without people to learn emptiness from")
        detector = CascadeDetector(Options(thresholds=_EASY, threads=1))
        try:
            self._photos = [_Photo(p, detector.find(p)[0]) for p in photos]
        finally:
            detector.close()

    def __len__(self) -> int:
        return _VARIANTS * len(self._photos)

    def face(self, i: int) -> Face:
        """See `train.faces.FaceSet`: an empty one."""
        rng = np.random.default_rng((i, 53))
        photo = self._photos[i % len(self._photos)]
        height, width = photo.image.shape[:2]
        if len(photo.mistaken_xyxy) and rng.random() < _MISTAKEN:
            box = photo.mistaken_xyxy[int(rng.integers(len(photo.mistaken_xyxy)))]
            side = float(max(*(box[2:] - box[:2])) * np.exp(rng.normal(0.1, 0.2)))
            centre = (box[:2] + box[2:]) / 2 + rng.normal(0, 0.08, 2) * side
        else:
            side = float(np.exp(rng.uniform(np.log(_LEAST_PX), np.log(0.9 * min(width, height)))))
            centre = rng.uniform(side / 2, np.array([width, height]) - side / 2)
        return _shown(photo.image, centre, side, rng)


class BesideFaces:
    """Squares of pictures of people beside the face (hair, necks, clothes, surroundings), and one time in five a piece
    of the face as large as a whole one: what detectors take for faces where there are people."""

    def __init__(self, dataset: Dataset) -> None:
        """
        Args:
            dataset: pictures of one face each, with all 98 points.

        Raises:
            SourceError: none has points.
        """
        self._pictures: list[tuple[UInt8, Float32]] = []
        for sample in dataset:
            xy = sample.landmarks_xy
            if xy is not None and np.isfinite(xy).all():
                box = np.concatenate([xy.min(axis=0), xy.max(axis=0)]).astype(np.float32)
                self._pictures.append((sample.image(), box))
        if not self._pictures:
            raise SourceError(f"{dataset.info.title}: no picture with points to look beside")

    def __len__(self) -> int:
        return _VARIANTS * len(self._pictures)

    def face(self, i: int) -> Face:
        """See `train.faces.FaceSet`: an empty one."""
        rng = np.random.default_rng((i, 59))
        image, box = self._pictures[i % len(self._pictures)]
        square = _piece(box, rng) if rng.random() < _PIECE else _beside(image, box, rng)
        centre, side = square if square is not None else _piece(box, rng)
        return _shown(image, centre, side, rng)


def _shown(image: UInt8, centre: Float64, side: float, rng: np.random.Generator) -> Face:
    """A square of a picture, now and then turned by a right angle, as an empty crop."""
    turn = float(rng.choice([0.0, 90.0, 180.0, 270.0], p=[0.7, 0.1, 0.1, 0.1]))
    return nothing(warp_crop(image, CropTransform.around(centre, max(side, 4.0), SIZE, turn), smooth=True))


def _piece(box: Float32, rng: np.random.Generator) -> tuple[Float64, float]:
    """Centre and side of a square within a face."""
    side = float((box[2:] - box[:2]).max() * rng.uniform(*_PIECE_SIDE))
    return rng.uniform(box[:2] + side / 3, box[2:] - side / 3).astype(np.float64), side


def _beside(image: UInt8, box: Float32, rng: np.random.Generator) -> tuple[Float64, float] | None:
    """Centre and side of a square with something in it that the face hardly covers; None = none was found."""
    height, width = image.shape[:2]
    face = float((box[2:] - box[:2]).max())
    for _ in range(_TRIES):
        side = min(float(face * np.exp(rng.uniform(np.log(0.15), np.log(0.8)))), height - 1.0, width - 1.0)
        centre = rng.uniform(side / 2, np.array([width, height]) - side / 2)
        low, high = np.maximum(centre - side / 2, box[:2]), np.minimum(centre + side / 2, box[2:])
        covered = float(np.prod(np.maximum(high - low, 0)))
        if covered <= _OVERLAP * min(side**2, float(np.prod(box[2:] - box[:2]))):
            x, y, reach = round(float(centre[0])), round(float(centre[1])), int(side / 2)
            if image[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1].std() >= _LEAST_CONTRAST:
                return centre, side
    return None

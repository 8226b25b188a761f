"""Crops that show no face: a landmark network learns that its maps have to stay empty there, so that their height tells
faces from what a detector takes for faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.detect.cascade import CascadeDetector, Options
from mien.errors import SourceError
from mien.lab.train.faces import POINTS, Face
from mien.runtime.warp import warp_crop

SIZE = 192
_EASY = (0.4, 0.05, 0.03)
"""Thresholds of the cascade: whatever it finds on a picture without people at these is worth learning from."""
_MISTAKEN = 0.6
_VARIANTS = 50
_LEAST_PX = 24.0


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
        turn = float(rng.choice([0.0, 90.0, 180.0, 270.0], p=[0.7, 0.1, 0.1, 0.1]))
        region = CropTransform.around(centre, max(side, 4.0), SIZE, turn)
        return nothing(warp_crop(photo.image, region, smooth=True))

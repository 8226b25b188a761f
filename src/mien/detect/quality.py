"""Quality: how sharp, how bright and how large each face is in the picture. What warnings are made of."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from pydantic import Field

from mien.core.arrays import UInt8
from mien.core.measures import Quality
from mien.core.record import Face, FrameRecord
from mien.core.regions import box_of_landmarks
from mien.pipeline import stage
from mien.pipeline.stage import StageBase

_SIDE_PX = 128
_LEAST_PX = 4.0


class Options(stage.Options):
    """Options of `QualityStage`."""

    min_inside: float = Field(
        default=0.3, ge=0, le=1, description="share of the face that must lie inside the picture to be judged"
    )


class QualityStage(StageBase):
    """Fills `Face.quality` from the pixels in the box of the landmarks (else in the face's box).

    The part of the box inside the picture is scaled so that the whole box would be 128 px (root of its area),
    turned grey, and measured. Faces below 4 px or outside the picture get NaN; `face_px` is known all the same.
    """

    reads = frozenset({"image", "faces", "faces.landmarks"})
    writes = frozenset({"faces.quality"})

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def step(self, record: FrameRecord) -> FrameRecord:
        if record.image is None:
            return record
        image = record.image
        return replace(record, faces=tuple(replace(f, quality=self._quality(image, f)) for f in record.faces))

    def _quality(self, image: UInt8, face: Face) -> Quality:
        of_points = box_of_landmarks(face.landmarks, 1.0) if face.landmarks is not None else None
        box = of_points or face.box
        nan = float("nan")
        w, h = box.size_wh
        face_px = float(np.sqrt(w * h))
        if not (np.isfinite(box.xyxy).all() and face_px >= _LEAST_PX):
            return Quality(nan, nan, face_px)
        left, top = np.maximum(np.floor(box.xyxy[:2]), 0).astype(int)
        right, bottom = np.minimum(np.ceil(box.xyxy[2:]) + 1, (image.shape[1], image.shape[0])).astype(int)
        if (right - left) * (bottom - top) < self._options.min_inside * w * h or right - left < 2 or bottom - top < 2:
            return Quality(nan, nan, face_px)
        grey = _at_128_px(
            np.asarray(cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY), np.uint8), _SIDE_PX / face_px
        )
        sharpness = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]) ** 2
        return Quality(sharpness, float(grey.mean()), face_px)


def _at_128_px(grey: UInt8, scale: float) -> UInt8:
    """Scaled by `scale`; shrunk by exact halves first, which averages as an area filter does at a third of its cost."""
    while scale <= 0.5 and min(grey.shape) >= 4:
        half = (grey.shape[1] // 2, grey.shape[0] // 2)
        grey = np.asarray(cv2.resize(grey, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        scale *= 2
    size = (max(3, round(grey.shape[1] * scale)), max(3, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)

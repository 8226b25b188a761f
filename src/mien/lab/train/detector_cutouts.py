"""Cut-out faces as a source for detectors: FER2013's 26,000 real faces of 48×48 grey pixels.

The landmark network looks at each twice; where it believes that it sees a face, box and five points come from its
points. The others (profiles, hands before the face, drawings) were cut by a face detector too: they get the median box
and no points. Found once per copy of the data and kept in a file.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Landmarks
from mien.core.regions import region_of_landmarks
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.datasets.array_files import load_archive
from mien.lab.train.detector_boxes import face_of_points
from mien.landmarks.mediapipe import MediaPipeLandmarks
from mien.landmarks.mesh_points import points_from_mesh

log = logging.getLogger(__name__)

SIDE = 48
_SCALE = 4
_BELIEVED = 0.5
_NET_PX = 192


@dataclass(frozen=True, slots=True, eq=False)
class Cutouts:
    """Tightly cut faces.

    Attributes:
        images: (N, 48, 48) uint8 grey.
        boxes_xyxy: (N, 4) float32 px.
        five_xy: (N, 5, 2) float32 px; NaN where they are not known.
    """

    images: UInt8
    boxes_xyxy: Float32
    five_xy: Float32

    def __len__(self) -> int:
        return len(self.images)


def read_cutouts(archive: Path, memory: Path) -> Cutouts:
    """FER2013's training faces, without near doubles of its validation faces.

    Args:
        archive: `fer2013.npz`.
        memory: file for what the landmark network said; made if it is missing.

    Raises:
        SourceError: the archive is none.
    """
    arrays = load_archive(archive)
    if "train_images" not in arrays:
        raise SourceError(f"{archive}: holds no train_images; name the file fer2013.npz")
    images = arrays["train_images"]
    if "train_near_val" in arrays:
        images = images[~arrays["train_near_val"].astype(bool)]
    if memory.is_file():
        known = np.load(memory)
        if len(known["boxes"]) == len(images):
            return Cutouts(images, known["boxes"], known["five"])
        log.info("%s is of another copy: made again", memory)
    boxes, five = _looked_at(images)
    memory.parent.mkdir(parents=True, exist_ok=True)
    np.savez(memory, boxes=boxes, five=five)
    return Cutouts(images, boxes, five)


def _looked_at(images: UInt8) -> tuple[Float32, Float32]:
    network = MediaPipeLandmarks()
    boxes = np.full((len(images), 4), np.nan, np.float32)
    five = np.full((len(images), 5, 2), np.nan, np.float32)
    try:
        for i, image in enumerate(images):
            points = _points(network, image)
            if points is not None:
                boxes[i], five[i] = face_of_points(points)
            if i % 5000 == 4999:
                log.info("%d of %d faces looked at", i + 1, len(images))
    finally:
        network.close()
    sides = boxes[:, 2:] - boxes[:, :2]
    with np.errstate(invalid="ignore"):
        odd = ~((sides > 0.5 * SIDE) & (sides < 1.3 * SIDE)).all(axis=1)
    boxes[odd], five[odd] = np.nan, np.nan
    log.info("%d of %d faces have points of their own", int((~odd).sum()), len(odd))
    boxes[odd] = np.nanmedian(boxes, axis=0)
    return boxes, five


def _points(network: MediaPipeLandmarks, image: UInt8) -> Float32 | None:
    """(98, 2) px of the 48×48 picture; None if the network doubts that it is a face."""
    large = cv2.resize(image, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC)
    colour = np.ascontiguousarray(np.repeat(large[..., None], 3, axis=2))
    middle = (SIDE * _SCALE - 1) / 2
    region: CropTransform | None = CropTransform.around((middle, middle), 1.25 * SIDE * _SCALE, _NET_PX)
    schema = load_schema("wflw98")
    for _ in range(2):
        if region is None:
            return None
        mesh = network.mesh(colour, region)
        if mesh.presence < _BELIEVED:
            return None
        points = points_from_mesh() @ mesh.xyz[:, :2]
        region = region_of_landmarks(Landmarks(points, np.ones(len(points), np.float32), schema), _NET_PX)
    return np.asarray((points + 0.5) / _SCALE - 0.5, np.float32)

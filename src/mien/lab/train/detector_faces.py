"""Pictures of faces for `detector_live`: cut-outs, generated portraits, and both turned to 30–75 degrees.

Of FER2013's faces those that MediaPipe's landmark network doubts (profiles, hands before the face, drawings) are placed
by `hrnet98-128`; where that one sees nothing like a face they are left out, where it is not sure they have no box.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.regions import tight_region_of_landmarks
from mien.errors import ConfigError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.pictures import read_picture
from mien.lab.render.surroundings import background_files
from mien.lab.train.detector_boxes import face_of_points
from mien.lab.train.detector_cutouts import Cutouts, read_cutouts
from mien.lab.train.detector_live import FacePicture, FaceWindows
from mien.lab.train.detector_sources import Places, read_photos
from mien.landmarks.hrnet98 import HeatmapLandmarks, Options

log = logging.getLogger(__name__)

GROUPS = ("cutouts", "doubted", "sfhq", "turned_sfhq", "turned_fer", "turned_ferself")
"""cutouts, doubted: of fer2013. The others are words of `detector_sources.WORDS`."""
_SURE, _NO_FACE = 0.45, 0.33
_SCALE, _RIM = 4, 48
_EVERY = 20


def read_faces(places: Places, shares: Mapping[str, float]) -> FaceWindows:
    """The pictures of the groups named.

    Every 20th cut-out is left out: `detector_sources` holds it out.

    Raises:
        ConfigError: unknown group, a group whose word has no place, or shares that do not add up to 1.
        SourceError: a place does not hold what it should.
    """
    if unknown := set(shares) - set(GROUPS):
        raise ConfigError(f"faces: {sorted(unknown)[0]}: there is no such group; there are: {', '.join(GROUPS)}")
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise ConfigError(f"faces: the shares add up to {sum(shares.values()):g}, not to 1")
    if missing := [g for g in shares if g not in GROUPS[:2] and g not in places.folders]:
        raise ConfigError(f"the recipe needs --set {missing[0]}=PLACE")
    found: dict[str, list[FacePicture]] = {}
    if set(shares) & set(GROUPS[:2]):
        found = _cutouts(read_cutouts(places.folders["fer2013"], places.memory / "cutouts.npz"), places.memory)
    for name in set(shares) - set(found):
        found[name] = _portraits(places.folders[name])
    if empty := [g for g in shares if not found[g]]:
        raise ConfigError(f"faces: {empty[0]}: there are none")
    photos = list(read_photos(places.folders["backgrounds"], places.held_out, held_out=False))
    if "photos" in places.folders:
        photos += [read_picture(f) for f in background_files(places.folders["photos"])]
    return FaceWindows([found[g] for g in shares], list(shares.values()), photos)


def _cutouts(cutouts: Cutouts, memory: Path) -> dict[str, list[FacePicture]]:
    doubted = np.flatnonzero(~np.isfinite(cutouts.five_xy[:, 0, 0]))
    boxes, five, presence = _placed(cutouts, doubted, memory / "doubted.npz")
    sure = np.setdiff1d(np.arange(len(cutouts)), doubted)
    out = {
        "cutouts": [
            FacePicture(cutouts.images[i], cutouts.boxes_xyxy[i], cutouts.five_xy[i]) for i in sure if i % _EVERY
        ]
    }
    out["doubted"] = [
        FacePicture(cutouts.images[i], boxes[n], five[n])
        for n, i in enumerate(doubted)
        if i % _EVERY and presence[n] >= _NO_FACE
    ]
    return out


def _placed(cutouts: Cutouts, doubted: np.ndarray[tuple[int], np.dtype[np.int64]], memory: Path) -> tuple[Float32, ...]:
    """Boxes, points (NaN = not sure) and presence of the faces in doubt; kept in a file."""
    if memory.is_file():
        known = np.load(memory)
        if len(known["boxes"]) == len(doubted):
            return known["boxes"], known["five"], known["presence"]
    network = HeatmapLandmarks(Options(min_presence=0))
    boxes, five = cutouts.boxes_xyxy[doubted], cutouts.five_xy[doubted]
    presence = np.zeros(len(doubted), np.float32)
    try:
        for n, i in enumerate(doubted):
            presence[n], points = _looked_at(network, cutouts.images[i], cutouts.boxes_xyxy[i])
            if presence[n] >= _SURE:
                boxes[n], five[n] = face_of_points(points)
    finally:
        network.close()
    log.info("%d of %d faces in doubt placed", int((presence >= _SURE).sum()), len(doubted))
    np.savez(memory, boxes=boxes, five=five, presence=presence)
    return boxes, five, presence


def _looked_at(network: HeatmapLandmarks, image: UInt8, box: Float32) -> tuple[float, Float32]:
    """Presence and (98, 2) px of a cut-out, from a look at the box and one at what was found there."""
    large = cv2.resize(image, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC)
    wide = cv2.copyMakeBorder(large, _RIM, _RIM, _RIM, _RIM, cv2.BORDER_REPLICATE)
    colour = np.ascontiguousarray(np.repeat(wide[..., None], 3, axis=2))
    low, high = ((corner + 0.5) * _SCALE - 0.5 + _RIM for corner in (box[:2], box[2:]))
    width, height = (float(v) for v in high - low)
    middle = (low + high) / 2 + np.array([0, 0.08 * height], np.float32)
    region = CropTransform.around(middle, 1.25 * max(width, 0.8 * height), network.size_px)
    best = network.look(colour, [region])[0]
    again = tight_region_of_landmarks(best.landmarks, network.size_px)
    if again is not None and best.presence > 0.2:
        best = max(network.look(colour, [again])[0], best, key=lambda look: look.presence)
    return best.presence, np.asarray((best.landmarks.xy - _RIM + 0.5) / _SCALE - 0.5, np.float32)


def _portraits(folder: Path) -> list[FacePicture]:
    out = []
    for sample in open_dataset("pseudo", folder).split("train"):
        if sample.landmarks_xy is None:
            continue
        image = sample.image()
        left, top, right, bottom = _inside(image, sample.attributes["inside_xyxy"])
        box, five = face_of_points(sample.landmarks_xy)
        inside = np.ascontiguousarray(image[top : bottom + 1, left : right + 1])
        shift = np.array([left, top], np.float32)
        out.append(FacePicture(inside, box - np.tile(shift, 2), five - shift).small())
    return out


def _inside(image: UInt8, edges_xyxy: Float32) -> tuple[int, int, int, int]:
    """First and last column and row of the real pixels; a turned portrait has surroundings everywhere (NaN)."""
    height, width = image.shape[:2]
    if not np.isfinite(edges_xyxy).all():
        return 0, 0, width - 1, height - 1
    left, top, right, bottom = (round(float(v)) for v in edges_xyxy)
    return max(left, 0), max(top, 0), right, bottom

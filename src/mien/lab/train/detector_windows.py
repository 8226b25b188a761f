"""Windows that a network of the cascade is taught with: crops, what they are, where the face is in them.

A window is a square. It is held against the squares around the faces' boxes (`cascade_geometry.squared`: what the next
stage would see of a perfect answer): positive from an overlap (IoU) of 0.65, a part of a face from 0.4 to 0.65,
negative below 0.3; what lies between belongs to nobody. Corrections lead to the face's own box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.detect.cascade_geometry import CELL, corrections, crops, halvings, overlaps, points_to_box, squared
from mien.lab.train.detector_scenes import Scene

POSITIVE, PART, NEGATIVE = 1, -1, 0
OVERLAP_POSITIVE, OVERLAP_PART, OVERLAP_NEGATIVE = 0.65, 0.4, 0.3
_TOUCHES_IGNORED = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """N windows.

    Attributes:
        crops: (N, S, S, 3) uint8 RGB.
        kinds: (N,) int8: POSITIVE, PART or NEGATIVE.
        boxes: (N, 4) float32 corrections; 0 of negatives.
        points: (N, 10) float32, 0–1 of the window; NaN = not known.
    """

    crops: UInt8
    kinds: np.ndarray[tuple[int], np.dtype[np.int8]]
    boxes: Float32
    points: Float32

    def __len__(self) -> int:
        return len(self.crops)

    def only(self, chosen: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Windows:
        """Some of them."""
        return Windows(*(getattr(self, f.name)[chosen] for f in fields(self)))


def joined(parts: Sequence[Windows]) -> Windows:
    """All of several, in order."""
    return Windows(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Windows)))


def label(candidates_xyxy: Float32, scene: Scene) -> tuple[np.ndarray[tuple[int], np.dtype[np.int8]], Float32, Float32]:
    """What square windows are.

    Returns:
        kinds (N,) int8, with 2 for windows that teach nothing; boxes (N, 4); points (N, 10).
    """
    count = len(candidates_xyxy)
    kinds = np.full(count, 2, np.int8)
    boxes, points = np.zeros((count, 4), np.float32), np.full((count, 10), np.nan, np.float32)
    if not len(scene.boxes_xyxy):
        kinds[:] = NEGATIVE
        return kinds, boxes, points
    table = overlaps(candidates_xyxy, squared(scene.boxes_xyxy))
    nearest, best = table.argmax(axis=1), table.max(axis=1)
    kinds[best < OVERLAP_NEGATIVE] = NEGATIVE
    kinds[best >= OVERLAP_PART] = PART
    kinds[best >= OVERLAP_POSITIVE] = POSITIVE
    if scene.ignored.any():
        touched = overlaps(candidates_xyxy, scene.boxes_xyxy[scene.ignored], "min").max(axis=1)
        kinds[(kinds == NEGATIVE) & (touched > _TOUCHES_IGNORED)] = 2
        kinds[scene.ignored[nearest] & (kinds != NEGATIVE)] = 2
    own = (kinds == POSITIVE) | (kinds == PART)
    boxes[own] = corrections(candidates_xyxy[own], scene.boxes_xyxy[nearest[own]])
    points[own] = points_to_box(candidates_xyxy[own], scene.five_xy[nearest[own]]).reshape(-1, 10)
    return kinds, boxes, points


def cut(scene: Scene, candidates_xyxy: Float32, size_px: int) -> Windows:
    """The windows that teach something, as a network of this input size sees them."""
    kinds, boxes, points = label(candidates_xyxy, scene)
    use = np.flatnonzero(kinds != 2)
    # P-Net sees levels whose pixels are means of what they cover: half of 24 px comes nearer to that than 12 samples.
    fine = 2 * size_px if size_px == CELL else size_px
    pixels = crops(halvings(scene.image), candidates_xyxy[use], fine)
    if fine != size_px:
        wide = pixels.reshape(-1, size_px, 2, size_px, 2, 3).astype(np.uint16)
        pixels = ((wide.sum(axis=(2, 4)) + 2) // 4).astype(np.uint8)
    return Windows(pixels, kinds[use], boxes[use], points[use])


def around_faces(scene: Scene, count: int, rng: np.random.Generator) -> Float32:
    """(M, 4) squares near the faces: half of them good enough to be positive, the others further off."""
    faces = squared(scene.boxes_xyxy[~scene.ignored])
    if not len(faces):
        return np.zeros((0, 4), np.float32)
    square = np.repeat(faces, count, axis=0)
    side = square[:, 2:3] - square[:, :1]
    close = rng.random((len(square), 1)) < 0.5
    shift = rng.uniform(-1, 1, (len(square), 2)) * np.where(close, 0.14, 0.45)
    growth = np.exp(rng.uniform(-1, 1, (len(square), 1)) * np.where(close, 0.16, 0.5))
    centre = (square[:, :2] + square[:, 2:]) / 2 + shift * side
    half = side * growth / 2
    return np.asarray(np.concatenate([centre - half, centre + half], axis=1), np.float32)


def anywhere(scene: Scene, count: int, smallest_px: float, rng: np.random.Generator) -> Float32:
    """(count, 4) squares all over a picture."""
    size = scene.image.shape[0]
    side = np.exp(rng.uniform(np.log(smallest_px), np.log(0.6 * size), (count, 1)))
    low = rng.uniform(0, 1, (count, 2)) * (size - side) - 0.5
    return np.asarray(np.concatenate([low, low + side], axis=1), np.float32)

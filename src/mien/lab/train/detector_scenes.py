"""Scenes to teach detectors with: real and drawn faces of all sizes put into pictures, with boxes and five points.

Where a dataset with marked boxes is given (WIDER FACE), most scenes are squares cut out of its pictures. Else a scene
is a drawn one or a photograph without people, into which cut-out and generated faces are pasted: coloured or grey,
turned, covered in part, with and without hair and body, under edges of several kinds; and beside them things pasted
with the same edges that are no faces (pieces of faces, of photographs, heads from behind), so that the edge tells
nothing. Everything follows from the scene's number.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.errors import ConfigError
from mien.lab.metrics.boxes import Flags
from mien.lab.train.augment import recoloured
from mien.lab.train.detector_boxes import MIRROR, face_boxes
from mien.lab.train.detector_paste import decoy
from mien.lab.train.detector_scene_faces import (
    SIZE,
    Marked,
    SceneWork,
    Sources,
    add_cutout,
    add_portrait,
    face_piece,
    photo_piece,
)

_LEAST_PX = 10.0
_MARKED = 0.7
"""Share of the scenes that are cut out of marked pictures, where there are any and something else too."""
_SEEN, _GONE = 0.5, 0.12
"""Share of a face from which it is asked for; and below which nothing of it is there."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture and its faces.

    Attributes:
        image: (512, 512, 3) uint8 RGB.
        boxes_xyxy: (N, 4) float32 px; see `detector_boxes`.
        five_xy: (N, 5, 2) float32 px; NaN = not known.
        ignored: (N,) bool: too small, too blurred or too much hidden to be asked for; windows on it teach nothing.
    """

    image: UInt8
    boxes_xyxy: Float32
    five_xy: Float32
    ignored: Flags


def make_scene(sources: Sources, number: int, seed: int = 0) -> Scene:
    """Scene `number`."""
    rng = np.random.default_rng((seed, number, 41))
    if sources.marked is not None and (not sources.photos or rng.random() < _MARKED):
        return _cut_out(sources.marked, rng)
    work = _start(sources, rng)
    for _ in range(int(rng.integers(0, 4))):
        decoy(work.canvas, photo_piece(sources, rng), face_piece(sources.cutouts, rng), rng)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1])) if sources.portraits else 0):
        add_portrait(work, sources.portraits[int(rng.integers(len(sources.portraits)))], rng)
    for _ in range(int(rng.choice([0, 2, 5, 9, 14], p=[0.12, 0.28, 0.3, 0.2, 0.1]))):
        add_cutout(work, sources, rng)
    return _finished(work, rng)


def _cut_out(marked: Marked, rng: np.random.Generator) -> Scene:
    """A square of a marked picture, mostly around one of its faces, mirrored in half of the cases.

    Ignored are faces that the data call invalid, that are too small, or that are cut off by half.
    """
    sample = marked.dataset.sample(int(rng.choice(marked.numbers)))
    image, boxes = sample.image(), sample.boxes_xyxy
    if boxes is None:
        raise ConfigError(f"{sample.dataset}: {sample.name}: has no boxes to learn from")
    five = np.asarray(sample.attributes.get("points5_xy", np.full((len(boxes), 5, 2), np.nan)), np.float32)
    invalid = np.asarray(sample.attributes.get("invalid", np.zeros(len(boxes))), bool)
    if rng.random() < 0.5:
        width = image.shape[1]
        image = np.ascontiguousarray(image[:, ::-1])
        boxes = np.stack([width - 1 - boxes[:, 2], boxes[:, 1], width - 1 - boxes[:, 0], boxes[:, 3]], axis=1)
        five = five[:, list(MIRROR)] * np.array([-1, 1], np.float32) + np.array([width - 1, 0], np.float32)
    size = np.array(image.shape[1::-1])
    side = max(1, int(size.min() * rng.uniform(0.3, 1.0)))
    focus = rng.uniform(0, size)
    if len(boxes) and rng.random() < 0.8:
        face = boxes[int(rng.integers(len(boxes)))]
        focus = (face[:2] + face[2:]) / 2 + rng.uniform(-0.4, 0.4, 2) * side
    low = np.clip(focus - side / 2, 0, size - side).astype(int)
    cut = image[low[1] : low[1] + side, low[0] : low[0] + side]
    how = cv2.INTER_AREA if side > SIZE else cv2.INTER_LINEAR
    pixels = np.asarray(cv2.resize(cut, (SIZE, SIZE), interpolation=how), np.uint8)
    scale = SIZE / side
    places = ((boxes - np.tile(low, 2) + 0.5) * scale - 0.5).astype(np.float32)
    inside = np.clip(places, -0.5, SIZE - 0.5)
    seen = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / (places[:, 2:] - places[:, :2]).prod(axis=1).clip(1e-6)
    small = (places[:, 2:] - places[:, :2]).min(axis=1, initial=np.inf) < _LEAST_PX
    there, ignored = seen > _GONE, np.asarray(invalid | small | (seen < _SEEN), bool)
    return Scene(pixels, places[there], ((five - low + 0.5) * scale - 0.5).astype(np.float32)[there], ignored[there])


def _start(sources: Sources, rng: np.random.Generator) -> SceneWork:
    """A drawn scene in four of ten, else a photograph, cut, mirrored and now and then on its side."""
    if sources.drawn is not None and rng.random() < 0.4:
        sample = sources.drawn.sample(int(rng.integers(len(sources.drawn))))
        image = sample.image()
        scale = SIZE / image.shape[0]
        work = SceneWork(np.asarray(cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8))
        tight = sample.boxes_xyxy
        if tight is not None and len(tight):
            five, visible = sample.attributes["five_xy"], sample.attributes["five_visible"]
            boxes = face_boxes(tight, five)
            for box, points, seen in zip(boxes, five, visible, strict=True):
                place = ((box + 0.5) * scale - 0.5).astype(np.float32)
                work.add(place, ((points + 0.5) * scale - 0.5).astype(np.float32), 1.0 if seen.sum() >= 2 else 0.5)
        return work
    photo = sources.photos[int(rng.integers(len(sources.photos)))]
    h, w = photo.shape[:2]
    side = int(min(h, w) * rng.uniform(0.35, 1.0))
    y, x = int(rng.integers(h - side + 1)), int(rng.integers(w - side + 1))
    cut = photo[y : y + side, x : x + side]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    if rng.random() < 0.25:
        cut = np.rot90(cut, int(rng.integers(1, 4)))
    cut = recoloured(np.ascontiguousarray(cut), rng)
    how = cv2.INTER_AREA if side > SIZE else cv2.INTER_LINEAR
    return SceneWork(np.asarray(cv2.resize(cut, (SIZE, SIZE), interpolation=how), np.uint8))


def _finished(work: SceneWork, rng: np.random.Generator) -> Scene:
    """The camera's part: light, sharpness, noise, compression; and which faces are still worth asking for."""
    image, blur = work.canvas.image, 0.0
    if rng.random() < 0.7:
        image = recoloured(image, rng)
    if rng.random() < 0.1:
        image = np.asarray(cv2.convertScaleAbs(image, alpha=float(rng.uniform(0.25, 0.6))), np.uint8)
    if rng.random() < 0.3:
        blur = float(rng.uniform(0.5, 2.2))
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.uint8)
    if rng.random() < 0.3:
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 14))
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    boxes = np.array(work.boxes, np.float32).reshape(-1, 4)
    five = np.array(work.five, np.float32).reshape(-1, 5, 2)
    sides = boxes[:, 2:] - boxes[:, :2]
    small = (sides.min(axis=1) < _LEAST_PX) | (sides.max(axis=1) < 9 * blur)
    seen = work.seen()
    ignored, there = np.asarray(small | (seen < _SEEN), bool), seen > _GONE
    return Scene(image, boxes[there], five[there], ignored[there])

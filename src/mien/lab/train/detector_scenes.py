"""Scenes to teach detectors with: real and drawn faces of all sizes put into pictures, with boxes and five points.

A scene is a drawn one or a photograph without people, into which cut-out and generated faces are pasted: coloured or
grey, turned, covered in part, with and without hair and body, under edges of several kinds; and beside them things
pasted with the same edges that are no faces (pieces of faces, of photographs, heads from behind), so that the edge
tells nothing. Everything follows from the scene's number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.lab.datasets.dataset import Dataset
from mien.lab.metrics.boxes import Flags
from mien.lab.train.augment import recoloured
from mien.lab.train.detector_boxes import MIRROR, face_boxes
from mien.lab.train.detector_cutouts import SIDE, Cutouts
from mien.lab.train.detector_paste import Canvas, Owners, Patch, body, cover_face, decoy, paste, soft_mask, tinted

SIZE = 512
_LEAST_PX = 10.0
_DOUBTED = 0.25
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


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A real-looking face with its surroundings.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        inside: left, top, right, bottom px: where its pixels are real.
        box_xyxy: (4,) px.
        five_xy: (5, 2) px.
    """

    image: UInt8
    inside: tuple[int, int, int, int]
    box_xyxy: Float32
    five_xy: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What scenes are made of.

    Attributes:
        photos: (H, W, 3) uint8 RGB pictures without people.
        cutouts: tightly cut faces.
        portraits: faces with surroundings; may be empty.
        drawn: drawn scenes ("synthetic", task detect), or None.
    """

    photos: Sequence[UInt8]
    cutouts: Cutouts
    portraits: Sequence[Portrait]
    drawn: Dataset | None


class _Work:
    """A scene being made."""

    def __init__(self, image: UInt8) -> None:
        self.canvas = Canvas(image, np.full(image.shape[:2], -1, np.int16))
        self.boxes: list[Float32] = []
        self.five: list[Float32] = []
        self.shown: list[float] = []

    def add(self, box: Float32, five: Float32, shown: float = 1.0) -> None:
        """A face that was just drawn, and how much of it is not covered by itself."""
        _oval(self.canvas.owner, box, len(self.boxes))
        self.boxes.append(box)
        self.five.append(five)
        self.shown.append(shown)

    def seen(self) -> Float32:
        """(N,) share of each face that is inside the picture and still shown."""
        out = np.zeros(len(self.boxes), np.float32)
        for i, (box, shown) in enumerate(zip(self.boxes, self.shown, strict=True)):
            sides = box[2:] - box[:2]
            left = np.count_nonzero(self.canvas.owner == i) / max(np.pi / 4 * float(np.prod(sides)), 1.0)
            out[i] = shown * min(left, 1.0)
        return out

    def free(self, centre: Float64, side: float) -> bool:
        """No face there yet, or hardly."""
        for box in self.boxes:
            middle = (box[:2] + box[2:]) / 2
            if (np.abs(middle - centre) < 0.42 * (side + (box[2:] - box[:2]))).all():
                return False
        return True


def make_scene(sources: Sources, number: int, seed: int = 0) -> Scene:
    """Scene `number`."""
    rng = np.random.default_rng((seed, number, 41))
    work = _start(sources, rng)
    for _ in range(int(rng.integers(0, 4))):
        decoy(work.canvas, _photo_piece(sources, rng), _face_piece(sources.cutouts, rng), rng)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1])) if sources.portraits else 0):
        _add_portrait(work, sources.portraits[int(rng.integers(len(sources.portraits)))], rng)
    for _ in range(int(rng.choice([0, 2, 5, 9, 14], p=[0.12, 0.28, 0.3, 0.2, 0.1]))):
        _add_cutout(work, sources, rng)
    return _finished(work, rng)


def _start(sources: Sources, rng: np.random.Generator) -> _Work:
    """A drawn scene in four of ten, else a photograph, cut, mirrored and now and then on its side."""
    if sources.drawn is not None and rng.random() < 0.4:
        sample = sources.drawn.sample(int(rng.integers(len(sources.drawn))))
        image = sample.image()
        scale = SIZE / image.shape[0]
        work = _Work(np.asarray(cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8))
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
    return _Work(np.asarray(cv2.resize(cut, (SIZE, SIZE), interpolation=how), np.uint8))


def _photo_piece(sources: Sources, rng: np.random.Generator) -> UInt8:
    photo = sources.photos[int(rng.integers(len(sources.photos)))]
    side = int(rng.integers(24, min(photo.shape[:2]) // 2))
    y, x = int(rng.integers(photo.shape[0] - side)), int(rng.integers(photo.shape[1] - side))
    return np.asarray(cv2.resize(photo[y : y + side, x : x + side], (64, 64), interpolation=cv2.INTER_AREA), np.uint8)


def _face_piece(cutouts: Cutouts, rng: np.random.Generator) -> UInt8:
    """At most a quarter of a face: to be shown as large as a whole one."""
    image = cutouts.images[int(rng.integers(len(cutouts)))]
    side = int(rng.integers(14, 25))
    y, x = (int(v) for v in rng.integers(0, SIDE - side + 1, 2))
    return tinted(image[y : y + side, x : x + side], rng)


def _place(work: _Work, side: float, rng: np.random.Generator) -> Float64 | None:
    """A free place for a face of this height, mostly inside the picture."""
    for _ in range(8):
        centre = rng.uniform(-0.12 * side, SIZE + 0.12 * side, 2)
        inside = np.clip(np.minimum(centre + side / 2, SIZE) - np.maximum(centre - side / 2, 0), 0, None).prod()
        if inside > 0.6 * side**2 and work.free(centre, side):
            return centre
    return None


def _cutout_number(cutouts: Cutouts, rng: np.random.Generator) -> int:
    """Any face; one in four from those that the landmark network doubts: profiles, hidden and odd ones."""
    doubted = np.flatnonzero(~np.isfinite(cutouts.five_xy[:, 0, 0]))
    if len(doubted) and rng.random() < _DOUBTED:
        return int(rng.choice(doubted))
    return int(rng.integers(len(cutouts)))


def _add_cutout(work: _Work, sources: Sources, rng: np.random.Generator) -> None:
    cutouts = sources.cutouts
    i = _cutout_number(cutouts, rng)
    image, box, five = cutouts.images[i], cutouts.boxes_xyxy[i], cutouts.five_xy[i]
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        box = np.array([SIDE - 1 - box[2], box[1], SIDE - 1 - box[0], box[3]], np.float32)
        five = five[list(MIRROR)] * np.array([-1, 1], np.float32) + np.array([SIDE - 1, 0], np.float32)
    height = float(np.exp(rng.uniform(np.log(13.0), np.log(150.0))))
    centre = _place(work, height, rng)
    if centre is None:
        return
    turn = float(rng.uniform(-50, 50)) if rng.random() < 0.12 else float(rng.normal(0, 9))
    face = tinted(image, rng)
    if rng.random() < 0.6:
        body(work.canvas, centre, height, _photo_piece(sources, rng), rng)
    shown = 1.0
    if rng.random() < 0.3:
        shown = cover_face(face, box, _photo_piece(sources, rng), rng)
    patch = Patch(face, soft_mask(SIDE, rng), (box[:2] + box[2:]) / 2, float(box[3] - box[1]))
    matrix = paste(work.canvas, patch, centre, (height, turn))
    work.add(_moved_box(box, matrix), _moved(five, matrix), shown)


def _add_portrait(work: _Work, portrait: Portrait, rng: np.random.Generator) -> None:
    image, box, five = portrait.image, portrait.box_xyxy, portrait.five_xy
    left, top, right, bottom = portrait.inside
    width = image.shape[1]
    if rng.random() < 0.5:
        image = image[:, ::-1]
        left, right = width - right, width - left
        box = np.array([width - 1 - box[2], box[1], width - 1 - box[0], box[3]], np.float32)
        five = five[list(MIRROR)] * np.array([-1, 1], np.float32) + np.array([width - 1, 0], np.float32)
    image = np.ascontiguousarray(image[top:bottom, left:right])
    shift = np.array([left, top], np.float32)
    box, five = box - np.tile(shift, 2), five - shift
    height = float(np.exp(rng.uniform(np.log(16.0), np.log(0.75 * SIZE))))
    centre = _place(work, height, rng)
    if centre is None:
        return
    image = recoloured(image, rng)
    if rng.random() < 0.35:
        less = max(10, int(rng.uniform(0.06, 0.4) * image.shape[0]))
        small = cv2.resize(image, (less, less), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    shown = 1.0
    if rng.random() < 0.3:
        shown = cover_face(image, box, image[:64, :64].copy(), rng)
    turn = float(rng.uniform(-45, 45)) if rng.random() < 0.15 else float(rng.normal(0, 8))
    hard = np.ones(image.shape[:2], np.float32)
    mask = hard if rng.random() < 0.5 else cv2.resize(soft_mask(64, rng), image.shape[1::-1])
    patch = Patch(image, np.asarray(mask, np.float32), (box[:2] + box[2:]) / 2, float(box[3] - box[1]))
    matrix = paste(work.canvas, patch, centre, (height, turn))
    work.add(_moved_box(box, matrix), _moved(five, matrix), shown)


def _moved(points: Float32, matrix: Float64) -> Float32:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _moved_box(box: Float32, matrix: Float64) -> Float32:
    """The box of a turned face: about an ellipse in the old box, so that a turn does not blow it up."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    reach = np.sqrt(((matrix[:, :2] * half) ** 2).sum(axis=1))
    middle = matrix[:, :2] @ centre + matrix[:, 2]
    return np.asarray(np.concatenate([middle - reach, middle + reach]), np.float32)


def _oval(owner: Owners, box: Float32, number: float) -> None:
    """The ellipse in a box, in place."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    axes = max(1, round(float(half[0]))), max(1, round(float(half[1])))
    place = round(float(middle[0])), round(float(middle[1]))
    cv2.ellipse(owner, place, axes, 0.0, 0.0, 360.0, (number,), -1)


def _finished(work: _Work, rng: np.random.Generator) -> Scene:
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

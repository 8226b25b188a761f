"""Faces put into a scene that is being made; see `detector_scenes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.lab.datasets.dataset import Dataset
from mien.lab.train.augment import recoloured
from mien.lab.train.detector_boxes import MIRROR
from mien.lab.train.detector_cutouts import SIDE, Cutouts
from mien.lab.train.detector_paste import Canvas, Owners, Patch, body, cover_face, paste, soft_mask, tinted

SIZE = 512
_DOUBTED = 0.25


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
class Marked:
    """Pictures whose faces have boxes (WIDER FACE).

    Attributes:
        dataset: where they are.
        numbers: which of its samples.
    """

    dataset: Dataset
    numbers: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What scenes are made of.

    Attributes:
        photos: (H, W, 3) uint8 RGB pictures without people; empty where there are only marked pictures.
        cutouts: tightly cut faces.
        portraits: faces with surroundings; may be empty.
        drawn: drawn scenes ("synthetic", task detect), or None.
        marked: pictures whose faces have boxes, or None.
    """

    photos: Sequence[UInt8]
    cutouts: Cutouts
    portraits: Sequence[Portrait]
    drawn: Dataset | None
    marked: Marked | None = None


class SceneWork:
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


def photo_piece(sources: Sources, rng: np.random.Generator) -> UInt8:
    """A random square of a photograph without people, (64, 64, 3) RGB."""
    photo = sources.photos[int(rng.integers(len(sources.photos)))]
    side = int(rng.integers(24, min(photo.shape[:2]) // 2))
    y, x = int(rng.integers(photo.shape[0] - side)), int(rng.integers(photo.shape[1] - side))
    return np.asarray(cv2.resize(photo[y : y + side, x : x + side], (64, 64), interpolation=cv2.INTER_AREA), np.uint8)


def face_piece(cutouts: Cutouts, rng: np.random.Generator) -> UInt8:
    """At most a quarter of a face: to be shown as large as a whole one."""
    image = cutouts.images[int(rng.integers(len(cutouts)))]
    side = int(rng.integers(14, 25))
    y, x = (int(v) for v in rng.integers(0, SIDE - side + 1, 2))
    return tinted(image[y : y + side, x : x + side], rng)


def _place(work: SceneWork, side: float, rng: np.random.Generator) -> Float64 | None:
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


def add_cutout(work: SceneWork, sources: Sources, rng: np.random.Generator) -> None:
    """Put a cut-out face, tinted and perhaps mirrored and turned, into the scene; nothing where there is no room."""
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
        body(work.canvas, centre, height, photo_piece(sources, rng), rng)
    shown = 1.0
    if rng.random() < 0.3:
        shown = cover_face(face, box, photo_piece(sources, rng), rng)
    patch = Patch(face, soft_mask(SIDE, rng), (box[:2] + box[2:]) / 2, float(box[3] - box[1]))
    matrix = paste(work.canvas, patch, centre, (height, turn))
    work.add(_moved_box(box, matrix), _moved(five, matrix), shown)


def add_portrait(work: SceneWork, portrait: Portrait, rng: np.random.Generator) -> None:
    """Put a portrait with its surroundings, perhaps mirrored, into the scene; nothing where there is no room."""
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

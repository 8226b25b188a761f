"""Scenes with none to several faces of all sizes, for detectors: heads drawn into one picture, each on a painted body.

Heads are drawn far ones first, so that near people hide far ones; the labels know. One camera takes the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, UInt8
from mien.core.measures import Landmarks
from mien.core.schema import load_schema
from mien.lab.datasets.splits import hashed_split
from mien.lab.render.assemble import Staged, stage
from mien.lab.render.camera import random_faults, take
from mien.lab.render.random_scene import Choices, choose, person_of
from mien.lab.render.rasterize import draw
from mien.lab.render.sample import RenderedSample, label
from mien.lab.render.surroundings import background
from mien.lab.synth.stored.faces import empty_row, rig_of_order, row_of
from mien.lab.synth.stored.order import Order

_COUNTS = (0.12, 0.34, 0.22, 0.12, 0.08, 0.06, 0.06)
"""Odds of 0, 1, 2, … people."""
_SMALLEST_PX, _LARGEST_SHARE = 14.0, 0.62
"""Height of the smallest face; of the largest as a share of the picture."""
_SEEDS_A_PICTURE = 64
_HALF_BODY_MM: dict[str, list[tuple[float, float]]] = {
    "trousers": [(0, -560), (140, -560), (165, -700), (130, -1560), (40, -1560), (20, -780), (0, -760)],
    "cloth": [(0, -70), (42, -75), (60, -108), (140, -130), (160, -160), (150, -330), (140, -600), (0, -610)],
    "sleeve": [(128, -128), (165, -145), (188, -190), (215, -420), (205, -640), (165, -640), (165, -420), (148, -240)],
}
"""The right half of a body seen from the front, mm below and beside the eyes; drawn in this order."""
_DEPTH_MM = -75.0
_SEEN_SHARE = 0.3
"""Of a face's points inside the picture and before others; with less it is left out of the labels."""


@dataclass(slots=True)
class _Canvas:
    """The scene being drawn, with a border for heads that reach over the edge.

    Attributes:
        light: (C, C, 3) float32 linear.
        owner: (C, C) int16: which face covers the pixel; -1 = none.
        margin: px on every side.
    """

    light: Float32
    owner: npt.NDArray[np.int16]
    margin: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a head goes: its square's corner on the canvas, and its side, px."""

    x: int
    y: int
    side: int
    seed: int


def group_picture(order: Order, i: int, name: str) -> tuple[UInt8, list[dict[str, Any]]]:
    """Picture `i` of an order of groups and the rows of its faces.

    Args:
        order: what was asked for.
        i: position.
        name: file name of the picture; its split is that of all its people, so that nobody is in two splits.

    Returns:
        (S, S, 3) uint8 RGB, and one row per labelled face, the nearest first; `empty_row` if there is none.
    """
    seed = order.first_seed + i
    rng = np.random.default_rng([seed, 77])
    size = order.size_px
    behind = background(rng, size, order.wishes.backgrounds)
    margin = size // 2
    canvas = _Canvas(
        np.asarray(cv2.copyMakeBorder(behind, margin, margin, margin, margin, cv2.BORDER_REFLECT_101), np.float32),
        np.full((2 * size, 2 * size), -1, np.int16),
        margin,
    )
    split = hashed_split("synthetic", name)
    drawn: list[tuple[RenderedSample, _Place]] = []
    for place in _places(order, rng, seed):
        member = _member(order, place, split)
        if member is not None:
            drawn.append((_draw(order, canvas, member, (place, len(drawn))), place))
    faults = random_faults(rng)
    inner = slice(margin, margin + size)
    image = take(np.ascontiguousarray(canvas.light[inner, inner]), faults)
    rows: list[dict[str, Any]] = []
    for face in range(len(drawn) - 1, -1, -1):
        sample, place = drawn[face]
        moved = _in_picture(sample, place, canvas, face)
        if moved is not None:
            blurred = {"blur": faults.blur_px > 4.0}
            rows.append(dict(row_of(replace(moved, attributes={**moved.attributes, **blurred}), name, len(rows))))
    return image, rows or [dict(empty_row(name, seed))]


def _places(order: Order, rng: np.random.Generator, seed: int) -> Iterator[_Place]:
    """Squares for heads, small ones first, none much over another."""
    size, count = order.size_px, int(rng.choice(len(_COUNTS), p=_COUNTS))
    found: list[tuple[float, float, float]] = []
    heights = np.exp(rng.uniform(np.log(_SMALLEST_PX), np.log(_LARGEST_SHARE * size), count))
    for height in sorted(heights.tolist(), reverse=True):
        for _ in range(20):
            x, y = rng.uniform(0.0, size), rng.uniform(0.0, 0.85 * size)
            apart = 0.75 * height
            if all(abs(x - a) > apart * 0.6 + h * 0.5 or abs(y - b) > apart + h for a, b, h in found):
                found.append((x, y, height))
                break
    margin = size // 2
    for k, (x, y, height) in enumerate(reversed(found)):
        # The square must hold hair and shoulders, and stay on the canvas.
        room = 2 * min(x + margin, y + margin, size - x + margin, size - y + margin)
        side = int(np.clip(round(height / 0.5), 32, room))
        yield _Place(int(x) + margin - side // 2, int(y) + margin - side // 2, side, seed * _SEEDS_A_PICTURE + k * 8)


def _draw(order: Order, canvas: _Canvas, member: tuple[Staged, Choices], where: tuple[_Place, int]) -> RenderedSample:
    """Draw one head; its labels are still those of its square."""
    place, face = where
    staged, choices = member
    rig = rig_of_order(order, order.rig_of(place.seed))
    _body(canvas, staged, choices, (place, face))
    square = slice(place.y, place.y + place.side), slice(place.x, place.x + place.side)
    behind = np.ascontiguousarray(canvas.light[square])
    drawing = draw(replace(staged.scene, background=behind))
    canvas.light[square] = drawing.linear
    covered = drawing.material[: 2 * place.side : 2, : 2 * place.side : 2] >= 0
    canvas.owner[square][covered] = face
    return label(rig.name, drawing.linear.astype(np.uint8), choices, staged, drawing)


def _member(order: Order, place: _Place, split: str) -> tuple[Staged, Choices] | None:
    """Somebody of the picture's split; None if the rig has nobody of it."""
    rig = rig_of_order(order, order.rig_of(place.seed))
    wishes = replace(order.wishes, size_px=place.side)
    for attempt in range(10 * order.people):
        seed = place.seed + attempt if attempt < 8 else place.seed * 1000 + attempt
        if _split_of_person(order, order.rig_of(place.seed), person_of(seed, order.people)) != split:
            continue
        choices = choose(seed, wishes)
        view = replace(choices.view, share=0.5, centre=(0.0, 0.0), distance_mm=max(choices.view.distance_mm, 600.0))
        choices = replace(choices, view=view)
        return stage(rig, choices), choices
    return None


@lru_cache(maxsize=100_000)
def _split_of_person(order: Order, place: int, number: int) -> str:
    rig = rig_of_order(order, place)
    identity = rig.identity(np.random.default_rng([number, 0]))
    return hashed_split("synthetic", f"{rig.name}/{identity.name}")


def _body(canvas: _Canvas, staged: Staged, choices: Choices, where: tuple[_Place, int]) -> None:
    """Paint somebody's body below the head, upright whatever the head does, lit from above."""
    place, face = where
    camera = staged.scene.camera
    rng = np.random.default_rng([choices.seed, 78])
    scale = camera.focal_px / camera.translation_mm[2]
    turn = np.radians(choices.view.yaw_deg * rng.uniform(0.2, 0.7))
    head_xy = camera.pixels(np.zeros((1, 3)))[0] + [place.x + scale * _DEPTH_MM * np.sin(turn), place.y]
    widths = np.array([np.cos(turn) * rng.uniform(0.9, 1.25), rng.uniform(0.95, 1.05)])
    light = staged.scene.light.environment[0] + 0.35 * staged.scene.light.lamps[:, 3:].sum(axis=0)
    dye = np.random.default_rng(choices.seed)  # the collar's colour, where a rig has one
    cloth = np.clip(dye.uniform(0.02, 0.5) * np.exp(dye.normal(0.0, 0.35, 3)), 0.01, 0.8)
    other = np.clip(rng.uniform(0.02, 0.3) * np.exp(rng.normal(0.0, 0.25, 3)), 0.01, 0.8)
    colours = {"cloth": cloth, "sleeve": 0.8 * cloth, "trousers": other}
    for part, half in _HALF_BODY_MM.items():
        right = np.array(half, np.float64) * widths
        left = right * [-1.0, 1.0]
        outlines = [right, left] if part == "sleeve" else [np.concatenate([right, left[::-1]])]
        mask = np.zeros(canvas.owner.shape, np.uint8)
        for outline in outlines:
            xy = head_xy + outline * [scale, -scale]
            cv2.fillPoly(mask, [np.round(xy * 16).astype(np.int32)], (255.0,), cv2.LINE_AA, 4)
        _cloth(canvas, mask, colours[part] * light, rng)
        canvas.owner[mask > 127] = face


def _cloth(canvas: _Canvas, mask: UInt8, colour: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    """Fill a mask with cloth: soft folds along the body."""
    x, y, w, h = cv2.boundingRect(mask)
    if w < 1 or h < 1:
        return
    grid = rng.normal(0.0, 1.0, (max(h // max(w // 6, 4), 3), 12)).astype(np.float32)
    folds = cv2.resize(cv2.GaussianBlur(grid, (0, 0), 1.0), (w, h), interpolation=cv2.INTER_CUBIC)
    alpha = mask[y : y + h, x : x + w, None].astype(np.float32) / np.float32(255.0)
    paint = colour.astype(np.float32) * np.clip(1.0 + 0.8 * folds, 0.45, 1.6)[..., None]
    part = canvas.light[y : y + h, x : x + w]
    canvas.light[y : y + h, x : x + w] = part * (1 - alpha) + paint * alpha


def _in_picture(sample: RenderedSample, place: _Place, canvas: _Canvas, face: int) -> RenderedSample | None:
    """The sample with px of the whole picture; None if too little of the face can be seen."""
    shift = np.array([place.x, place.y], np.float32) - canvas.margin
    size = len(canvas.owner) - 2 * canvas.margin
    xy = sample.landmarks.xy + shift
    at = np.clip(np.round(xy).astype(int) + canvas.margin, 0, len(canvas.owner) - 1)
    inside = ((xy >= -0.5) & (xy <= size - 0.5)).all(axis=1)
    seen = inside & (canvas.owner[at[:, 1], at[:, 0]] <= face)
    if seen.mean() < _SEEN_SHARE:
        return None
    visible = sample.landmarks.confidence * seen
    five = sample.five_xy + shift
    five_seen = sample.five_visible & seen[[96, 97, 54, 76, 82]]
    box = sample.box_xyxy + np.tile(shift, 2)
    landmarks = Landmarks(xy, visible.astype(np.float32), load_schema("wflw98"))
    return replace(sample, landmarks=landmarks, five_xy=five, five_visible=five_seen, box_xyxy=box)

"""Pasting into scenes: tints, soft edges, covers, bodies, and things that are no faces."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, UInt8

_HAIR = ((25, 20, 18), (50, 35, 25), (90, 60, 40), (150, 115, 70), (190, 180, 170), (60, 60, 62))


Owners = npt.NDArray[np.int16]
"""(H, W): number of the face that a pixel of the scene shows; −1 = none."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A scene being made: (H, W, 3) uint8 RGB pixels, and whose they are."""

    image: UInt8
    owner: Owners


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Something to paste.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) float32, 0–1.
        centre_xy: (2,) px of the patch that goes to the place asked for.
        height: px of the patch that become the height asked for.
    """

    image: UInt8
    mask: Float32
    centre_xy: Float32
    height: float


def paste(scene: Canvas, patch: Patch, centre_xy: Float64, how: tuple[float, float]) -> Float64:
    """Paste in place; how = (height in the scene, turn in degrees). Nobody owns what is pasted.

    Returns:
        (2, 3) scene px of the patch's px.
    """
    height, turn = how
    scale = height / patch.height
    image, mask, place, factor = patch.image, patch.mask, patch.centre_xy.astype(np.float64), 1.0
    if scale < 0.7:
        factor = max(scale * 1.4, 4 / min(image.shape[:2]))
        size = max(2, round(image.shape[1] * factor)), max(2, round(image.shape[0] * factor))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    a = np.radians(turn)
    linear = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    whole = np.column_stack([linear, centre_xy - linear @ place])
    reach = np.array(patch.image.shape[1::-1]) - 1.0
    outline = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * reach @ linear.T + whole[:, 2]
    cv2.fillPoly(scene.owner, [np.round(outline).astype(np.int32)], (-1,))
    inner = np.column_stack([linear / factor, whole[:, 2] + linear @ np.full(2, 0.5 / factor - 0.5)])
    corners = np.array([[0, 0], [image.shape[1], 0], [0, image.shape[0]], image.shape[1::-1]]) @ inner[:, :2].T
    low = np.clip(np.floor((corners + inner[:, 2]).min(axis=0)) - 1, 0, scene.image.shape[1::-1]).astype(int)
    high = np.clip(np.ceil((corners + inner[:, 2]).max(axis=0)) + 2, 0, scene.image.shape[1::-1]).astype(int)
    if (high <= low).any():
        return whole
    local = inner.copy()
    local[:, 2] -= low
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    pixels = cv2.warpAffine(image, local, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(mask, local, size, flags=cv2.INTER_LINEAR)[..., None]
    under = scene.image[low[1] : high[1], low[0] : high[0]]
    under[:] = (under + (pixels.astype(np.float32) - under) * alpha + 0.5).astype(np.uint8)
    return whole


def soft_mask(size: int, rng: np.random.Generator) -> Float32:
    """(S, S) float32: a rounded square with a soft edge; one in five is the whole square with a hard edge."""
    if rng.random() < 0.2:
        return np.ones((size, size), np.float32)
    axis = np.abs((np.arange(size) + 0.5) / size * 2 - 1)
    power, reach, soft = rng.uniform(2.2, 6), rng.uniform(0.88, 1.02), rng.uniform(0.06, 0.3)
    radius = (axis[None, :] ** power + axis[:, None] ** power) ** (1 / power)
    return np.asarray(np.clip((reach - radius) / soft, 0, 1), np.float32)


def tinted(grey: UInt8, rng: np.random.Generator) -> UInt8:
    """(H, W) → (H, W, 3): a third stay grey, the others get a skin's colour; lighter and darker."""
    steps = np.arange(256, dtype=np.float32) / 255
    gain, gamma = rng.uniform(0.45, 1.05), np.exp(rng.uniform(-0.3, 0.4))
    powers = np.ones(3) if rng.random() < 0.33 else np.array([rng.uniform(0.6, 1), 1.0, rng.uniform(1.0, 1.6)])
    table = np.clip(255 * gain * steps[:, None] ** (gamma * powers), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(table[grey])


def body(scene: Canvas, centre_xy: Float64, height: float, texture: UInt8, rng: np.random.Generator) -> None:
    """Hair behind a face of this height and a dressed torso below it, in place."""
    x, y = centre_xy
    if rng.random() < 0.7:
        wide, tall, drop = rng.uniform(0.95, 1.5), rng.uniform(1.1, 1.7), rng.uniform(-0.1, 0.25)
        shade = np.array(_HAIR[int(rng.integers(len(_HAIR)))]) * rng.uniform(0.6, 1.3)
        colour = tuple(float(v) for v in np.clip(shade, 0, 255))
        axes = max(1, round(wide * height / 2)), max(1, round(tall * height / 2))
        middle = round(x), round(y + drop * height)
        cv2.ellipse(scene.image, middle, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(scene.owner, middle, axes, 0, 0, 360, (-1,), -1)
    if rng.random() < 0.7:
        shoulder, slope, neck = rng.uniform(0.8, 1.5), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.35)
        top = y + rng.uniform(0.42, 0.6) * height
        shape = [
            (x - neck * height, top),
            (x + neck * height, top),
            (x + shoulder * height, top + slope * height),
            (x + shoulder * height * rng.uniform(0.8, 1.2), top + 3 * height),
            (x - shoulder * height * rng.uniform(0.8, 1.2), top + 3 * height),
            (x - shoulder * height, top + slope * height),
        ]
        _filled(scene.image, np.array(shape), texture, rng)
        cv2.fillPoly(scene.owner, [np.round(shape).astype(np.int32)], (-1,))


def _filled(scene: UInt8, shape_xy: Float64, texture: UInt8, rng: np.random.Generator) -> None:
    """A polygon of one colour, or of a piece of a photograph, in place."""
    outline = np.round(shape_xy).astype(np.int32)
    low = np.clip(outline.min(axis=0), 0, scene.shape[1::-1])
    high = np.clip(outline.max(axis=0) + 1, 0, scene.shape[1::-1])
    if (high <= low).any():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    cv2.fillPoly(mask, [outline - low], (255,))
    under = scene[low[1] : high[1], low[0] : high[0]]
    if rng.random() < 0.4:
        under[mask > 0] = np.clip(rng.uniform(0, 255, 3), 0, 255).astype(np.uint8)
    else:
        cloth = cv2.resize(texture, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
        under[mask > 0] = cloth[mask > 0]


def cover_face(face: UInt8, box_xyxy: Float32, texture: UInt8, rng: np.random.Generator) -> float:
    """Hide a part of a face in place: eyes behind glasses, mouth behind a mask or hand, one side, the forehead.

    Returns:
        About the share of the face that is still seen, 0–1.
    """
    x1, y1, x2, y2 = box_xyxy
    w, h = x2 - x1, y2 - y1
    kind = int(rng.integers(5))
    if kind == 0:
        dark = tuple(float(v) for v in rng.uniform(0, 60, 3))
        y = y1 + rng.uniform(0.36, 0.46) * h
        for side in (0.3, 0.7):
            axes = max(1, round(rng.uniform(0.14, 0.2) * w)), max(1, round(rng.uniform(0.07, 0.12) * h))
            cv2.ellipse(face, (round(x1 + side * w), round(y)), axes, 0, 0, 360, dark, -1, cv2.LINE_AA)
        return 0.9
    if kind == 1:
        part = np.array([(-0.1, rng.uniform(0.55, 0.7)), (1.1, rng.uniform(0.55, 0.7)), (1.1, 1.2), (-0.1, 1.2)])
        seen = 0.65
    elif kind == 2:
        edge = rng.uniform(0.2, 0.4)
        part, seen = np.array([(-0.3, -0.3), (edge, -0.3), (edge * 0.8, 1.3), (-0.3, 1.3)]), 1 - edge
        if rng.random() < 0.5:
            part[:, 0] = 1 - part[:, 0]
    elif kind == 3:
        edge = rng.uniform(0.1, 0.28)
        part, seen = np.array([(-0.4, -0.5), (1.4, -0.5), (1.3, edge), (0.5, edge * 0.8), (-0.3, edge)]), 1 - edge
    else:
        middle, reach = rng.uniform(0.1, 0.9, 2), rng.uniform(0.1, 0.25)
        angles = np.sort(rng.uniform(0, 2 * np.pi, 6))
        part = middle + reach * np.column_stack([np.cos(angles), np.sin(angles)])
        seen = 1 - 2 * reach**2
    _filled(face, np.array([x1, y1]) + part * np.array([w, h]), texture, rng)
    return float(seen)


def decoy(scene: Canvas, photo: UInt8, piece: UInt8, rng: np.random.Generator) -> None:
    """Something that is no face, pasted as faces are: a piece of a face or of a photograph, skin without features, a
    head from behind with its body; in place."""
    side = float(np.exp(rng.uniform(np.log(14.0), np.log(200.0))))
    centre = rng.uniform(0, scene.image.shape[0], 2)
    kind = int(rng.integers(4))
    if kind == 3:
        body(scene, centre, side, photo, rng)
        return
    if kind == 0:
        image = piece
    elif kind == 1:
        image = (
            tinted(np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8), rng) if rng.random() < 0.5 else photo
        )
    else:
        coarse = rng.integers(90, 220, (4, 4)).astype(np.uint8)
        image = tinted(np.asarray(cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC), np.uint8), rng)
    size = image.shape[0]
    middle = np.full(2, (size - 1) / 2, np.float32)
    paste(scene, Patch(image, soft_mask(size, rng), middle, float(size)), centre, (side, float(rng.normal(0, 15))))

"""A face made into a training crop: one affine warp, then what cameras and things in front do to it.

The crop is a square around the points' tight box, its side 1.25 × the longer side of the box (WFLW practice; the
runtime cuts alike from the last frame's points). Training shakes it: scale ±25 %, rotation ±30°, shift, mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import CropTransform
from mien.core.schema import load_schema
from mien.lab.train.faces import Face
from mien.runtime.warp import warp_crop

MARGIN = 1.25
"""Side of the crop / longer side of the points' tight box."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly crops are shaken. Chances 0–1; 0 everywhere = the plain crop.

    Attributes:
        scale: the crop's side varies by this share, both ways.
        rotation_deg, rotation_chance: largest rotation, and how often there is one.
        shift: standard deviation of the crop's centre, as a share of its side.
        mirror: chance of the mirror image.
        colour: chance of a change of brightness, contrast, gamma, colour; a tenth of them become grey.
        blur, coarse, noise, jpeg: chances of blur, of a coarser resolution, of Gaussian noise, of JPEG artefacts.
        cover: chance of one to three rectangles in front of the face.
        tint: chance of coloured light or of a picture printed in two colours.
        dim: chance of little light, or of a shadow over a part of the face.
    """

    scale: float = 0.25
    rotation_deg: float = 30.0
    rotation_chance: float = 0.6
    shift: float = 0.05
    mirror: float = 0.5
    colour: float = 0.7
    blur: float = 0.15
    coarse: float = 0.2
    noise: float = 0.2
    jpeg: float = 0.2
    cover: float = 0.3
    tint: float = 0.0
    dim: float = 0.0


PLAIN = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def tight_square(points_xy: Float32) -> tuple[Float64, float]:
    """Centre and side (px) of the square crop around the known points."""
    known = points_xy[np.isfinite(points_xy).all(axis=1)].astype(np.float64)
    low, high = known.min(axis=0), known.max(axis=0)
    return (low + high) / 2, MARGIN * float(max(*(high - low), 1.0))


def make_crop(face: Face, size_px: int, how: Augmentation, rng: np.random.Generator) -> Face:
    """Cut and shake a face, or a picture without one.

    Args:
        face: without a known point, the middle of the picture is taken.
        size_px: side of the crop.
        how: strength.
        rng: the only source of chance.

    Returns:
        Face in crop px. Points outside the crop or covered by a rectangle are not visible; they keep their place.
    """
    if np.isfinite(face.points_xy).all(axis=1).any():
        centre, side = tight_square(face.points_xy)
    else:
        height, width = face.image.shape[:2]
        centre, side = (np.array([width, height]) - 1) / 2, 0.8 * min(width, height)
    if how.scale:
        side *= 1 + float(rng.uniform(-how.scale, how.scale))
    turn = float(rng.uniform(-how.rotation_deg, how.rotation_deg)) if rng.random() < how.rotation_chance else 0.0
    if how.shift:
        centre = centre + np.clip(rng.normal(0, how.shift, 2), -2 * how.shift, 2 * how.shift) * side
    transform = CropTransform.around(centre, side, size_px, turn)
    image = warp_crop(face.image, transform)
    points = np.array(transform.to_crop(face.points_xy))
    visible, weight = face.visible.copy(), face.weight
    if rng.random() < how.mirror:
        order = load_schema("wflw98").mirror
        image = np.ascontiguousarray(image[:, ::-1])
        points = points[order] * np.array([-1, 1], np.float32) + np.array([size_px - 1, 0], np.float32)
        visible, weight = visible[order], weight[order]
    if rng.random() < how.cover:
        visible[cover(image, points, rng)] = 0
    image = photographed(image, how, rng)
    outside = ((points < -0.5) | (points > size_px - 0.5)).any(axis=1)
    visible[outside] = 0
    return Face(image, points, visible, weight)


def cover(image: UInt8, points_xy: Float32, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Put one to three rectangles into the picture (in place); (P,) bool: which points they cover."""
    size = image.shape[0]
    covered = np.zeros(len(points_xy), bool)
    for _ in range(int(rng.integers(1, 4))):
        width, height = (size * rng.uniform(0.08, 0.38, 2)).astype(int)
        x, y = (int(v) for v in rng.uniform(-0.1 * size, 0.9 * size, 2))
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, size), min(y + height, size)
        if left >= right or top >= bottom:
            continue
        shape = (bottom - top, right - left, 3)
        kind = rng.integers(3)
        if kind == 0:
            patch = np.broadcast_to(rng.integers(0, 256, 3), shape)
        elif kind == 1:
            coarse = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
            patch = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
        else:
            from_x, from_y = int(rng.integers(size - shape[1] + 1)), int(rng.integers(size - shape[0] + 1))
            patch = image[from_y : from_y + shape[0], from_x : from_x + shape[1]][::-1, ::-1].copy()
        image[top:bottom, left:right] = patch
        inside_x = (points_xy[:, 0] >= left) & (points_xy[:, 0] < right)
        covered |= inside_x & (points_xy[:, 1] >= top) & (points_xy[:, 1] < bottom)
    return covered


def photographed(image: UInt8, how: Augmentation, rng: np.random.Generator) -> UInt8:
    """Colour, blur, coarser pixels, noise and JPEG, each by its chance; (H, W, 3) uint8 in and out."""
    height, width = image.shape[:2]
    if rng.random() < how.colour:
        image = recoloured(image, rng)
    if how.tint and rng.random() < how.tint:
        image = tinted(image, rng)
    if how.dim and rng.random() < how.dim:
        image = dimmed(image, rng)
    if rng.random() < how.blur:
        image = blurred(image, rng)
    if rng.random() < how.coarse:
        share = rng.uniform(0.2, 0.7)
        small = max(12, int(width * share)), max(12, int(height * share))
        less = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(less, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < how.noise:
        strength = rng.uniform(2, 18)
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(strength)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    if rng.random() < how.jpeg:
        quality = int(rng.integers(15, 85))
        _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    return image


def recoloured(image: UInt8, rng: np.random.Generator) -> UInt8:
    """Exposure, gamma, contrast, white balance, saturation; one in ten is grey."""
    steps = np.arange(256, dtype=np.float32) / 255
    gamma, gain = np.exp(rng.uniform(-0.4, 0.4)), np.exp(rng.uniform(-0.35, 0.35))
    contrast, lift = rng.uniform(0.75, 1.25), rng.uniform(-0.06, 0.08)
    curve = (np.clip(steps**gamma * gain, 0, 1.4) - 0.5) * contrast + 0.5 + lift
    balance = np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
    table = np.clip(curve[:, None] * balance * 255, 0, 255).astype(np.uint8)[:, None]
    out = np.asarray(cv2.LUT(image, np.ascontiguousarray(table.reshape(1, 256, 3))), np.uint8)
    grey = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    kept = 0.0 if rng.random() < 0.1 else float(rng.uniform(0.5, 1.4))
    return np.asarray(cv2.addWeighted(out, kept, grey, 1 - kept, 0), np.uint8)


def tinted(image: UInt8, rng: np.random.Generator) -> UInt8:
    """Light of one colour (a stage, a screen in a dark room), or two colours from dark to light, now and then hard."""
    if rng.random() < 0.4:
        light = rng.uniform(0.15, 1.0, 3) / np.float64(rng.uniform(0.7, 1.0))
        return np.clip(image * light.astype(np.float32), 0, 255).astype(np.uint8)
    steps = np.arange(256, dtype=np.float32) / 255
    hard, middle = float(np.exp(rng.uniform(np.log(2.0), np.log(25.0)))), float(rng.uniform(0.3, 0.6))
    curve = 1 / (1 + np.exp(-hard * (steps - middle)))
    curve = (curve - curve[0]) / (curve[-1] - curve[0])
    dark, light = rng.uniform(0, 140, 3), rng.uniform(110, 255, 3)
    table = (dark + curve[:, None] * (np.maximum(light, dark + 25) - dark)).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(table[cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)])


def dimmed(image: UInt8, rng: np.random.Generator) -> UInt8:
    """Light down to a twentieth, everywhere or on one side of a soft line: under the peak of a cap, beside a window."""
    height, width = image.shape[:2]
    least = float(np.exp(rng.uniform(np.log(0.05), np.log(0.5))))
    if rng.random() < 0.4:
        return np.asarray(image * np.float32(least), np.uint8)
    angle = rng.normal(-np.pi / 2, 0.4) if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width) - 0.5
    along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y  # grows into the shadow
    edge, softness = rng.uniform(-0.3, 0.2), np.exp(rng.uniform(np.log(0.01), np.log(0.2)))
    inside = 1 / (1 + np.exp(np.clip((edge - along) / softness, -30, 30)))
    light = 1 - (1 - least) * inside
    return np.asarray(image * light[..., None].astype(np.float32), np.uint8)


def blurred(image: UInt8, rng: np.random.Generator) -> UInt8:
    """Out of focus, moved, or smoothed by a median."""
    size, kind = image.shape[0], rng.integers(3)
    if kind == 0:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), max(0.6, float(rng.uniform(0.004, 0.022) * size))), np.uint8)
    if kind == 1:
        return np.asarray(cv2.medianBlur(image, int(rng.choice([3, 5]))), np.uint8)
    length, angle = max(2.0, float(rng.uniform(0.02, 0.09) * size)), float(rng.uniform(0, np.pi))
    reach = int(length / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for t in np.linspace(-length / 2, length / 2, 4 * reach):
        kernel[round(reach + t * np.sin(angle)), round(reach + t * np.cos(angle))] += 1
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)

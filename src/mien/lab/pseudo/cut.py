"""What is stored of a face: an upright square around it with room for turned and enlarged training crops.

Pixels are copied, not resampled, unless the face is larger than needed. What lies outside the source picture is its
mirror image, blurred: no black corners that a network could learn from, and no invented face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.measures import Landmarks
from mien.core.regions import region_of_landmarks
from mien.core.schema import load_schema

ROOM = 1.5
"""Side of the stored square, in sides of the face's region (`core.regions`, hairline to chin × 1.5): a region turned by
30° (× 1.37) or enlarged by 1.5 still fits."""
MOST_PX = 384
"""ROOM × 256: at most one stored pixel per pixel of a 256² training crop."""
_BLUR = 0.03
_FADE = 0.04
_SECOND_FADE = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A stored crop.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        scale: stored px per source px, ≤ 1.
        corner_xy: (2,) float64: source px of the square's outer top-left edge + 0.5, i.e. of its first pixel.
        inside_xyxy: (4,) float32 px of the crop: outer edges of the real pixels (-0.5 = the left or top edge).
    """

    image: UInt8
    scale: float
    corner_xy: Float64
    inside_xyxy: Float32

    def to_crop(self, xy: Float32) -> Float32:
        """(…, 2) source px → px of the crop."""
        return np.asarray((xy - self.corner_xy + 0.5) * self.scale - 0.5, dtype=np.float32)


def cut(image: UInt8, xy: Float32) -> Cut:
    """Cut a face out.

    Args:
        image: (H, W, 3) uint8 RGB.
        xy: (98, 2) px, schema "wflw98".

    Raises:
        ValueError: no region follows from the points.
    """
    region = region_of_landmarks(Landmarks(xy, np.ones(len(xy), np.float32), load_schema("wflw98")), 2)
    if region is None:
        raise ValueError("cut: no region follows from these points")
    centre = region.to_image(np.array([0.5, 0.5])).astype(np.float64)
    side = int(np.ceil(ROOM * 2 * np.sqrt(abs(np.linalg.det(region.image_from_crop[:, :2].astype(np.float64))))))
    left, top = (int(v) for v in np.round(centre - (side - 1) / 2))
    square, real = _square(image, left, top, side)
    size = min(side, MOST_PX)
    scale = size / side
    if scale < 1:
        square = np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    outer = real - np.array([left, top, left, top]) + np.array([0, 0, 1, 1])
    inside = outer * scale - np.array([0.5, 0.5, 0.5, 0.5])
    return Cut(np.ascontiguousarray(square), scale, np.array([left, top], np.float64), inside.astype(np.float32))


def _square(image: UInt8, left: int, top: int, side: int) -> tuple[UInt8, Float64]:
    """The square [left, left + side) × [top, top + side) and the real part (first and last pixel) in source px."""
    h, w = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, w), min(top + side, h)
    part = image[y0:y1, x0:x1]
    margins = (y0 - top, top + side - y1, x0 - left, left + side - x1)
    real = np.array([x0, y0, x1 - 1, y1 - 1], dtype=np.float64)
    if not any(margins):
        return part, real
    mirrored = cv2.copyMakeBorder(part, *margins, borderType=cv2.BORDER_REFLECT_101)
    outside = np.ones((side, side), dtype=np.uint8)
    outside[margins[0] : side - margins[1], margins[2] : side - margins[3]] = 0
    away = cv2.distanceTransform(outside, cv2.DIST_L2, 5)[..., None] / side
    result = mirrored.astype(np.float32)
    for width, fade in ((_BLUR, _FADE), (3 * _BLUR, _SECOND_FADE)):
        blurred = _blurred(np.asarray(mirrored, dtype=np.uint8), max(width * side, 0.3))
        result += (blurred - result) * np.clip(away / fade, 0, 1)
    return np.round(result).astype(np.uint8), real


def _blurred(image: UInt8, sigma_px: float) -> Float32:
    """A Gaussian blur; wide ones on a small copy."""
    smaller = max(int(sigma_px / 3), 1)
    h, w = image.shape[:2]
    size = max(w // smaller, 1), max(h // smaller, 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if smaller > 1 else image
    soft = cv2.GaussianBlur(small.astype(np.float32), (0, 0), sigma_px / smaller)
    return np.asarray(cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR), dtype=np.float32)

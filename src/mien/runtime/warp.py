"""Cutting a crop out of an image: the one place where pixels follow a `CropTransform`."""

from __future__ import annotations

import cv2
import numpy as np

from mien.core.arrays import Float64, UInt8
from mien.core.geometry import CropTransform


def warp_crop(image: UInt8, crop: CropTransform, *, smooth: bool = False, outside: int = 0) -> UInt8:
    """The pixels of a crop, bilinear.

    Args:
        image: (H, W, C) or (H, W) uint8.
        crop: maps crop px to image px.
        smooth: where a crop px spans two image px or more, halve the image (means of 2 × 2 px) until it spans
            less. False: crops much smaller than the face alias.
        outside: grey value of pixels from outside the image; 0 = black.

    Returns:
        (h, w, C) or (h, w) uint8 with (w, h) = `crop.size_wh`.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(f"warp_crop: expected a uint8 image (H, W, C) or (H, W), got {image.dtype} {image.shape}")
    matrix = crop.image_from_crop.astype(np.float64)
    if smooth:
        image, matrix = _halved(image, matrix, crop)
    out = cv2.warpAffine(
        image,
        matrix,
        crop.size_wh,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(float(outside),) * 4,
    )
    return np.asarray(out, dtype=np.uint8)


def _halved(image: UInt8, image_from_crop: Float64, crop: CropTransform) -> tuple[UInt8, Float64]:
    """The part of the image that the crop sees, halved while a crop px spans two px of it; and the matrix to it."""
    span = float(np.sqrt(abs(np.linalg.det(image_from_crop[:, :2]))))
    times = int(np.log2(span)) if span >= 2 else 0
    if times == 0:
        return image, image_from_crop
    step = 2**times
    corners = crop.corners_xy
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - step, 0, None) // step * step
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + step + 1, image.shape[1::-1])
    width, height = (high - low) // step
    if width < 1 or height < 1:
        return image, image_from_crop
    part = image[low[1] : low[1] + height * step, low[0] : low[0] + width * step]
    small = cv2.resize(part, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    matrix = image_from_crop / step
    matrix[:, 2] += (0.5 - low) / step - 0.5
    return np.asarray(small, np.uint8), matrix

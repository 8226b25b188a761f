"""Cutting a crop out of an image: the one place where pixels follow a `CropTransform`."""

from __future__ import annotations

import cv2
import numpy as np

from mien.core.arrays import UInt8
from mien.core.geometry import CropTransform


def warp_crop(image: UInt8, crop: CropTransform) -> UInt8:
    """The pixels of a crop.

    Bilinear, without smoothing before shrinking: crops much smaller than the face alias, as they do in
    training. Pixels from outside the image are black.

    Args:
        image: (H, W, C) or (H, W) uint8.
        crop: maps crop px to image px.

    Returns:
        (h, w, C) or (h, w) uint8 with (w, h) = `crop.size_wh`.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(f"warp_crop: expected a uint8 image (H, W, C) or (H, W), got {image.dtype} {image.shape}")
    out = cv2.warpAffine(
        image,
        crop.image_from_crop.astype(np.float64),
        crop.size_wh,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0.0, 0.0, 0.0, 0.0),
    )
    return np.asarray(out, dtype=np.uint8)

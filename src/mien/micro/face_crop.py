"""The crop in which movement is measured: the face upright, one size, grey, as flat in light as can be."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64, UInt8

SIDE = 192
EYES_PX = 85.0
"""Distance between the outer eye corners in the crop."""
_DOWN = 0.38
"""The crop's middle lies so far below the line of the eyes, in distances between the outer eye corners."""
_ANCHORS = (60, 64, 68, 72, 51, 53, 57)
"""Landmarks that place a crop: eye corners, bridge and base of the nose."""
_ANCHOR_XY = np.array(
    [[-0.5, 0.0], [-0.186, 0.02], [0.186, 0.02], [0.5, 0.0], [0.0, 0.03], [0.0, 0.22], [0.0, 0.49]], dtype=np.float64
)


def crop_from_landmarks(landmarks_xy: npt.ArrayLike) -> Float64 | None:
    """(2, 3) crop_from_image that puts a face upright at its size; None if too few of its landmarks are known."""
    points = np.asarray(landmarks_xy, dtype=np.float64)[list(_ANCHORS)]
    known = np.isfinite(points).all(axis=1)
    if known.sum() < 4 or not known[[0, 3]].all():
        return None
    target = _ANCHOR_XY * EYES_PX + [(SIDE - 1) / 2, (SIDE - 1) / 2 - _DOWN * EYES_PX]
    return _similarity(points[known], target[known])


def _similarity(source: Float64, target: Float64) -> Float64 | None:
    """(2, 3) least-squares similarity."""
    s, t = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    s0, t0 = s.mean(), t.mean()
    power = float((np.abs(s - s0) ** 2).sum())
    if power < 1e-6:
        return None
    a = complex((np.conj(s - s0) * (t - t0)).sum() / power)
    b = t0 - a * s0
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def apply(matrix: Float64, xy: npt.ArrayLike) -> Float64:
    """(..., 2) points through a (2, 3) matrix."""
    return np.asarray(np.asarray(xy, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2])


def eyes_px(crop_from_image: Float64) -> float:
    """Distance between the outer eye corners in the image, px."""
    return EYES_PX / float(np.hypot(*crop_from_image[:, 0]))


def cut(image: UInt8, crop_from_image: Float64) -> UInt8:
    """(SIDE, SIDE) uint8 grey crop; a larger face is averaged down, not thinned out.

    Args:
        image: (H, W, 3) uint8 RGB.
        crop_from_image: (2, 3).
    """
    shrink = 1.0 / float(np.hypot(*crop_from_image[:, 0]))
    corners = _inverse_corners(crop_from_image)
    h, w = image.shape[:2]
    low = np.floor(corners.min(axis=0) - 2).astype(int).clip(0, [max(w - 1, 0), max(h - 1, 0)])
    high = np.ceil(corners.max(axis=0) + 3).astype(int).clip(low + 1, [w, h])
    part = cv2.cvtColor(np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    matrix = crop_from_image.copy()
    matrix[:, 2] = apply(crop_from_image, low.astype(np.float64))
    if shrink > 1.3:
        part = cv2.GaussianBlur(part, (0, 0), 0.45 * shrink)
    out = cv2.warpAffine(part, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.uint8)


def _inverse_corners(matrix: Float64) -> Float64:
    inverse = np.linalg.inv(matrix[:, :2])
    corners = np.array([[0.0, 0.0], [SIDE - 1, 0.0], [0.0, SIDE - 1], [SIDE - 1, SIDE - 1]])
    return np.asarray((corners - matrix[:, 2]) @ inverse.T)


def moved_back(crop_from_image: Float64, linear: Float64, shift: Float64) -> Float64:
    """The crop transform under which a head that moved (crop px, about the crop's middle) is where it was before."""
    middle = np.full(2, (SIDE - 1) / 2)
    inverse = np.linalg.inv(linear)
    out = np.empty((2, 3))
    out[:, :2] = inverse @ crop_from_image[:, :2]
    out[:, 2] = inverse @ (crop_from_image[:, 2] - middle - shift) + middle
    return out


def as_unit(crop_xy: npt.ArrayLike) -> Float64:
    """Crop px → distances between the outer eye corners about the crop's middle."""
    return np.asarray((np.asarray(crop_xy, dtype=np.float64) - (SIDE - 1) / 2) / EYES_PX)

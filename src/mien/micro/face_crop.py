"""The crop in which movement is measured: the face upright, one size, grey, as flat in light as can be."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64, UInt8

SIDE = 192
EYES_PX = 85.0
"""Distance between the outer eye corners in the crop."""
_DOWN = 0.38
"""The crop's middle lies so far below the line of the eyes, in distances between the outer eye corners."""
_ANCHORS = np.array([60, 64, 68, 72, 51, 53, 57])
"""Landmarks that place a crop: eye corners, bridge and base of the nose."""
_ANCHOR_XY = np.array(
    [[-0.5, 0.0], [-0.186, 0.02], [0.186, 0.02], [0.5, 0.0], [0.0, 0.03], [0.0, 0.22], [0.0, 0.49]], dtype=np.float64
)
_STEPS = np.array([2.0**-18, 2.0**-18, 2.0**-10])
_TARGET = _ANCHOR_XY * EYES_PX + [(SIDE - 1) / 2, (SIDE - 1) / 2 - _DOWN * EYES_PX]


def crop_from_landmarks(landmarks_xy: npt.ArrayLike) -> Float64 | None:
    """(2, 3) crop_from_image that puts a face upright at its size; None if too few of its landmarks are known."""
    points = np.asarray(landmarks_xy, dtype=np.float64)[_ANCHORS]
    known = np.isfinite(points).all(axis=1)
    if known.all():
        return _similarity(points, _TARGET)
    if known.sum() < 4 or not known[[0, 3]].all():
        return None
    return _similarity(points[known], _TARGET[known])


def _similarity(source: Float64, target: Float64) -> Float64 | None:
    """(2, 3) least-squares similarity."""
    s, t = (np.ascontiguousarray(xy).view(np.complex128)[:, 0] for xy in (source, target))
    s0, t0 = complex(s.mean()), complex(t.mean())
    s = s - s0
    power = float(np.vdot(s, s).real)
    if power < 1e-6:
        return None
    a = complex(np.vdot(s, t - t0)) / power
    b = t0 - a * s0
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def apply(matrix: Float64, xy: npt.ArrayLike) -> Float64:
    """(..., 2) points through a (2, 3) matrix."""
    return np.asarray(np.asarray(xy, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2])


def cut(image: UInt8, crop_from_image: Float64) -> UInt8:
    """(SIDE, SIDE) uint8 grey crop; a larger face is averaged down, not thinned out.

    Args:
        image: (H, W, 3) uint8 RGB.
        crop_from_image: (2, 3).
    """
    (a, c, tx), (b, d, ty) = crop_from_image.tolist()
    shrink = 1.0 / math.hypot(a, b)
    h, w = image.shape[:2]
    (left, right), (top, bottom) = (_bounds(ends, n) for ends, n in zip(_corners(crop_from_image), (w, h), strict=True))
    part = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    matrix = np.array([[a, c, tx + a * left + c * top], [b, d, ty + b * left + d * top]])
    if shrink > 1.3:
        part = cv2.GaussianBlur(part, (0, 0), 0.45 * shrink)
    out = cv2.warpAffine(part, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.uint8)


def _bounds(ends: list[float], size: int) -> tuple[int, int]:
    """First and behind the last pixel of what is cut, a little wider than its corners, at least one."""
    low = min(max(math.floor(min(ends) - 2), 0), max(size - 1, 0))
    return low, min(max(math.ceil(max(ends) + 3), low + 1), size)


def _corners(matrix: Float64) -> tuple[list[float], list[float]]:
    """x and y, in the image, of the crop's four corners."""
    (a, c, tx), (b, d, ty) = matrix.tolist()
    size = a * d - b * c
    ends = [(x - tx, y - ty) for x in (0.0, SIDE - 1.0) for y in (0.0, SIDE - 1.0)]
    return [(d * x - c * y) / size for x, y in ends], [(a * y - b * x) / size for x, y in ends]


def moved_back(crop_from_image: Float64, linear: Float64, shift: Float64) -> Float64:
    """The crop transform under which a head that moved (crop px, about the crop's middle) is where it was before."""
    middle = (SIDE - 1) / 2
    (a, c), (b, d) = linear.tolist()
    size = a * d - b * c
    inverse = np.array([[d, -c], [-b, a]]) / size
    x, y = (crop_from_image[:, 2] - shift).tolist()
    out: Float64 = np.empty((2, 3))
    out[:, :2] = inverse @ crop_from_image[:, :2]
    x, y = x - middle, y - middle
    out[:, 2] = (d * x - c * y) / size + middle, (a * y - b * x) / size + middle
    return out


def settled(crop_from_image: Float64) -> Float64:
    """The same to a thousandth of a pixel, in steps: what differs in the last digits, from one processor to the next,
    gives the same crop. Dense flow makes tenths of a pixel of one grey level in one pixel."""
    return np.asarray(np.round(crop_from_image / _STEPS) * _STEPS)


def as_unit(crop_xy: npt.ArrayLike) -> Float64:
    """Crop px → distances between the outer eye corners about the crop's middle."""
    return np.asarray((np.asarray(crop_xy, dtype=np.float64) - (SIDE - 1) / 2) / EYES_PX)

"""Where the pixel reader looks: both halves of the face, laid out alike, the right one as its mirror image.

The crop is placed by the stable points (eye corners, nose bridge) fitted to the mean face turned as the head is: what
brows, mouth and jaw do does not move it. Each half reaches a little past the middle. A mirrored picture gives the same
two halves in the other order, so that whatever reads them alike is exactly mirror-symmetric.
Used alike in training and at run time; numpy and the one function that cuts crops.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.action_units.features import placement
from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import CropTransform
from mien.runtime.warp import warp_crop

HEIGHT, HALF = 128, 64
"""Size of one half, px."""
_PAST_MIDDLE = 8
WIDTH = 2 * (HALF - _PAST_MIDDLE)
"""Width of the whole crop, px."""
PX_PER_UNIT = 66.0
"""Resolution: crop px per distance of the outer eye corners."""
_BELOW_EYES = -0.46
"""The crop's middle in units of the mean face, below the eye corners (y up)."""
_LEAST_SPREAD = 8.0
"""Grey levels: darker and flatter crops than this are not amplified further."""


def face_crop(
    xy_px: npt.ArrayLike, yaw_pitch_rad: npt.ArrayLike, reference: Float32, margin: int = 0
) -> CropTransform | None:
    """The crop of one face; None if its stable points are not known.

    Args:
        xy_px: (98, 2) image px, NaN = unknown.
        yaw_pitch_rad: (1, 2) of `features.apparent_yaw_pitch`, less the backend's offset.
        reference: (98, 3) mean face.
        margin: px more on every side.
    """
    found = placement(np.asarray(xy_px, dtype=np.float64)[None], np.asarray(yaw_pitch_rad, dtype=np.float64), reference)
    a, b = complex(found[0][0]), complex(found[1][0])
    if not (np.isfinite([a.real, a.imag, b.real, b.imag]).all() and abs(a) > 1e-3):
        return None
    middle = _middle(reference, found[2][0])
    # A crop px (u, v) stands for the place s = (u - u0) / k - i (v - v0) / k + middle; a · s + b is where it is seen.
    step = a / PX_PER_UNIT
    w, h = WIDTH + 2 * margin, HEIGHT + 2 * margin
    start = a * middle + b - step * complex((w - 1) / 2, -(h - 1) / 2)
    # x = Re z, y = -Im z with z = step · (u - i v) + start.
    matrix = [[step.real, step.imag, start.real], [-step.imag, step.real, -start.imag]]
    return CropTransform(np.array(matrix, dtype=np.float32), (w, h))


def _middle(reference: Float32, turn: Float64) -> complex:
    """Where the middle of the crop is on the turned mean face: below the bridge of the nose, as deep as the eyes."""
    ref = np.asarray(reference, dtype=np.float64)
    eyes = ref[[60, 64, 68, 72]].mean(axis=0)
    place = turn[:2] @ np.array([0.0, eyes[1] + _BELOW_EYES, eyes[2]])
    return complex(place[0], place[1])


def middle_of(reference: Float32) -> Float64:
    """(2,) where the middle of the crop is on the mean face (98, 3) seen from the front, in its units, y up."""
    place = _middle(reference, np.eye(3))
    return np.array([place.real, place.imag])


def halves(crop: UInt8) -> Float32:
    """(2, 3, HEIGHT, HALF) float32: the face's left half, mirrored, and its right half.

    Both have the middle of the face at their right edge. Colours are standardised by the grey of the whole crop.

    Args:
        crop: (HEIGHT, WIDTH, 3) uint8 RGB; the subject's right side is on the left.
    """
    if crop.shape != (HEIGHT, WIDTH, 3):
        raise ValueError(f"halves: expected a crop of {HEIGHT} x {WIDTH} px, got {crop.shape}")
    pixels = crop.astype(np.float32)
    mean = float(pixels.mean())
    spread = max(float(pixels.mean(axis=2).std()), _LEAST_SPREAD)
    pixels -= np.float32(mean)
    pixels *= np.float32(1.0 / spread)
    out: Float32 = np.empty((2, 3, HEIGHT, HALF), dtype=np.float32)
    out[0] = pixels[:, ::-1].transpose(2, 0, 1)[:, :, :HALF]
    out[1] = pixels.transpose(2, 0, 1)[:, :, :HALF]
    return out


def cut(image: UInt8, crop: CropTransform) -> UInt8:
    """(h, w, 3) uint8: the pixels of a crop, as training and run time take them (of `light.in_light` there)."""
    return warp_crop(image, crop, smooth=True)

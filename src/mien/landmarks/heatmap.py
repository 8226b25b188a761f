"""Heatmaps ↔ points, in numpy: Gaussian targets and four ways to read a point out of a map.

A map's pixel centres are whole numbers, (0, 0) is the first. Map px and crop px differ by scale and half a pixel:
(crop + 0.5) / stride = map + 0.5.

    argmax   the highest pixel (seed 001 eq. 10): up to 0.5 px off on either axis
    quarter  argmax moved 0.25 px towards the higher neighbour of either axis, as HRNet's code does
    dark     argmax moved by one Newton step on the logarithm of the smoothed map (Zhang et al. 2020, DARK, eq. 7–9):
             exact for a Gaussian; the smoothing evens out what is not one
    soft     expected position within a window around the highest pixel (local soft-argmax of the raw heights)

The height of the maximum is the score: targets have height 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32, Float64, Int64

Decoding = Literal["argmax", "quarter", "dark", "soft"]

SIGMA_PX = 1.5
"""Standard deviation of the targets in px of a 64×64 map (formats of HRNet's WFLW configuration)."""
_LOWEST = 1e-8
"""Floor of a height before its logarithm is taken."""
_FARTHEST_PX = 1.0
"""A Newton step is no longer than this along an axis; where the map is no peak it could be anything."""


def gaussian_targets(xy: npt.ArrayLike, size_wh: tuple[int, int], sigma_px: float = SIGMA_PX) -> Float32:
    """Maps with a Gaussian of height 1 at each point; computed at the true place, not at the nearest pixel.

    Args:
        xy: (..., 2) map px; a point that is NaN, or more than 3 σ outside, gives an empty map.
        size_wh: width and height of a map.
        sigma_px: standard deviation, map px.

    Returns:
        (..., H, W) float32, 0–1.
    """
    points = np.asarray(xy, np.float32)
    width, height = size_wh
    x = np.exp(-((np.arange(width, dtype=np.float32) - points[..., :1]) ** 2) / (2 * sigma_px**2))
    y = np.exp(-((np.arange(height, dtype=np.float32) - points[..., 1:]) ** 2) / (2 * sigma_px**2))
    out = y[..., :, None] * x[..., None, :]
    limit = np.array([width, height], np.float32) - 1 + 3 * sigma_px
    inside = ((points >= -3 * sigma_px) & (points <= limit)).all(axis=-1)
    return np.asarray(np.where(inside[..., None, None], out, 0), np.float32)


def decode(
    maps: AnyArray, method: Decoding = "dark", *, smooth_sigma_px: float = 1.0, window_px: int = 3
) -> tuple[Float32, Float32]:
    """Read one point out of each map.

    Args:
        maps: (..., H, W), any float type.
        method: see the module.
        smooth_sigma_px: smoothing of "dark", 0 = none. It is applied around the maximum only.
        window_px: reach of the window of "soft".

    Returns:
        xy (..., 2) float32 map px, and the height of the maximum (...) float32. A map with NaN gives NaN.
    """
    stack = np.asarray(maps).reshape(-1, *maps.shape[-2:])
    width = stack.shape[2]
    flat = stack.reshape(len(stack), -1)
    best = flat.argmax(axis=1)
    score = flat[np.arange(len(flat)), best].astype(np.float32)
    peak = np.stack([best % width, best // width], axis=1)
    xy = peak.astype(np.float64)
    if method == "quarter":
        xy += 0.25 * _uphill(stack, peak)
    elif method == "dark":
        xy += _taylor(stack, peak, smooth_sigma_px)
    elif method == "soft":
        xy = _expected(stack, peak, window_px)
    xy[~np.isfinite(score)] = np.nan
    lead = maps.shape[:-2]
    return xy.astype(np.float32).reshape(*lead, 2), score.reshape(lead)


def crop_from_map(xy: npt.ArrayLike, stride: float) -> Float32:
    """Map px → crop px."""
    return np.asarray((np.asarray(xy, np.float64) + 0.5) * stride - 0.5, np.float32)


def map_from_crop(xy: npt.ArrayLike, stride: float) -> Float32:
    """Crop px → map px."""
    return np.asarray((np.asarray(xy, np.float64) + 0.5) / stride - 0.5, np.float32)


def _windows(stack: AnyArray, peak: Int64, reach: int) -> Float64:
    """(N, 2 reach + 1, 2 reach + 1) around the peaks; the map's edge is continued outwards."""
    count, height, width = stack.shape
    steps = np.arange(-reach, reach + 1)
    near = (peak[:, :, None] + steps).clip(0, [[width - 1], [height - 1]])
    rows = near[:, 1] * width + np.arange(count)[:, None] * (height * width)
    picked = stack.reshape(-1).take(rows[:, :, None] + near[:, 0, None, :])
    return np.asarray(picked, np.float64)


def _uphill(stack: AnyArray, peak: Int64) -> Float64:
    """(N, 2) sign of the slope; 0 at the edge of the map, where there is no neighbour."""
    near = _windows(stack, peak, 1)
    slope = np.stack([near[:, 1, 2] - near[:, 1, 0], near[:, 2, 1] - near[:, 0, 1]], axis=1)
    return np.asarray(np.sign(slope) * _inner(stack, peak), np.float64)


def _inner(stack: AnyArray, peak: Int64) -> npt.NDArray[np.bool_]:
    limit = np.array([stack.shape[2], stack.shape[1]]) - 1
    return np.asarray((peak > 0) & (peak < limit))


def _taylor(stack: AnyArray, peak: Int64, sigma_px: float) -> Float64:
    """(N, 2) −H⁻¹ g of log(map) at the peak. 0 where an axis touches the edge or the map is no peak."""
    reach = int(np.ceil(2 * sigma_px)) if sigma_px > 0 else 0
    near = _windows(stack, peak, reach + 1).reshape(len(stack), -1)
    if reach:
        near = near @ _smoothing(sigma_px)
    above_left, above, above_right, left, middle, right, below_left, below, below_right = np.log(
        np.maximum(near, _LOWEST)
    ).T
    gx, gy = (right - left) / 2, (below - above) / 2
    xx = right - 2 * middle + left
    yy = below - 2 * middle + above
    xy = (below_right - above_right - below_left + above_left) / 4
    determinant = xx * yy - xy * xy
    sound = (determinant > 1e-9) & (xx < 0) & (yy < 0) & _inner(stack, peak).all(axis=1)
    safe = np.where(sound, determinant, 1.0)
    step = np.stack([xy * gy - yy * gx, xy * gx - xx * gy], axis=1) / safe[:, None]
    near_peak = np.minimum(np.maximum(step, -_FARTHEST_PX), _FARTHEST_PX)
    return np.asarray(np.where(sound[:, None], near_peak, 0.0), np.float64)


@lru_cache(maxsize=8)
def _smoothing(sigma_px: float) -> Float64:
    """((2 reach + 3)², 9): a flat window → the 3 × 3 pixels in its middle of the smoothed map, flat."""
    reach = int(np.ceil(2 * sigma_px))
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma_px**2))
    kernel /= kernel.sum()
    band = np.stack([np.r_[np.zeros(i), kernel, np.zeros(2 - i)] for i in range(3)])
    return np.asarray(np.kron(band, band).T.copy(), np.float64)


def _expected(stack: AnyArray, peak: Int64, reach: int) -> Float64:
    """(N, 2) centre of mass of what is positive in the window; pixels outside the map weigh nothing."""
    height, width = stack.shape[1:]
    steps = np.arange(-reach, reach + 1)
    rows, columns = peak[:, 1, None] + steps, peak[:, 0, None] + steps
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    mass = np.where(inside, np.maximum(_windows(stack, peak, reach), 0.0), 0.0)
    total = np.maximum(mass.sum(axis=(1, 2)), _LOWEST)
    offset = np.stack([(mass.sum(axis=1) @ steps) / total, (mass.sum(axis=2) @ steps) / total], axis=1)
    return np.asarray(peak + offset, np.float64)

"""What single points read, compiled by Numba: textures, hair strands, the depth map of a lamp, eyeballs.

Called by `shading` once per point. Vectors are in the view frame (mm), colours linear. Nothing allocates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.core.arrays import AnyArray, Float32
from mien.runtime.loops import loop


@loop(fastmath=True, boundscheck=False, nogil=True)
def texel(pictures: AnyArray, which: int, u: float, v: float) -> Any:
    """The four channels of one of (T, H, W, 4) pictures, bilinear; u wraps round, v is clamped and points up."""
    height, width = pictures.shape[1], pictures.shape[2]
    half, one = np.float32(0.5), np.float32(1.0)
    x = (u - np.floor(u)) * np.float32(width) - half
    y = min(max((one - v) * np.float32(height) - half, np.float32(0.0)), np.float32(height) - np.float32(1.01))
    left, y0 = np.int64(np.floor(x)), np.int64(y)
    fx, fy = x - np.float32(left), y - np.float32(y0)
    right = np.int64(left + 1 if left + 1 < width else 0)
    left = np.int64(left if left >= 0 else width - 1)
    wd = fx * fy
    wb, wc = fx - wd, fy - wd
    wa = one - fx - wc
    y1, t = y0 + 1, which
    # No rows are cut out here or below: a view costs more than the arithmetic.
    r = wa * pictures[t, y0, left, 0] + wb * pictures[t, y0, right, 0]
    r += wc * pictures[t, y1, left, 0] + wd * pictures[t, y1, right, 0]
    g = wa * pictures[t, y0, left, 1] + wb * pictures[t, y0, right, 1]
    g += wc * pictures[t, y1, left, 1] + wd * pictures[t, y1, right, 1]
    b = wa * pictures[t, y0, left, 2] + wb * pictures[t, y0, right, 2]
    b += wc * pictures[t, y1, left, 2] + wd * pictures[t, y1, right, 2]
    o = wa * pictures[t, y0, left, 3] + wb * pictures[t, y0, right, 3]
    o += wc * pictures[t, y1, left, 3] + wd * pictures[t, y1, right, 3]
    return r, g, b, o


@loop(fastmath=True, boundscheck=False, nogil=True)
def strand(image: Float32, u: float, v: float) -> Any:
    """The only channel, bilinear; u wraps round, v is clamped and points up."""
    height, width = image.shape
    half = np.float32(0.5)
    x = (u - np.floor(u)) * np.float32(width) - half
    y = min(max((np.float32(1.0) - v) * np.float32(height) - half, np.float32(0.0)), np.float32(height - 1.01))
    left, y0 = np.int64(np.floor(x)), np.int64(y)
    fx, fy = x - np.float32(left), y - np.float32(y0)
    right = np.int64(left + 1 if left + 1 < width else 0)
    left = np.int64(left if left >= 0 else width - 1)
    top = image[y0, left] + fx * (image[y0, right] - image[y0, left])
    low = image[y0 + 1, left] + fx * (image[y0 + 1, right] - image[y0 + 1, left])
    return top + fy * (low - top)


@loop(fastmath=True, boundscheck=False, nogil=True)
def shadow(depth: Float32, place: Float32, x: float, y: float, z: float) -> float:
    """Share of the first lamp that reaches a point: four soft comparisons with its depth map.

    `place` = (3, 4): map column, map row, nearness of a point in the view frame.
    """
    size = depth.shape[0]
    u = place[0, 0] * x + place[0, 1] * y + place[0, 2] * z + place[0, 3]
    v = place[1, 0] * x + place[1, 1] * y + place[1, 2] * z + place[1, 3]
    near = place[2, 0] * x + place[2, 1] * y + place[2, 2] * z + place[2, 3] + 5.0
    if u < 2.0 or v < 2.0 or u > size - 3.0 or v > size - 3.0:
        return 1.0
    x0, y0 = int(u), int(v)
    fx, fy = u - x0, v - y0
    # A soft comparison: no acne where the surface grazes the lamp's rays.
    a = min(1.0, max(0.0, 1.0 + (near - depth[y0, x0]) * 0.3))
    b = min(1.0, max(0.0, 1.0 + (near - depth[y0, x0 + 1]) * 0.3))
    c = min(1.0, max(0.0, 1.0 + (near - depth[y0 + 1, x0]) * 0.3))
    d = min(1.0, max(0.0, 1.0 + (near - depth[y0 + 1, x0 + 1]) * 0.3))
    return float((a * (1.0 - fx) + b * fx) * (1.0 - fy) + (c * (1.0 - fx) + d * fx) * fy)


@loop(fastmath=True, boundscheck=False, nogil=True)
def iris(eye: Float32, px: float, py: float, pz: float) -> tuple[float, float, float, float]:
    """RGB of a point of an eyeball and how far it lies under the upper lid's shade, 0–1.

    `eye` = centre, axis, up, side (3 each), cos of the blur, iris angle, pupil angle, iris RGB, fibres.
    """
    dx, dy, dz = px - eye[0], py - eye[1], pz - eye[2]
    n = 1.0 / (np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9)
    ahead = (dx * eye[3] + dy * eye[4] + dz * eye[5]) * n
    up = (dx * eye[6] + dy * eye[7] + dz * eye[8]) * n
    side = (dx * eye[9] + dy * eye[10] + dz * eye[11]) * n
    angle = np.arccos(min(1.0, max(-1.0, ahead)))
    soft, ring, hole = eye[12], eye[13], eye[14]
    white = min(1.0, max(0.0, (angle - ring) / soft + 0.5))
    open_ = min(1.0, max(0.0, (angle - hole) / soft + 0.5))
    turn = np.arctan2(up, side)
    fibre = 1.0 + 0.22 * np.sin(23.0 * turn + eye[18]) * np.sin(9.0 * turn + 2.7 * eye[18])
    depth = angle / ring
    # Light falls in from above and gathers in the lower half; the rim of the iris is dark.
    fibre *= (
        (0.75 + 0.55 * (1.0 - depth)) * (1.0 - 0.65 * max(0.0, (depth - 0.78) / 0.22)) * (1.0 - 0.25 * np.sin(turn))
    )
    away = max(0.0, angle - ring)
    red = 0.10 * min(1.0, away)
    r = white * (0.72 - 0.10 * away) + (1.0 - white) * open_ * eye[15] * fibre
    g = white * (0.68 - 0.12 * away - red) + (1.0 - white) * open_ * eye[16] * fibre
    b = white * (0.65 - 0.12 * away - red) + (1.0 - white) * open_ * eye[17] * fibre
    return r + 0.004, g + 0.004, b + 0.004, dy * n


@loop(fastmath=True, boundscheck=False, nogil=True)
def eyeball(points: Float32, p: int, eyes: Float32) -> float:
    """Colour and normal of the point that begins at `p`, on the nearer of two eyes; returns its share of the sky."""
    x, y, z = points[p], points[p + 1], points[p + 2]
    which = 0
    if abs(x - eyes[0, 0]) + abs(y - eyes[0, 1]) > abs(x - eyes[1, 0]) + abs(y - eyes[1, 1]):
        which = 1
    eye = eyes[which]
    r, g, b, up = iris(eye, x, y, z)
    points[p + 3], points[p + 4], points[p + 5] = x - eye[0], y - eye[1], z - eye[2]
    points[p + 6], points[p + 7], points[p + 8] = r, g, b
    return float(0.85 * min(1.0, max(0.35, 1.05 - 1.3 * up)))

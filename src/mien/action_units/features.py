"""What the landmark solver sees: a face turned to the front, in units of itself, beside the person's neutral.

The 98 points are fitted by a similarity (stable points only: eye corners, nose bridge) to a mean face turned as
the head is, then turned back with the mean depth of each point. What remains are identity, expression and small
errors of both. Neither position, size, roll nor, mostly, yaw and pitch matter any more.
Used alike in training and at run time; numpy only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64
from mien.core.schema import load_schema

POINTS = 98
FEATURES = 2 * 2 * POINTS + 3
"""Front view minus mean face, front view minus the person's neutral, yaw, pitch, neutral known."""
_STABLE = {60: 1.0, 64: 1.0, 68: 1.0, 72: 1.0, 51: 1.0, 52: 0.8, 53: 0.6, 54: 0.3, 57: 0.4}
_MAX_TURN_RAD = np.radians(65.0)
"""Further than this the depth of a point cannot be turned back; the view is treated as this far."""


def stable_weights() -> Float64:
    """(98,) weights of the points that hardly move with expression."""
    weights = np.zeros(POINTS)
    weights[list(_STABLE)] = list(_STABLE.values())
    return weights


_STABLE_WEIGHTS = stable_weights()


def apparent_yaw_pitch(rotation: npt.ArrayLike, translation_mm: npt.ArrayLike) -> Float64:
    """(B, 2) radians: how the head is turned relative to the ray it is seen along; in-plane roll taken out.

    Args:
        rotation: (B, 3, 3) camera_from_head.
        translation_mm: (B, 3) head origin in the camera frame; only its direction matters.
    """
    r = np.asarray(rotation, dtype=np.float64)
    ray = np.asarray(translation_mm, dtype=np.float64)
    ray = ray / np.maximum(np.sqrt((ray * ray).sum(axis=-1, keepdims=True)), 1e-9)
    # Third row of FRONTAL · view⁻¹ · rotation; the view's third axis is the ray, its others only add roll.
    row = -(ray[:, :, None] * r).sum(axis=1)
    out = np.empty((len(row), 2))
    out[:, 0] = np.arcsin(np.minimum(np.maximum(-row[:, 0], -1.0), 1.0))
    out[:, 1] = -np.arctan2(row[:, 1], row[:, 2])
    return out


def front_view(xy_px: npt.ArrayLike, yaw_pitch_rad: npt.ArrayLike, reference: npt.ArrayLike) -> Float32:
    """(B, 98, 2) float32: the points as if the head faced the camera, x to the subject's left, y up.

    The unit is that of `reference`: the mean face's distance between the outer eye corners.
    NaN points stay NaN; if a stable point is NaN, the fit uses the others.

    Args:
        xy_px: (B, 98, 2) image px.
        yaw_pitch_rad: (B, 2) of `apparent_yaw_pitch`.
        reference: (98, 3) mean face.
    """
    ref = np.asarray(reference, dtype=np.float64)
    points = np.asarray(xy_px, dtype=np.float64)
    z = points[..., 0] - 1j * points[..., 1]
    a, b, turn = placement(points, np.asarray(yaw_pitch_rad, dtype=np.float64), ref)
    placed = (z - b[:, None]) / np.where(np.abs(a) > 0, a, np.nan)[:, None]
    # What the depth of a point does to it is taken off, then the turn of the plane is undone: a 2 × 2 inverse.
    x = placed.real - turn[:, 0, 2, None] * ref[:, 2]
    y = placed.imag - turn[:, 1, 2, None] * ref[:, 2]
    (m00, m01), (m10, m11) = (turn[:, i, 0, None] for i in (0, 1)), (turn[:, i, 1, None] for i in (0, 1))
    determinant = m00 * m11 - m01 * m10
    out = np.empty((*z.shape, 2), dtype=np.float32)
    out[..., 0] = (m11 * x - m10 * y) / determinant
    out[..., 1] = (m00 * y - m01 * x) / determinant
    return out


def placement(
    xy_px: Float64, yaw_pitch_rad: Float64, reference: npt.ArrayLike
) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128], Float64]:
    """a, b (B,) and turn (B, 3, 3): a place (x, y) of the mean face turned by `turn` is seen at a · (x + iy) + b, which
    is image px x - iy. a is 0 or NaN where the stable points are not known. Arguments as of `front_view`."""
    ref = np.asarray(reference, dtype=np.float64)
    z = xy_px[..., 0] - 1j * xy_px[..., 1]
    known = np.isfinite(xy_px[..., 0]) & np.isfinite(xy_px[..., 1])
    turn = _turns(yaw_pitch_rad)
    seen = turn[:, :2] @ ref.T
    a, b = _similarity(seen[:, 0] + 1j * seen[:, 1], np.where(known, z, 0.0), np.where(known, _STABLE_WEIGHTS, 0.0))
    return a, b, turn


def _turns(yaw_pitch_rad: Float64) -> Float64:
    """(B, 3, 3) R_y(yaw) · R_x(-pitch), limited to turns that can be undone."""
    limited = np.minimum(np.maximum(yaw_pitch_rad, -_MAX_TURN_RAD), _MAX_TURN_RAD)
    (cy, cp), (sy, sp) = np.cos(limited).T, np.sin(limited).T
    out = np.zeros((len(limited), 3, 3))
    out[:, 0, 0], out[:, 0, 1], out[:, 0, 2] = cy, -sy * sp, sy * cp
    out[:, 1, 1], out[:, 1, 2] = cp, sp
    out[:, 2, 0], out[:, 2, 1], out[:, 2, 2] = -sy, -cy * sp, cy * cp
    return out


def _similarity(
    source: npt.NDArray[np.complex128], target: npt.NDArray[np.complex128], weights: Float64
) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """a, b (B,) with target ≈ a · source + b in the weighted least-squares sense; points as complex numbers."""
    used = np.flatnonzero(weights.any(axis=0))
    source, target, weights = source[:, used], target[:, used], weights[:, used]
    total = np.maximum(weights.sum(axis=1), 1e-9)
    s0 = (weights * source).sum(axis=1) / total
    t0 = (weights * target).sum(axis=1) / total
    s = source - s0[:, None]
    pull = weights * np.conj(s)
    power = np.maximum((pull * s).real.sum(axis=1), 1e-12)
    a = (pull * (target - t0[:, None])).sum(axis=1) / power
    return a, t0 - a * s0


def features(
    front: npt.ArrayLike, neutral: npt.ArrayLike | None, yaw_pitch_rad: npt.ArrayLike, reference: npt.ArrayLike
) -> Float32:
    """(B, FEATURES) float32: the network's input. NaN points are put where the neutral (or the mean face) has them.

    Args:
        front: (B, 98, 2) of `front_view`.
        neutral: (B, 98, 2) front view of the person's neutral; None = not known.
        yaw_pitch_rad: (B, 2).
        reference: (98, 3) mean face.
    """
    mean = np.asarray(reference, dtype=np.float32)[:, :2]
    view = np.asarray(front, dtype=np.float32)
    base = mean if neutral is None else np.asarray(neutral, dtype=np.float32)
    view = np.where(np.isfinite(view), view, base)
    n, width = len(view), 2 * POINTS
    out = np.empty((n, FEATURES), dtype=np.float32)
    np.subtract(view, mean, out=out[:, :width].reshape(n, POINTS, 2))
    np.subtract(view, base, out=out[:, width : 2 * width].reshape(n, POINTS, 2))
    turn = np.asarray(yaw_pitch_rad, dtype=np.float32)
    out[:, 2 * width : -1] = np.minimum(np.maximum(turn, -_MAX_TURN_RAD), _MAX_TURN_RAD)
    out[:, -1] = 0.0 if neutral is None else 1.0
    return out


def mirror_features() -> tuple[npt.NDArray[np.int64], Float32]:
    """Order and signs (FEATURES,) such that `x[order] * signs` are the features of the mirrored face."""
    points = load_schema("wflw98").mirror
    one = (points[:, None] * 2 + [0, 1]).ravel()
    order = np.concatenate([one, one + 2 * POINTS, [4 * POINTS, 4 * POINTS + 1, 4 * POINTS + 2]])
    signs = np.concatenate([np.tile([-1.0, 1.0], 2 * POINTS), [-1.0, 1.0, 1.0]])
    return order.astype(np.int64), signs.astype(np.float32)

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


def apparent_yaw_pitch(rotation: npt.ArrayLike, translation_mm: npt.ArrayLike) -> Float64:
    """(B, 2) radians: how the head is turned relative to the ray it is seen along; in-plane roll taken out.

    Args:
        rotation: (B, 3, 3) camera_from_head.
        translation_mm: (B, 3) head origin in the camera frame; only its direction matters.
    """
    r = np.asarray(rotation, dtype=np.float64)
    ray = np.asarray(translation_mm, dtype=np.float64)
    ray = ray / np.maximum(np.linalg.norm(ray, axis=-1, keepdims=True), 1e-9)
    # Third row of FRONTAL · view⁻¹ · rotation; the view's third axis is the ray, its others only add roll.
    row = -np.einsum("bk,bkj->bj", ray, r)
    yaw = np.arcsin(np.clip(-row[:, 0], -1.0, 1.0))
    pitch = -np.arctan2(row[:, 1], row[:, 2])
    return np.stack([yaw, pitch], axis=-1)


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
    flip = np.array([1.0, -1.0])
    z = points @ (flip * [1.0, 1j])
    turn = _turns(np.asarray(yaw_pitch_rad, dtype=np.float64))
    seen = ref @ turn.transpose(0, 2, 1)
    weights = np.where(np.isfinite(z), stable_weights(), 0.0)
    a, b = _similarity(seen[..., 0] + 1j * seen[..., 1], np.where(np.isfinite(z), z, 0.0), weights)
    placed = (z - b[:, None]) / np.where(np.abs(a) > 0, a, np.nan)[:, None]
    flat = np.stack([placed.real, placed.imag], axis=-1) - ref[:, 2][None, :, None] * turn[:, None, :2, 2]
    return np.asarray(flat @ np.linalg.inv(turn[:, :2, :2]).transpose(0, 2, 1), dtype=np.float32)


def _turns(yaw_pitch_rad: Float64) -> Float64:
    """(B, 3, 3) R_y(yaw) · R_x(-pitch), limited to turns that can be undone."""
    yaw, pitch = np.clip(yaw_pitch_rad, -_MAX_TURN_RAD, _MAX_TURN_RAD).T
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    zero = np.zeros_like(cy)
    rows = [cy, -sy * sp, sy * cp, zero, cp, sp, -sy, -cy * sp, cy * cp]
    return np.asarray(np.stack(rows, axis=-1).reshape(-1, 3, 3), dtype=np.float64)


def _similarity(
    source: npt.NDArray[np.complex128], target: npt.NDArray[np.complex128], weights: Float64
) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """a, b (B,) with target ≈ a · source + b in the weighted least-squares sense; points as complex numbers."""
    total = np.maximum(weights.sum(axis=1), 1e-9)
    s0 = (weights * source).sum(axis=1) / total
    t0 = (weights * target).sum(axis=1) / total
    s = source - s0[:, None]
    power = np.maximum((weights * np.abs(s) ** 2).sum(axis=1), 1e-12)
    a = (weights * np.conj(s) * (target - t0[:, None])).sum(axis=1) / power
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
    base = np.broadcast_to(mean, view.shape) if neutral is None else np.asarray(neutral, dtype=np.float32)
    view = np.where(np.isfinite(view), view, base)
    n = len(view)
    known = np.full((n, 1), 0.0 if neutral is None else 1.0, dtype=np.float32)
    turn = np.clip(np.asarray(yaw_pitch_rad, dtype=np.float32), -_MAX_TURN_RAD, _MAX_TURN_RAD)
    parts = [(view - mean).reshape(n, -1), (view - base).reshape(n, -1), turn, known]
    return np.asarray(np.concatenate(parts, axis=1), dtype=np.float32)


def mirror_features() -> tuple[npt.NDArray[np.int64], Float32]:
    """Order and signs (FEATURES,) such that `x[order] * signs` are the features of the mirrored face."""
    points = load_schema("wflw98").mirror
    one = (points[:, None] * 2 + [0, 1]).ravel()
    order = np.concatenate([one, one + 2 * POINTS, [4 * POINTS, 4 * POINTS + 1, 4 * POINTS + 2]])
    signs = np.concatenate([np.tile([-1.0, 1.0], 2 * POINTS), [-1.0, 1.0, 1.0]])
    return order.astype(np.int64), signs.astype(np.float32)

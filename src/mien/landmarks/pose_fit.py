"""The pose of a rigid face from its points in the image: damped, robust Gauss-Newton steps in NumPy.

Nothing in here lets go of the interpreter's lock: a step takes half a millisecond, but whoever gives the lock away in
the middle of a capture (OpenCV's projection and NumPy's linalg.solve do) waits 5 ms or more to get it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, isfinite, sin, sqrt
from operator import mul

import numpy as np

from mien.core.arrays import Float64
from mien.core.geometry import FRONTAL

_STEPS = 8
_ENOUGH = 1e-6
"""A step that promises to lower the cost by a smaller share ends the fit: it turns a head by about 0.01°."""
HUBER_MM = 4.0
"""Residuals larger than this, on the face, count linearly."""
_FACING = 0.2
"""Cosine between the direction out of the face and the direction away from the camera above which the face
could not be seen: such a fit is a mirror solution."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a head is: `rotation` (3, 3) float64 camera_from_head, `translation_mm` (3,) float64."""

    rotation: Float64
    translation_mm: Float64


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted pose; root mean square distances of points and projections (weighted), mm on the face and px."""

    pose: Pose
    error_mm: float
    error_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A projection and what changes it. Flat arrays hold the x of all points, then the y of all points.

    Attributes:
        flat_residual: (2 n,) projection minus point, px.
        jacobian: (6, 2 n) its derivative by a small turn about the camera's axes (3) and by the translation (3).
        robust: (n,) Huber's weight, 0–1.
        cost: weighted robust sum of squares, px²; infinite if a point lies behind the camera.
    """

    flat_residual: Float64
    jacobian: Float64
    robust: Float64
    cost: float

    @property
    def residual(self) -> Float64:
        """(n, 2) projection minus point, px."""
        return self.flat_residual.reshape(2, -1).T

    @property
    def by_pose(self) -> Float64:
        """(n, 2, 6) derivative by turn and translation."""
        return self.jacobian.reshape(6, 2, -1).transpose(2, 1, 0)

    @property
    def by_camera(self) -> Float64:
        """(n, 2, 3) derivative by the point's place in the camera frame: moving it is moving the head."""
        return self.by_pose[:, :, 3:]


def linearise(model_mm: Float64, xy: Float64, weights: Float64, camera: Float64, pose: Pose) -> Linear:
    """Project (n, 3) model points and compare them with (n, 2) image points, px."""
    n = len(xy)
    x, y, z = pose.rotation @ model_mm.T
    shift_x, shift_y, shift_z = pose.translation_mm.tolist()
    focal = float(camera[0, 0])
    depth = z + shift_z
    scale = focal / depth
    uv = np.empty((2, n))
    np.multiply(x + shift_x, scale, out=uv[0])
    np.multiply(y + shift_y, scale, out=uv[1])
    a, b = slopes = uv / depth
    turned = np.zeros((6, 2, n))
    turned[0] = slopes * -y
    turned[1] = slopes * x
    turned[0, 1] -= scale * z
    turned[1, 0] += scale * z
    turned[2, 0], turned[2, 1] = -scale * y, scale * x
    turned[3, 0] = turned[4, 1] = scale
    turned[5, 0], turned[5, 1] = -a, -b
    residual = uv - xy.T
    residual += camera[:2, 2:]
    limit_px = HUBER_MM * focal / max(shift_z, 1.0)
    away = np.sqrt(residual[0] ** 2 + residual[1] ** 2)
    most = np.maximum(away, limit_px)
    robust = limit_px / most
    # Huber: away² below the limit, 2 · limit · away − limit² above it.
    cost = float(weights @ (away * away - (most - limit_px) ** 2))
    if not isfinite(cost) or depth.min() <= 0:
        cost = float("inf")
    return Linear(residual.ravel(), turned.reshape(6, 2 * n), robust, cost)


def moved(pose: Pose, step: Float64) -> Pose:
    """The pose after a small turn (radians, about the camera's axes) and a shift (mm): a (6,) step."""
    return Pose(_turn(step[:3]) @ pose.rotation, pose.translation_mm + step[3:])


def _turn(vector: Float64) -> Float64:
    """(3, 3) rotation about an axis by its length (Rodrigues)."""
    a, b, c = (float(v) for v in vector)
    angle = sqrt(a * a + b * b + c * c)
    cross = np.array([[0.0, -c, b], [c, 0.0, -a], [-b, a, 0.0]])
    if angle < 1e-8:
        return np.asarray(np.eye(3) + cross)
    return np.asarray(np.eye(3) + sin(angle) / angle * cross + (1 - cos(angle)) / angle**2 * (cross @ cross))


def fit_pose(model_mm: Float64, xy: Float64, weights: Float64, camera: Float64, start: Pose) -> Fit | None:
    """The pose of least robust cost near a start.

    Args:
        model_mm: (n, 3) float64, head frame.
        xy: (n, 2) float64, image px, finite.
        weights: (n,) float64.
        camera: (3, 3) intrinsics with square pixels.
        start: where to begin.

    Returns:
        None if the head leaves the picture's side of the camera or looks away from it.
    """
    pose, damping = start, 1e-3
    now = linearise(model_mm, xy, weights, camera, pose)
    for _ in range(_STEPS):
        pull = weights * now.robust
        pulled = now.jacobian * np.concatenate([pull, pull])
        normal = pulled @ now.jacobian.T
        gradient = (pulled @ now.flat_residual).tolist()
        normal.ravel()[:: len(normal) + 1] += damping * (normal.diagonal() + 1e-9)
        step = _solve(normal.tolist(), [-g for g in gradient])
        if step is None:
            return None
        if -sum(map(mul, gradient, step)) < _ENOUGH * now.cost:
            break
        tried = moved(pose, np.array(step))
        then = linearise(model_mm, xy, weights, camera, tried)
        if then.cost < now.cost:
            pose, now, damping = tried, then, damping * 0.2
        else:
            damping *= 10
    depth_mm, length = float(pose.translation_mm[2]), sqrt(float(pose.translation_mm @ pose.translation_mm))
    if not isfinite(now.cost) or depth_mm <= 0:
        return None
    if float(pose.rotation[:, 2] @ pose.translation_mm) > _FACING * length:
        return None
    error_px = sqrt(float(weights @ (now.residual**2).sum(axis=1)) / float(weights.sum()))
    return Fit(pose, error_px * depth_mm / float(camera[0, 0]), error_px)


def _solve(normal: list[list[float]], right: list[float]) -> list[float] | None:
    """Solution of a small symmetric positive system (Cholesky); None if it is not positive or not finite."""
    size = len(right)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = normal[i][j] - sum(map(mul, lower[i][:j], lower[j][:j]))
            if i != j:
                lower[i][j] = rest / lower[j][j]
            elif rest > 0 and isfinite(rest):
                lower[i][i] = sqrt(rest)
            else:
                return None
    forward: list[float] = []
    for i in range(size):
        forward.append((right[i] - sum(map(mul, lower[i][:i], forward))) / lower[i][i])
    out = [0.0] * size
    for i in reversed(range(size)):
        out[i] = (forward[i] - sum(lower[k][i] * out[k] for k in range(i + 1, size))) / lower[i][i]
    return out


def frontal_pose(model_mm: Float64, xy: Float64, camera: Float64) -> Pose:
    """A frontal head of about the right size at about the right place."""
    spread_px = max(float(np.linalg.norm(np.ptp(xy, axis=0))), 1e-3)
    z = camera[0, 0] * float(np.linalg.norm(np.ptp(model_mm[:, :2], axis=0))) / spread_px
    offset = (xy.mean(axis=0) - camera[:2, 2]) * z / camera[0, 0] - (model_mm @ FRONTAL.T)[:, :2].mean(axis=0)
    return Pose(FRONTAL, np.array([*offset, z]))

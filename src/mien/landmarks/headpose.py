"""Head pose: the metric face laid onto the landmarks (perspective n-point), per face and frame.

No smoothing: the frame before only tells where to start looking.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from pydantic import Field

from mien.core.arrays import Float64
from mien.core.geometry import FRONTAL, default_camera
from mien.core.measures import HeadPose, Landmarks
from mien.core.record import Face, FrameRecord
from mien.landmarks.metric_face import load_metric_face
from mien.pipeline import stage
from mien.pipeline.stage import StageBase

_NO_DISTORTION = np.zeros(4)
_STEPS = 8
_LEAST_POINTS = 6
_LEAST_CONFIDENCE = 0.05
_HUBER_MM = 4.0
"""Residuals larger than this count linearly."""
_GOOD_MM = 3.0
"""A residual that different people's faces explain; confidence 1."""
_START_AGE_NS = 500_000_000
_FACING = 0.2
"""Cosine between the direction out of the face and the direction away from the camera above which the face
could not be seen: such a fit is a mirror solution."""


class Options(stage.Options):
    """Options of `HeadPoseStage`."""

    max_error_mm: float = Field(
        default=8.0,
        gt=3.0,
        description="root mean square distance of points and fitted face, mm on the face, above which there is no pose",
    )


@dataclass(frozen=True, slots=True)
class _Pose:
    rotation_vector: Float64  # (3,) axis times angle, camera_from_head
    translation_mm: Float64  # (3,)


class HeadPoseStage(StageBase):
    """Fills `Face.head_pose` from 17 landmarks (eye corners, nose, ears) and the default camera.

    A weighted, robust least-squares fit (Gauss-Newton with damping) of the pose, from the pose of the frame
    before or, without one, from SQPnP (Terzakis & Lourakis 2020). The weights are those of the metric face
    times the landmarks' confidence. `confidence` is 1 while the residual is at most 3 mm on the face, falls in a
    straight line to 0 at `max_error_mm`, and is multiplied by the points' mean confidence. A worse fit, fewer
    than six usable points, or a face that would look away from the camera gives NaN with confidence 0.
    The distance assumes an average face (pupils 63 mm apart) and the camera of `core.geometry.default_camera`.
    """

    reads = frozenset({"faces.landmarks"})
    writes = frozenset({"faces.head_pose"})

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._face = load_metric_face()
        self._before: dict[int, tuple[int, _Pose]] = {}

    def step(self, record: FrameRecord) -> FrameRecord:
        camera = default_camera(record.size_wh)
        faces = tuple(replace(f, head_pose=self._pose(f, camera, record.stamp.t_ns)) for f in record.faces)
        return replace(record, faces=faces)

    def feedback(self, record: FrameRecord) -> None:
        """Remember the poses as starts for the next frame."""
        now = record.stamp.t_ns
        self._before = {k: v for k, v in self._before.items() if 0 <= now - v[0] <= _START_AGE_NS}
        for face in record.faces:
            pose = face.head_pose
            if face.track_id is not None and pose is not None and pose.confidence > 0:
                vector = _rodrigues(pose.rotation.astype(np.float64)).ravel()
                self._before[face.track_id] = (now, _Pose(vector, pose.translation_mm.astype(np.float64)))

    def reset(self, track_id: int | None = None) -> None:
        if track_id is None:
            self._before.clear()
        else:
            self._before.pop(track_id, None)

    def _pose(self, face: Face, camera: Float64, now_ns: int) -> HeadPose | None:
        if face.landmarks is None or face.landmarks.schema.name != self._face.schema:
            return None
        xy, weights, used = self._points(face.landmarks)
        if used.sum() < _LEAST_POINTS:
            return no_pose()
        model = self._face.xyz_mm[used]
        best = None
        for start in self._starts(face.track_id, model, xy[used], camera, now_ns):
            fitted = _fit(model, xy[used], weights[used], camera, start)
            if fitted is not None and (best is None or fitted[1] < best[1]):
                best = fitted
            if best is not None and best[1] <= _GOOD_MM:
                break
        if best is None or not best[1] <= self._options.max_error_mm:
            return no_pose()
        pose, error_mm, error_px = best
        seen = float(face.landmarks.confidence[list(self._face.indices)].mean())
        fit = float(np.clip(1 - (error_mm - _GOOD_MM) / (self._options.max_error_mm - _GOOD_MM), 0, 1))
        rotation = _rodrigues(pose.rotation_vector).astype(np.float32)
        return HeadPose(rotation, pose.translation_mm.astype(np.float32), error_px, fit * seen)

    def _points(self, landmarks: Landmarks) -> tuple[Float64, Float64, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """Image px and weights of the metric face's points, and which of them can be used."""
        index = list(self._face.indices)
        xy = landmarks.xy[index].astype(np.float64)
        confidence = np.nan_to_num(landmarks.confidence[index].astype(np.float64))
        used = np.isfinite(xy).all(axis=1) & (confidence > _LEAST_CONFIDENCE)
        return xy, self._face.weights * confidence, used

    def _starts(self, track_id: int | None, model: Float64, xy: Float64, camera: Float64, now_ns: int) -> list[_Pose]:
        starts = []
        before = self._before.get(track_id) if track_id is not None else None
        if before is not None and 0 <= now_ns - before[0] <= _START_AGE_NS:
            starts.append(before[1])
        else:
            try:
                found, vector, translation = cv2.solvePnP(model, xy, camera, _NO_DISTORTION, flags=cv2.SOLVEPNP_SQPNP)
            except cv2.error:
                found = False
            if found and float(translation[2, 0]) > 0:
                starts.append(
                    _Pose(np.asarray(vector, np.float64).ravel(), np.asarray(translation, np.float64).ravel())
                )
        starts.append(_frontal(model, xy, camera))
        return starts


def no_pose() -> HeadPose:
    """A pose that could not be measured: NaN with confidence 0."""
    nan = float("nan")
    return HeadPose(np.full((3, 3), nan, np.float32), np.full(3, nan, np.float32), nan, 0.0)


def _rodrigues(either: Float64) -> Float64:
    """Rotation vector (3,) to matrix (3, 3), and back as (3, 1)."""
    return np.asarray(cv2.Rodrigues(either)[0], dtype=np.float64)


def _frontal(model: Float64, xy: Float64, camera: Float64) -> _Pose:
    """A frontal head of about the right size at about the right place."""
    spread_px = max(float(np.linalg.norm(np.ptp(xy, axis=0))), 1e-3)
    z = camera[0, 0] * float(np.linalg.norm(np.ptp(model[:, :2], axis=0))) / spread_px
    offset = (xy.mean(axis=0) - camera[:2, 2]) * z / camera[0, 0] - (model @ FRONTAL.T)[:, :2].mean(axis=0)
    return _Pose(_rodrigues(FRONTAL).ravel(), np.array([*offset, z]))


def _fit(
    model: Float64, xy: Float64, weights: Float64, camera: Float64, start: _Pose
) -> tuple[_Pose, float, float] | None:
    """Damped Gauss-Newton from a start. Pose, error in mm on the face, error in px; None if it leaves the picture's
    side of the camera or looks away from it."""
    x = np.concatenate([start.rotation_vector, start.translation_mm])
    damping = 1e-3
    cost, residual, jacobian, huber = _linearised(model, xy, weights, camera, x)
    for _ in range(_STEPS):
        normal = jacobian.T @ (jacobian * huber[:, None])
        gradient = jacobian.T @ (residual * huber)
        delta = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), -gradient)
        moved = np.asarray(x + delta, dtype=np.float64)
        tried = _linearised(model, xy, weights, camera, moved)
        if tried[0] < cost:
            small = cost - tried[0] < 1e-7 * cost
            x, damping = moved, damping * 0.2
            cost, residual, jacobian, huber = tried
            if small:
                break
        else:
            damping *= 10
    if not (np.isfinite(x).all() and x[5] > 0):
        return None
    rotation = _rodrigues(x[:3])
    if float(rotation[:, 2] @ x[3:]) > _FACING * float(np.linalg.norm(x[3:])):
        return None
    share = np.repeat(weights, 2) / (2 * weights.sum())
    error_px = float(np.sqrt(2 * (share * residual**2).sum()))
    return _Pose(x[:3], x[3:]), error_px * float(x[5]) / float(camera[0, 0]), error_px


def _linearised(
    model: Float64, xy: Float64, weights: Float64, camera: Float64, x: Float64
) -> tuple[float, Float64, Float64, Float64]:
    """Robust cost, residuals (2n,) px, their derivative by the pose (2n, 6), and weight times robust weight (2n,)."""
    projected, derivative = cv2.projectPoints(model, x[:3], x[3:], camera, _NO_DISTORTION)
    jacobian = np.asarray(derivative[:, :6], dtype=np.float64)
    residual = (np.asarray(projected, np.float64).reshape(-1, 2) - xy).ravel()
    limit_px = _HUBER_MM * float(camera[0, 0]) / max(float(x[5]), 1.0)
    away = np.repeat(np.hypot(residual[::2], residual[1::2]), 2)
    robust = np.minimum(1.0, limit_px / np.maximum(away, 1e-9))
    w = np.repeat(weights, 2)
    cost = float((w * np.where(robust < 1, 2 * limit_px * away - limit_px**2, away**2)).sum())
    if not np.isfinite(cost) or x[5] <= 0:
        cost = float("inf")
    return cost, residual, jacobian, w * robust

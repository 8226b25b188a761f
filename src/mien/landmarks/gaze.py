"""Gaze: where the pupil stands on an eyeball of 12 mm whose place the head pose gives.

One direction per eye, relative to the head. No smoothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import asin, atan2, hypot, sqrt
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from mien.core.arrays import Float64
from mien.core.geometry import default_camera
from mien.core.measures import Gaze, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.landmarks.metric_face import load_metric_face
from mien.pipeline import stage
from mien.pipeline.stage import StageBase

Side = Literal["left", "right"]
_SIDES: tuple[Side, Side] = ("left", "right")
_HIDDEN = 0.25
"""Pupil confidence below which the eye counts as hidden by the face itself (a yaw of about 80°)."""
_RIM = 1.25
"""A pupil this far off the eyeball's middle, in radii, is still taken as looking along the rim; beyond, nothing is."""
_LIMIT_DEG = (60.0, 50.0)


class Options(stage.Options):
    """Options of `GazeStage`."""

    closed_mm: float = Field(
        default=3.0,
        ge=0,
        description="mean distance of the lid edges, on the face, below which the eye counts as closed",
    )
    open_mm: float = Field(default=5.0, gt=0, description="distance of the lid edges from which confidence is full")


class GazeStage(StageBase):
    """Fills `Face.gaze` from the pupils, the eye corners and the head pose.

    The eyeball's centre is placed by the head pose and then moved in the image by as much as the two eye
    corners lie beside their projections, so that errors of the pose cancel. The ray through the pupil meets the
    eyeball; the direction from the centre to that place, in the head frame, is the gaze. Straight ahead is
    the mean of portraits that look into the camera; a person's own offset (the angle kappa, about 5°) is not known.

    NaN with confidence 0: no head pose, pupil or corner unknown, lids closer than `closed_mm`, eye hidden by
    the turned face, or a direction that no eye can take. Confidence: pupil's confidence × pose's × openness.
    """

    reads = frozenset({"faces.landmarks", "faces.head_pose"})
    writes = frozenset({"faces.gaze"})

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._face = load_metric_face()
        self._model = {side: self._eye_model(side) for side in _SIDES}

    def _eye_model(self, side: Side) -> tuple[Float64, Float64]:
        """(2, 3) outer and inner corner and (3,) centre of an eye, mm, head frame."""
        corners = np.array([self._face.point_mm(f"{side}_eye_{end}") for end in ("outer", "inner")])
        return corners, self._face.left_eye_mm * [1 if side == "left" else -1, 1, 1]

    def step(self, record: FrameRecord) -> FrameRecord:
        camera = default_camera(record.size_wh)
        return replace(record, faces=tuple(replace(f, gaze=self._gaze(f, camera)) for f in record.faces))

    def _gaze(self, face: Face, camera: Float64) -> Gaze | None:
        landmarks, pose = face.landmarks, face.head_pose
        if landmarks is None or pose is None or landmarks.schema.name != self._face.schema:
            return None
        left, left_confidence = self._eye("left", landmarks, pose, camera)
        right, right_confidence = self._eye("right", landmarks, pose, camera)
        confidence = np.array([left_confidence, right_confidence], np.float32)
        return Gaze(left.astype(np.float32), right.astype(np.float32), confidence)

    def _eye(self, side: Side, landmarks: Landmarks, pose: HeadPose, camera: Float64) -> tuple[Float64, float]:
        unknown = np.full(2, np.nan), 0.0
        at = _eye_points(side)
        seen = float(landmarks.confidence[at.pupil])
        if not (pose.confidence > 0 and seen >= _HIDDEN and np.isfinite(landmarks.xy[at.pupil_and_corners]).all()):
            return unknown
        rotation, origin = pose.rotation.astype(np.float64), pose.translation_mm.astype(np.float64)
        opening = lid_opening_mm(side, landmarks, pose, camera)
        if not opening >= self._options.closed_mm:
            return unknown
        pupil, *corners = landmarks.xy[at.pupil_and_corners].astype(np.float64)
        model, centre_mm = self._model[side]
        x, y = (pupil - (corners - _project(model @ rotation.T + origin, camera)).mean(axis=0)).tolist()
        focal = float(camera[0, 0])
        ray = np.array([(x - float(camera[0, 2])) / focal, (y - float(camera[1, 2])) / focal, 1.0])
        direction = _on_sphere(ray, rotation @ centre_mm + origin, self._face.eye_radius_mm)
        if direction is None:
            return unknown
        x, y, z = (rotation.T @ direction).tolist()
        angles = np.degrees([atan2(x, z), asin(min(max(y, -1.0), 1.0))])
        if not (np.abs(angles) <= _LIMIT_DEG).all():
            return unknown
        span = max(self._options.open_mm - self._options.closed_mm, 1e-6)
        openness = 0.3 + 0.7 * min(max((opening - self._options.closed_mm) / span, 0.0), 1.0)
        return angles, seen * pose.confidence * openness


class _EyePoints(NamedTuple):
    """Indices into schema "wflw98" of an eye: pupil; pupil, outer and inner corner; lids, one above the other."""

    pupil: int
    pupil_and_corners: list[int]
    upper: list[int]
    lower: list[int]


@cache
def _eye_points(side: Side) -> _EyePoints:
    index = load_schema("wflw98").index
    pupil = index(f"{side}_pupil")
    upper, lower = (
        [index(f"{side}_eye_{lid}_{part}") for part in ("outer", "mid", "inner")] for lid in ("upper", "lower")
    )
    return _EyePoints(pupil, [pupil, index(f"{side}_eye_outer"), index(f"{side}_eye_inner")], upper, lower)


def lid_opening_mm(side: Side, landmarks: Landmarks, pose: HeadPose, camera: Float64) -> float:
    """Mean distance of the three pairs of lid points, scaled to the face by the head's distance; NaN if unknown."""
    at = _eye_points(side)
    gaps = [hypot(x, y) for x, y in (landmarks.xy[at.upper] - landmarks.xy[at.lower]).tolist()]
    return sum(gaps) / len(gaps) * float(pose.translation_mm[2]) / float(camera[0, 0])


def _project(points_mm: Float64, camera: Float64) -> Float64:
    image = points_mm @ camera.T
    return image[:, :2] / image[:, 2:]


def _on_sphere(ray: Float64, centre: Float64, radius: float) -> Float64 | None:
    """Unit vector from the centre of a sphere to the near place where a ray from the camera meets it.

    A ray that passes the sphere by less than `_RIM` radii gives the rim; one farther away gives None.
    """
    ray = ray / sqrt(float(ray @ ray))
    along = float(ray @ centre)
    nearest = ray * along - centre
    miss = sqrt(float(nearest @ nearest))
    if miss > _RIM * radius:
        return None
    if miss >= radius:
        return np.asarray(nearest / miss)
    return np.asarray((nearest - ray * sqrt(radius**2 - miss**2)) / radius)

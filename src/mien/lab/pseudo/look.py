"""What a teacher says about a face, whoever it is; and what follows from its points. No network is named here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.options import Options as SolverOptions
from mien.core.arrays import Float32, UInt8
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.lab.datasets.face_truth import FaceTruth
from mien.lab.pseudo.views import View
from mien.lab.rigs.landmarks import five_points
from mien.landmarks.gaze import GazeStage
from mien.landmarks.headpose import HeadPoseStage
from mien.pipeline.stage import Stage

OUTER_EYE_CORNERS = (60, 72)
_SEEN = 0.5
_PORTRAIT_MM, _EYE_CORNERS_MM = 1200.0, 89.0
"""Crops carry no camera: the head is taken as seen from here, in the middle of the picture, with its outer eye corners
so far apart (`metric_face.toml`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the teacher says about one face. px of the picture it was given.

    Attributes:
        xy: (98, 2) float32: median over the views, schema "wflw98".
        spread_px: (98,) float32: mean distance of the views' answers from it.
        visible: (98,) float32, 0–1: presence × visibility rule of the stage.
        presence: (V,) float32: "a face is here" of each view.
        detector_gap: mean distance of the detector's eyes, nose and mouth from the landmarks, in eye distances;
            NaN where no detection was found.
        truth: everything as labels: spread, visibility, five points, pose, gaze, shapes.
    """

    xy: Float32
    spread_px: Float32
    visible: Float32
    presence: Float32
    detector_gap: float
    truth: FaceTruth

    @property
    def eye_distance_px(self) -> float:
        """Distance of the outer eye corners."""
        return float(np.linalg.norm(self.xy[OUTER_EYE_CORNERS[0]] - self.xy[OUTER_EYE_CORNERS[1]]))

    @property
    def spread(self) -> Float32:
        """(98,) spread as a share of the distance of the outer eye corners."""
        return np.asarray(self.spread_px / max(self.eye_distance_px, 1e-6), dtype=np.float32)

    @property
    def box_xyxy(self) -> Float32:
        """(4,) bounding box of the points."""
        return np.concatenate([self.xy.min(axis=0), self.xy.max(axis=0)])


class AnyTeacher(Protocol):
    """Whoever labels faces of single pictures.

    Attributes:
        finds_faces: False = it has no detector: only pictures whose faces' boxes are known can be labelled.
    """

    finds_faces: bool

    @property
    def description(self) -> Mapping[str, Any]:
        """Who it is, as plain data for the manifest: labels of two teachers are not mixed in a folder."""

    def boxes(self, image: UInt8) -> list[Float32]:
        """(4,) boxes of every face it finds, most confident first.

        Raises:
            RequestError: it has no detector.
        """

    def label(self, image: UInt8, box_xyxy: Float32) -> Look | None:
        """The face in a box; None if there is none."""

    def close(self) -> None:
        """Release the networks."""


class Inferred:
    """What follows from points: pose, gaze and shapes, by Mien's own stages."""

    def __init__(self, solver: str) -> None:
        """
        Args:
            solver: model of the landmark solver; it must be the one fitted to the network that found the points.
        """
        self._solver = solver

    @cached_property
    def _solvers(self) -> tuple[Stage, ...]:
        return HeadPoseStage(), GazeStage(), LandmarkSolver(SolverOptions(model=self._solver, learn_neutral=False))

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of the solver's networks."""
        return self._solvers[-1].models

    def close(self) -> None:
        """Release the solver."""
        for stage in self._solvers:
            stage.close()

    def truth(self, xy: Float32, spread_px: Float32, visible: Float32) -> FaceTruth:
        """Pose, gaze and shapes of the points, seen by a portrait's camera that looks at the middle of the face."""
        eyes = float(np.linalg.norm(xy[OUTER_EYE_CORNERS[0]] - xy[OUTER_EYE_CORNERS[1]]))
        side = max(round(_PORTRAIT_MM / _EYE_CORNERS_MM * max(eyes, 1.0)), 2)
        centred = (xy - xy.mean(axis=0) + (side - 1) / 2).astype(np.float32)
        face = Face(Box(np.concatenate([centred.min(axis=0), centred.max(axis=0)]), 1.0))
        face = replace(face, landmarks=Landmarks(centred, visible, load_schema("wflw98")))
        record = FrameRecord(Stamp("picture", 0, 0), (side, side), None, (face,))
        for stage in self._solvers:
            record = stage.step(record)
        face = record.faces[0]
        pose, gaze, shapes = face.head_pose, face.gaze, face.blendshapes
        looks = None if gaze is None else np.stack([gaze.left_yaw_pitch_deg, gaze.right_yaw_pitch_deg])
        return FaceTruth(
            landmarks_visible=visible,
            landmark_spread_px=spread_px,
            five_xy=five_points(xy),
            five_visible=(five_points(visible[:, None])[:, 0] >= _SEEN).astype(np.float32),
            pose_ypr_deg=None if pose is None else pose.yaw_pitch_roll_deg,
            gaze_deg=looks,
            gaze_visible=None if looks is None else np.isfinite(looks).all(axis=1).astype(np.float32),
            blendshapes=None if shapes is None else shapes.values,
            action_units=None if face.action_units is None else face.action_units.values,
        )


def described(views: tuple[View, ...]) -> list[dict[str, Any]]:
    """Views as plain data."""
    return [asdict(v) | {"shift": list(v.shift)} for v in views]

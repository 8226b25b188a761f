"""MediaPipe's networks as the teacher, asked many times about the same face.

The points are the median of the answers to all views; how far the answers lie from it is each point's uncertainty.
Nothing is decided here: `verdict` says which faces are believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import CropTransform, iou
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.regions import region_of_detection, region_of_landmarks
from mien.core.schema import load_schema
from mien.detect.mediapipe import MediaPipeDetector
from mien.lab.pseudo.look import OUTER_EYE_CORNERS, Inferred, Look, described
from mien.lab.pseudo.models import model_hashes
from mien.lab.pseudo.views import VIEWS, looked_at, points_back
from mien.landmarks.mediapipe import MediaPipeLandmarks
from mien.landmarks.mesh_points import points_from_mesh
from mien.landmarks.visibility import visibility

_NET_PX = 192
_LEAST_PX, _MOST_PX = 192, 320
"""A region is shown to the networks at about this size: smaller ones are enlarged, larger ones reduced by averaging."""
_SAME_FACE_IOU = 0.3
_MARKS = {"right_eye": range(60, 68), "left_eye": range(68, 76), "nose_tip": (54,), "mouth_centre": (90, 94)}
"""Key points of the detector and the landmarks whose mean they are compared with."""


class Teacher:
    """See `look.AnyTeacher`. Close it after use."""

    finds_faces = True

    def __init__(self) -> None:
        self._detector = MediaPipeDetector()
        self._network = MediaPipeLandmarks()
        self._schema = load_schema("wflw98")
        self._inferred = Inferred("landmark-solver-mediapipe")

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of the networks, solver included (its id holds the hash of its weights)."""
        return (*self._detector.models, *self._network.models, *self._inferred.models)

    @property
    def description(self) -> Mapping[str, Any]:
        """See `AnyTeacher`."""
        return {"models": list(self.models), "sha256": dict(model_hashes()), "views": described(VIEWS)}

    def close(self) -> None:
        """Release the networks."""
        self._detector.close()
        self._network.close()
        self._inferred.close()

    def boxes(self, image: UInt8) -> list[Float32]:
        """(4,) boxes of every face the detector finds, most confident first."""
        return [f.box.xyxy for f in self._detected(image)]

    def label(self, image: UInt8, box_xyxy: Float32) -> Look | None:
        """Label the face in a box.

        Args:
            image: (H, W, 3) uint8 RGB.
            box_xyxy: (4,) px where a face is; the detector's own finding there is preferred.

        Returns:
            None if the network sees nothing at all there.
        """
        scale = _working_scale(box_xyxy)
        work = image if scale == 1.0 else _resized(image, scale)
        box = ((np.asarray(box_xyxy, dtype=np.float64) + 0.5) * scale - 0.5).astype(np.float32)
        found = next((f for f in self._detected(work) if iou(f.box.xyxy, box) > _SAME_FACE_IOU), None)
        start = region_of_detection(found.box if found else Box(box, 1.0), found.keypoints if found else None, _NET_PX)
        region = self._refined(work, start)
        if region is None:
            return None
        answers, presence, meshes = self._answers(work, region)
        xy = np.median(answers, axis=0).astype(np.float32)
        spread = np.linalg.norm(answers - xy, axis=2).mean(axis=0)
        seen = visibility(meshes[0], xy, (work.shape[1], work.shape[0])) * np.median(presence)
        gap = float("nan") if found is None or found.keypoints is None else _gap(found.keypoints, xy)
        back = ((xy + 0.5) / scale - 0.5).astype(np.float32)
        spread_px = (spread / scale).astype(np.float32)
        visible = np.clip(seen, 0, 1).astype(np.float32)
        return Look(back, spread_px, visible, presence, gap, self._inferred.truth(back, spread_px, visible))

    def _detected(self, image: UInt8) -> tuple[Face, ...]:
        return self._detector.step(FrameRecord(Stamp("picture", 0, 0), (image.shape[1], image.shape[0]), image)).faces

    def _refined(self, image: UInt8, region: CropTransform) -> CropTransform | None:
        """The region of the points that are found in a first region."""
        mesh = self._network.mesh(image, region)
        xy = points_from_mesh() @ mesh.xyz[:, :2]
        return region_of_landmarks(Landmarks(xy, np.ones(len(xy), np.float32), self._schema), _NET_PX)

    def _answers(self, image: UInt8, region: CropTransform) -> tuple[Float32, Float32, list[Float32]]:
        """(V, 98, 2) points, (V,) presence and the meshes of all views."""
        answers, presence, meshes = [], [], []
        for view in VIEWS:
            mesh = self._network.mesh(*looked_at(image, region, view))
            xy = points_from_mesh() @ mesh.xyz[:, :2]
            answers.append(points_back(xy, view, image.shape[1], tuple(self._schema.mirror)))
            presence.append(mesh.presence)
            meshes.append(mesh.xyz)
        return np.array(answers, dtype=np.float32), np.array(presence, dtype=np.float32), meshes


def _working_scale(box_xyxy: Float32) -> float:
    side = float(max(box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1], 1.0)) * 1.5
    if side > _MOST_PX:
        return _MOST_PX / side
    return float(np.ceil(_LEAST_PX / side)) if side < _LEAST_PX else 1.0


def _resized(image: UInt8, scale: float) -> UInt8:
    h, w = image.shape[:2]
    size = max(round(w * scale), 1), max(round(h * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), dtype=np.uint8)


def _gap(keypoints: Landmarks, xy: Float32) -> float:
    unit = max(float(np.linalg.norm(xy[OUTER_EYE_CORNERS[0]] - xy[OUTER_EYE_CORNERS[1]])), 1e-6)
    marks: Float64 = np.array([xy[list(which)].mean(axis=0) for which in _MARKS.values()], dtype=np.float64)
    given = np.array([keypoints[name] for name in _MARKS], dtype=np.float64)
    return float(np.linalg.norm(marks - given, axis=1).mean()) / unit

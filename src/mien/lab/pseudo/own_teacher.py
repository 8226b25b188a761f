"""A landmark network of Mien's own as the teacher: self-training on real pictures, and labels for smaller networks.

MediaPipe's mesh is sure of frontal faces only and stays on the head where people mark the visible outline. A network
that also learnt from drawn faces answers for the others; it is believed where its views agree, like any teacher.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Box
from mien.core.regions import tight_region_of_detection, tight_region_of_landmarks
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.pseudo.look import Inferred, Look, described
from mien.lab.pseudo.views import View, looked_at, points_back
from mien.landmarks.hrnet98 import HeatmapLandmarks, Options

VIEWS = (
    View("as found"),
    View("mirrored", mirrored=True),
    View("wider", scale=1.15),
    View("turned -12°, mirrored, darker", turn_deg=-12.0, gamma=1.5, mirrored=True),
)
LOOKS = 2
"""Looks that find the region before the views are asked."""


class OwnTeacher:
    """See `look.AnyTeacher`. It is told where faces are: it has no detector."""

    finds_faces = False

    def __init__(self, model: str) -> None:
        """
        Args:
            model: name of a shipped heatmap network, or its folder with model.onnx and card.json.

        Raises:
            ModelError: it cannot be read or is no heatmap network.
        """
        self._stage = HeatmapLandmarks(Options(model=model))
        self._mirror = tuple(load_schema("wflw98").mirror.tolist())
        self._inferred = Inferred("landmark-solver")

    @property
    def description(self) -> Mapping[str, Any]:
        """See `AnyTeacher`."""
        return {
            "models": [*self._stage.models, *self._inferred.models],
            "sha256": self._stage.card.sha256,
            "views": described(VIEWS),
        }

    def boxes(self, image: UInt8) -> list[Float32]:
        """Not offered.

        Raises:
            RequestError: always: sources without boxes are for a teacher with a detector.
        """
        raise RequestError("a landmark network finds no faces: label sources without boxes with MediaPipe")

    def label(self, image: UInt8, box_xyxy: Float32) -> Look | None:
        """Label the face in a box; presence is the mean height of the heatmaps' maxima, 0–1.

        Returns:
            None if the points found are none of a face.
        """
        region = tight_region_of_detection(Box(box_xyxy, 1.0), None, self._stage.size_px)
        for _ in range(LOOKS):
            found = self._stage.look(image, [region])[0]
            better = tight_region_of_landmarks(found.landmarks, self._stage.size_px)
            if better is None:
                return None
            region = better
        answers, presence, seen = self._views(image, region)
        xy = np.median(answers, axis=0).astype(np.float32)
        spread = np.linalg.norm(answers - xy, axis=2).mean(axis=0).astype(np.float32)
        return Look(xy, spread, seen, presence, float("nan"), self._inferred.truth(xy, spread, seen))

    def close(self) -> None:
        """See `AnyTeacher`."""
        self._stage.close()
        self._inferred.close()

    def _views(self, image: UInt8, region: CropTransform) -> tuple[Float32, Float32, Float32]:
        """(V, 98, 2) points in px of the picture, (V,) presence, (98,) confidence of the first view."""
        answers, presence, seen = [], [], []
        for view in VIEWS:
            picture, place = looked_at(image, region, view)
            look = self._stage.look(picture, [place])[0]
            answers.append(points_back(look.landmarks.xy, view, image.shape[1], self._mirror))
            presence.append(look.presence)
            seen.append(look.landmarks.confidence)
        return np.array(answers, np.float32), np.array(presence, np.float32), np.array(seen[0], np.float32)

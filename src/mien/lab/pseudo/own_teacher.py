"""A landmark network of Mien's own as the teacher: self-training on real pictures, and labels for smaller networks.

MediaPipe's mesh is sure of frontal faces only and stays on the head where people mark the visible outline. A network
that also learnt from drawn faces answers for the others; it is believed where its views agree, like any teacher.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Box
from mien.core.regions import tight_region_of_detection
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.evaluate.landmark_checkpoint import load_checkpoint, region_of_points
from mien.lab.models.answers import LandmarkMaps
from mien.lab.models.regressor import Regressor
from mien.lab.pseudo.teacher import Inferred, Look, described
from mien.lab.pseudo.views import View, looked_at, points_back
from mien.lab.train.landmark_task import normalised, read_points
from mien.runtime.warp import warp_crop

VIEWS = (
    View("as found"),
    View("mirrored", mirrored=True),
    View("wider", scale=1.15),
    View("turned +12°", turn_deg=12.0),
    View("mirrored, turned -12°", turn_deg=-12.0, mirrored=True),
    View("darker, mirrored, wider", gamma=1.7, scale=1.1, mirrored=True),
)
LOOKS = 2
"""Looks that find the region before the views are asked."""


class OwnTeacher:
    """See `teacher.AnyTeacher`. It is told where faces are: it has no detector."""

    def __init__(self, checkpoint: Path) -> None:
        """
        Args:
            checkpoint: `best.pt` of a heatmap network of `lab.train.landmarks`.

        Raises:
            ModelError: it cannot be read or holds no landmark network.
            RequestError: it holds a direct regressor, whose answers say nothing of presence.
        """
        self._net, self._spec = load_checkpoint(checkpoint)
        if isinstance(self._net, Regressor):
            raise RequestError(f"{checkpoint}: a teacher must be a heatmap network")
        self._name = f"{type(self._net).__name__}-{self._spec.input_px}"
        self._hash = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        self._mirror = tuple(load_schema("wflw98").mirror.tolist())
        self._inferred = Inferred()

    @property
    def description(self) -> Mapping[str, Any]:
        """See `AnyTeacher`."""
        return {"models": [self._name, *self._inferred.models], "sha256": self._hash, "views": described(VIEWS)}

    def boxes(self, image: UInt8) -> list[Float32]:
        """None: sources without boxes are for a teacher with a detector."""
        return []

    def label(self, image: UInt8, box_xyxy: Float32) -> Look | None:
        """Label the face in a box; presence is the mean height of the heatmaps' maxima, 0–1."""
        region = tight_region_of_detection(Box(box_xyxy, 1.0), None, self._spec.input_px)
        for _ in range(LOOKS):
            points, _, _ = self._answer(image, region, VIEWS[:1])
            region = region_of_points(points[0], self._spec.input_px, True)
        answers, presence, seen = self._answer(image, region, VIEWS)
        xy = np.median(answers, axis=0).astype(np.float32)
        spread = np.linalg.norm(answers - xy, axis=2).mean(axis=0).astype(np.float32)
        return Look(xy, spread, seen, presence, float("nan"), self._inferred.truth(xy, spread, seen))

    def close(self) -> None:
        """See `AnyTeacher`."""
        self._inferred.close()

    def _answer(self, image: UInt8, region: CropTransform, views: tuple[View, ...]) -> tuple[Float32, Float32, Float32]:
        """(V, 98, 2) points in px of the picture, (V,) presence, (98,) visibility of the first view."""
        shown = [looked_at(image, region, view) for view in views]
        crops = np.stack([warp_crop(picture, place, smooth=True) for picture, place in shown])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            answer: LandmarkMaps = self._net(normalised(torch.from_numpy(crops)))
        heights = answer.maps[-1].float().amax(dim=(2, 3)).clamp(0, 1)
        xy = read_points(answer, self._spec)
        back = [
            points_back(place.to_image(points), view, image.shape[1], self._mirror)
            for points, (_, place), view in zip(xy, shown, views, strict=True)
        ]
        logits = answer.visible_logits
        seen = heights[0] if logits is None else torch.sigmoid(logits[0].float())
        return np.stack(back).astype(np.float32), heights.mean(dim=1).numpy(), seen.numpy().astype(np.float32)

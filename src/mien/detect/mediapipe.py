"""Face detection with the two detectors of MediaPipe's wheel (BlazeFace short range and full range).

Runs the detector alone, on every frame it is given; following faces is `detect.track`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from mien.core.geometry import iou
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord
from mien.core.regions import roll_of_eyes_deg
from mien.core.schema import load_schema
from mien.pipeline import stage
from mien.runtime.mediapipe_graph import VERSION, ImageGraph, detections

_GRAPH = """
input_stream: "image"
output_stream: "detections"
node {{ calculator: "{calculator}" input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections" }}
"""
_CALCULATORS = {"short": "FaceDetectionShortRangeCpu", "full": "FaceDetectionFullRangeCpu"}
_TILT_DEG = 50.0
_TILTED_MIN_CONFIDENCE = 0.75
"""The networks learnt from nearly upright faces: of a weak finding that lies on its side nothing is believed
(a pink cloud with 0.60 fooled even the landmark network)."""
_SAME_FACE_IOU = 0.3
_SAME_FACE_INSIDE = 0.6


class Options(stage.Options):
    """Options of `MediaPipeDetector`."""

    model: Literal["short", "full", "both"] = Field(
        default="both",
        description="short: faces larger than a fifth of the picture. full: faces down to a twentieth, but not "
        "those that fill the picture. both: run both and merge.",
    )
    min_confidence: float = Field(
        default=0.5,
        ge=0.5,
        le=1.0,
        description="detections below this are dropped; the networks themselves give none below 0.5",
    )
    max_faces: int = Field(default=64, ge=1, description="at most this many faces, the most confident first")


class MediaPipeDetector:
    """Finds faces in single frames.

    Writes `record.faces`: box and six key points (schema "mediapipe6") of every face, most confident first; no
    track id and no crop. Source: Bazarevsky et al. 2019, "BlazeFace".

    Share found of 171 faces in 50 WIDER images with model "both" (IoU > 0.35), by face size (root of the area over
    the picture's longer side): to 0.04 0.02, to 0.08 0.43, to 0.16 0.75, larger 1.0. Five false findings; the
    landmark network rejects them all.
    """

    reads = frozenset({"image"})
    writes = frozenset({"faces", "faces.keypoints"})

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        names = ("short", "full") if self._options.model == "both" else (self._options.model,)
        self._graphs = {n: ImageGraph(_GRAPH.format(calculator=_CALCULATORS[n]), ("detections",)) for n in names}

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(f"mediapipe-{VERSION}/face_detection_{name}_range" for name in self._graphs)

    def step(self, record: FrameRecord) -> FrameRecord:
        if record.image is None:
            return record
        if min(record.size_wh) < 2:
            return replace(record, faces=())
        image = np.ascontiguousarray(record.image)
        found = [
            _face(message, record.size_wh)
            for graph in self._graphs.values()
            for message in detections(graph.run(image)["detections"])
        ]
        faces = _without_repeats([f for f in found if f.box.confidence >= self._needed(f)])
        return replace(record, faces=tuple(faces[: self._options.max_faces]))

    def _needed(self, face: Face) -> float:
        """The confidence that a finding needs to be believed."""
        least = self._options.min_confidence
        if face.keypoints is None:
            return least
        roll = roll_of_eyes_deg(face.keypoints["right_eye"], face.keypoints["left_eye"])
        return least if abs(roll) <= _TILT_DEG else max(least, _TILTED_MIN_CONFIDENCE)

    def feedback(self, record: FrameRecord) -> None:
        return None

    def reset(self, track_id: int | None = None) -> None:
        return None

    def close(self) -> None:
        for graph in self._graphs.values():
            graph.close()


def _face(message: Any, size_wh: tuple[int, int]) -> Face:
    """A detection message in image px: the engine's 0–1 spans the outer edges of the picture."""
    where = message.location_data.relative_bounding_box
    scale = np.array(size_wh, dtype=np.float64)
    corner = np.array([where.xmin, where.ymin]) * scale - 0.5
    span = np.maximum(np.array([where.width, where.height]) * scale, 0.0)
    score = float(message.score[0])
    xy = np.array([(p.x, p.y) for p in message.location_data.relative_keypoints]) * scale - 0.5
    schema = load_schema("mediapipe6")
    points = Landmarks(xy, np.full(len(schema), score), schema)
    return Face(Box(np.concatenate([corner, corner + span]).astype(np.float32), score), keypoints=points)


def _without_repeats(faces: list[Face]) -> list[Face]:
    """Of faces found twice (two networks), keep the more confident; sorted by confidence."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.box.confidence):
        if not any(_same(face.box, other.box) for other in kept):
            kept.append(face)
    return kept


def _same(a: Box, b: Box) -> bool:
    """True if the boxes overlap, or the smaller one lies mostly inside the larger one."""
    wh = np.clip(np.minimum(a.xyxy[2:], b.xyxy[2:]) - np.maximum(a.xyxy[:2], b.xyxy[:2]), 0, None)
    smaller = min(float(np.prod(a.size_wh)), float(np.prod(b.size_wh)))
    inside = float(np.prod(wh)) / smaller if smaller > 0 else 1.0
    return iou(a.xyxy, b.xyxy) > _SAME_FACE_IOU or inside > _SAME_FACE_INSIDE

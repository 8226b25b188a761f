"""Methods that find 98 points: a detector stage and a landmark stage by name, as a preset composes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import iou
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.regions import region_of_landmarks
from mien.core.schema import load_schema
from mien.errors import ConfigError
from mien.pipeline.compose import build_stage
from mien.pipeline.config import load_config
from mien.pipeline.stage import Stage

POINTS = 98
BELONGS_IOU = 0.2
"""A detected face is the marked one if no other overlaps the marked points' box more, and it overlaps by this much."""
_REGION_PX = 256


class Finder(Protocol):
    """Finds the 98 points of one marked face; (98, 2) float32 image px, NaN in every point = not found."""

    name: str

    def in_picture(self, image: UInt8, truth_xy: Float32) -> Float32:
        """End to end. `truth_xy` (98, 2) only tells which of the faces that were found is asked for."""
        ...

    def in_true_crop(self, image: UInt8, truth_xy: Float32) -> Float32:
        """With the region of the true points given instead of a detector."""
        ...

    def close(self) -> None:
        """Release models."""
        ...


class StageFinder:
    """A detector stage and a landmark stage, on single pictures. Their state is forgotten before each."""

    def __init__(self, detector: Stage, landmarks: Stage, name: str) -> None:
        self.name = name
        self._detector, self._landmarks = detector, landmarks

    def in_picture(self, image: UInt8, truth_xy: Float32) -> Float32:
        """See `Finder`."""
        self._detector.reset()
        face = belonging(self._detector.step(record_of(image)).faces, truth_xy)
        return nothing() if face is None else self._look(image, face)

    def in_true_crop(self, image: UInt8, truth_xy: Float32) -> Float32:
        """See `Finder`. The stage is told that the face was at the true points in the frame before."""
        marks = Landmarks(truth_xy, np.isfinite(truth_xy).all(axis=1).astype(np.float32), load_schema("wflw98"))
        face = Face(Box(tight_box(truth_xy), 1.0), track_id=0, crop=region_of_landmarks(marks, _REGION_PX))
        followed = replace(record_of(image), image=None, faces=(replace(face, landmarks=marks),))
        return self._look(image, face, followed)

    def _look(self, image: UInt8, face: Face, before: FrameRecord | None = None) -> Float32:
        self._landmarks.reset()
        if before is not None:
            self._landmarks.feedback(before)
        faces = self._landmarks.step(replace(record_of(image), faces=(face,))).faces
        return faces[0].landmarks.xy if faces and faces[0].landmarks is not None else nothing()

    def close(self) -> None:
        """Release models."""
        self._detector.close()
        self._landmarks.close()


def stage_finder(
    preset: str = "balanced", detector: str | None = None, landmarks: str | None = None, name: str | None = None
) -> StageFinder:
    """The detector and the landmark stage of a preset, or others by name.

    Args:
        preset: a shipped name or a file.
        detector: a stage that finds faces in one picture, e.g. "detect/mediapipe"; None = the preset's.
        landmarks: e.g. "landmarks/mediapipe"; None = the preset's.
        name: of the method; default: the two stages.

    Raises:
        ConfigError: no such preset or stage, or the preset has none of that kind.
    """
    found, used = detector_stage(preset, detector)
    try:
        stage, looked = landmark_stage(preset, landmarks)
    except BaseException:
        found.close()
        raise
    return StageFinder(found, stage, name or f"{used} + {looked}")


def landmark_stage(
    preset: str = "balanced", landmarks: str | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Stage, str]:
    """The landmark stage and its name: as `stage_finder` chooses it; `options` go over the preset's."""
    own = _table(preset, "landmarks")
    table = own if landmarks in (None, own["use"]) else {"use": landmarks}
    return build_stage({**table, **(options or {})}, "--landmarks"), str(table["use"])


def detector_stage(preset: str = "balanced", detector: str | None = None) -> tuple[Stage, str]:
    """The stage that finds faces in one picture, and its name: as `stage_finder` chooses it."""
    own = _table(preset, "detect")
    table = own if detector in (None, own["use"]) else {"use": detector}
    return build_stage(table, "--detector"), str(table["use"])


def _table(preset: str, room: str) -> dict[str, Any]:
    """The options of a preset's first stage of a room; of a tracker those of the detector inside."""
    config = load_config(preset)
    for slot in config["stages"]:
        table: dict[str, Any] = config[slot]
        if table["use"].startswith(f"{room}/"):
            inner: dict[str, Any] = table.get("detector", table)
            return inner
    raise ConfigError(f'preset "{preset}" has no stage {room}/…')


def belonging(faces: tuple[Face, ...], truth_xy: Float32) -> Face | None:
    """The found face that overlaps the marked points' box most; None if none does by `BELONGS_IOU`."""
    target = tight_box(truth_xy)
    best = max(faces, key=lambda f: iou(f.box.xyxy, target), default=None)
    return best if best is not None and iou(best.box.xyxy, target) >= BELONGS_IOU else None


def tight_box(truth_xy: Float32) -> Float32:
    """(4,) px of the known points' bounding box."""
    known = truth_xy[np.isfinite(truth_xy).all(axis=1)]
    return np.asarray(np.concatenate([known.min(axis=0), known.max(axis=0)]), np.float32)


def record_of(image: UInt8) -> FrameRecord:
    """A picture as the first and only frame of a source."""
    return FrameRecord(Stamp("picture", 0, 0), (image.shape[1], image.shape[0]), np.ascontiguousarray(image))


def nothing() -> Float32:
    """The answer of a face that was missed."""
    return np.full((POINTS, 2), np.nan, np.float32)

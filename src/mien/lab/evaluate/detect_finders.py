"""Face detectors to be measured: stages of the runtime by a short name, and cascades fresh from training."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.record import Face
from mien.errors import ConfigError
from mien.lab.evaluate.landmark_finders import detector_stage, landmark_stage, record_of
from mien.lab.train.detector_boxes import face_of_points
from mien.landmarks.network import Look, NetworkLandmarks
from mien.pipeline.compose import build_stage
from mien.pipeline.config import preset_names
from mien.pipeline.registry import suggestion
from mien.pipeline.stage import Stage

_LOW = 0.02
"""Findings from this probability on are kept, so that one look gives the whole curve."""
DETECTORS: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "cascade": ("detect/cascade", {}, "thresholds"),
    "mtcnn": (
        "detect/cascade",
        {"proposal": "mtcnn-p", "refine": "mtcnn-r", "output": "mtcnn-o"},
        "thresholds",
    ),
    "ssd": ("detect/ssd", {}, "min_confidence"),
    "mediapipe": ("detect/mediapipe", {}, ""),
}
"""Name → stage, options, and the option that is its threshold ("" = it cannot be lowered)."""


class FaceFinder(Protocol):
    """Finds faces in single pictures.

    Attributes:
        name: of the detector.
        threshold: probability at which it is used.
    """

    name: str
    threshold: float

    def find(self, image: UInt8) -> tuple[Float32, Float32]:
        """Boxes (N, 4) px and probabilities (N,) of an (H, W, 3) uint8 RGB picture."""
        ...

    def close(self) -> None:
        """Release the networks."""
        ...


class StageFaceFinder:
    """A detector stage of the runtime; forgets everything between two pictures."""

    def __init__(self, stage: Stage, name: str, threshold: float) -> None:
        self.name, self.threshold = name, threshold
        self._stage = stage

    def find(self, image: UInt8) -> tuple[Float32, Float32]:
        """See `FaceFinder`."""
        self._stage.reset()
        faces = self._stage.step(record_of(image)).faces
        boxes = np.array([f.box.xyxy for f in faces], np.float32).reshape(-1, 4)
        return boxes, np.array([f.box.confidence for f in faces], np.float32)

    def close(self) -> None:
        """See `FaceFinder`."""
        self._stage.close()


class ChainFinder:
    """A preset's detector and landmark network together, as they judge faces that are new.

    A finding's probability is the product that `min_evidence_new` asks for: the detector's probability times the
    presence that the landmark network sees there. `threshold` is the preset's limit. A box is the mean of the
    detector's and of the one that the points give (`detector_boxes`) where that network sees a face, else the former.
    """

    def __init__(self, preset: str) -> None:
        """
        Raises:
            ConfigError: no such preset, or its landmark stage does not ask for evidence.
        """
        self.name = preset
        landmarks, used = landmark_stage(preset)
        if not isinstance(landmarks, NetworkLandmarks) or landmarks.options.min_evidence_new is None:
            landmarks.close()
            raise ConfigError(f'preset "{preset}": {used} asks for no min_evidence_new, so there is nothing to measure')
        self._landmarks, self.threshold = landmarks, landmarks.options.min_evidence_new
        self._detector, _ = detector_stage(preset)

    def find(self, image: UInt8) -> tuple[Float32, Float32]:
        """See `FaceFinder`."""
        self._detector.reset()
        faces = self._detector.step(record_of(image)).faces
        seen = self._landmarks.examine(image, faces) if faces else []
        boxes = np.array([self._box(f, look) for f, (look, _) in zip(faces, seen, strict=True)], np.float32)
        evidence = [f.box.confidence * look.presence for f, (look, _) in zip(faces, seen, strict=True)]
        return boxes.reshape(-1, 4), np.array(evidence, np.float32)

    def _box(self, face: Face, look: Look) -> Float32:
        if look.presence < self._landmarks.options.min_presence:
            return face.box.xyxy
        return np.asarray((face.box.xyxy + face_of_points(look.landmarks.xy)[0]) / 2, np.float32)

    def close(self) -> None:
        """See `FaceFinder`."""
        self._detector.close()
        self._landmarks.close()


def named_finder(name: str, options: Mapping[str, Any] | None = None) -> FaceFinder:
    """A detector by its short name, at its own threshold, looking at a low one; or a preset: see `ChainFinder`.

    Args:
        name: of `DETECTORS`, or a shipped preset.
        options: of its stage, over those of the table.

    Raises:
        ConfigError: no such detector or option.
        ModelError: its networks are not there.
    """
    if name in preset_names():
        if options:
            raise ConfigError(f"preset {name}: is measured as it is, without {', '.join(options)}")
        return ChainFinder(name)
    if name not in DETECTORS:
        raise ConfigError(f'there is no detector "{name}"{suggestion(name, [*DETECTORS, *preset_names()])}')
    use, own, low = DETECTORS[name]
    table: dict[str, Any] = {"use": use, **own, **(options or {})}
    threshold = 0.5
    if low:
        stage = build_stage(table, f"detector {name}")
        used = getattr(stage.options, low)  # type: ignore[attr-defined]
        stage.close()
        threshold = float(used[-1] if isinstance(used, tuple) else used)
        table[low] = (*used[:-1], _LOW) if isinstance(used, tuple) else _LOW
    return StageFaceFinder(build_stage(table, f"detector {name}"), name, threshold)


def run_finder(run: Path, stages: tuple[str, str, str], options: Mapping[str, Any] | None = None) -> FaceFinder:
    """A cascade of a training run, as the runtime would run it: exported into a temporary folder.

    Args:
        run: folder of `mien.lab.train.detect`.
        stages: its stages that give P-, R- and O-Net.
        options: of the stage "detect/cascade".
    """
    from mien.lab.train.detector_export import Origin, export_cascade

    with tempfile.TemporaryDirectory() as place:
        export_cascade(run, stages, Path(place), "run", Origin("not finished"))
        folders = {n: f"{place}/run-{s}" for n, s in (("proposal", "p"), ("refine", "r"), ("output", "o"))}
        finder = named_finder("cascade", {**folders, **(options or {})})
    finder.name = f"{run.name} {'+'.join(stages)}"
    return finder

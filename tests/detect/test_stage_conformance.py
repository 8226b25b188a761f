"""What every stage of the registry must do, whatever it computes."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scripted_detector import ScriptedDetector, landmarks_at

from mien.core.arrays import UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.landmarks.headpose import no_pose
from mien.pipeline.compose import options_for
from mien.pipeline.registry import STAGES, load
from mien.pipeline.stage import FIELDS, Stage

INNER = {"detect/track": {"detector": ScriptedDetector(lambda t: {"a": (20, 20, 20)})}}
"""What stages need beside their default options."""
NETWORKS = {
    "detect/cascade": {"proposal": "immtcnn-p", "refine": "immtcnn-r", "output": "immtcnn-o"},
    "detect/ssd": {"model": "ssd-face"},
    "landmarks/hrnet98": {"model": "hrnet98-128"},
    "landmarks/points98": {"model": "points98-128"},
    "expression/network": {"model": "expression48"},
}
"""Options that name a network, for which the test's own network of the same name stands in."""


def build(name: str, disc_models: Path) -> Stage:
    part = load(STAGES[name])
    table = {option: str(disc_models / folder) for option, folder in NETWORKS.get(name, {}).items()}
    options = (options_for(part, table, name),) if table else ()
    stage: Stage = part(*options, **INNER.get(name, {}))
    return stage


NAN_LANDMARKS = Landmarks(np.full((98, 2), np.nan, np.float32), np.zeros(98, np.float32), load_schema("wflw98"))
FACES = {
    "none": (),
    "box only": (Face(Box(np.array([10, 10, 40, 40], np.float32), 0.9)),),
    "empty box": (Face(Box(np.array([10, 10, 10, 10], np.float32), 0.9), track_id=0, head_pose=no_pose()),),
    "outside": (Face(Box(np.array([-90, -90, -50, -40], np.float32), 0.9), track_id=0),),
    "points": (Face(Box(np.array([10, 10, 40, 40], np.float32), 0.9), track_id=0, landmarks=landmarks_at(25, 25, 30)),),
    "NaN points": (
        Face(
            Box(np.array([10, 10, 40, 40], np.float32), 0.9),
            track_id=0,
            landmarks=NAN_LANDMARKS,
            head_pose=no_pose(),
            crop=CropTransform.around((25, 25), 45, 192),
        ),
    ),
}
IMAGES = {
    "black": np.zeros((64, 96, 3), np.uint8),
    "one pixel": np.full((1, 1, 3), 200, np.uint8),
    "a line": np.full((1, 300, 3), 90, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 255, (65, 97, 3), dtype=np.uint8),
}


@pytest.fixture(params=STAGES, scope="module")
def stage(request: pytest.FixtureRequest, disc_models: Path) -> Stage:
    return build(request.param, disc_models)


def record_of(image: UInt8 | None, faces: tuple[Face, ...], t_ns: int = 0) -> FrameRecord:
    size = (96, 64) if image is None else (image.shape[1], image.shape[0])
    return FrameRecord(Stamp("test", 0, t_ns), size, image, faces)


def test_declares_known_fields_and_is_a_stage(stage: Stage) -> None:
    assert isinstance(stage, Stage)
    assert stage.reads <= FIELDS
    assert stage.writes <= FIELDS
    assert stage.writes
    assert all(isinstance(m, str) and m for m in stage.models)


@pytest.mark.parametrize("faces", FACES)
@pytest.mark.parametrize("image", IMAGES)
def test_survives_and_writes_only_what_it_declares(stage: Stage, image: str, faces: str) -> None:
    pixels = IMAGES[image].copy()
    pixels.flags.writeable = False
    given = record_of(pixels, FACES[faces])
    out = stage.step(given)
    assert np.array_equal(pixels, IMAGES[image])
    assert out.image is given.image
    assert out.stamp == given.stamp
    assert out.events is given.events
    stage.feedback(out)
    stage.reset()
    if "faces" in stage.writes:
        return
    assert len(out.faces) == len(given.faces)
    may_change = {name.removeprefix("faces.") for name in stage.writes}
    for before, after in zip(given.faces, out.faces, strict=True):
        for field in fields(Face):
            if field.name not in may_change:
                assert getattr(before, field.name) is getattr(after, field.name)


def test_a_record_without_pixels_does_no_harm(stage: Stage) -> None:
    out = stage.step(record_of(None, FACES["points"]))
    stage.feedback(replace(out, image=None))
    stage.reset()


def test_measures_with_nan_have_no_confidence(stage: Stage) -> None:
    for faces in FACES.values():
        for face in stage.step(record_of(IMAGES["noise"], faces)).faces:
            if face.head_pose is not None and not np.isfinite(face.head_pose.rotation).all():
                assert face.head_pose.confidence == 0
            if face.gaze is not None:
                for angles, confidence in zip(
                    (face.gaze.left_yaw_pitch_deg, face.gaze.right_yaw_pitch_deg), face.gaze.confidence, strict=True
                ):
                    assert np.isfinite(angles).all() == (confidence > 0)
    stage.reset()


@pytest.mark.parametrize("name", STAGES)
def test_reset_and_close_may_be_called_twice(name: str, disc_models: Path) -> None:
    stage = build(name, disc_models)
    stage.reset()
    stage.reset(7)
    stage.reset()
    stage.close()
    stage.close()

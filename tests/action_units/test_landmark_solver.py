"""The stage: shapes and action units from landmarks, with the shipped network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mien.action_units.features import apparent_yaw_pitch
from mien.action_units.landmark_solver import SAME_POINTS, LandmarkSolver
from mien.action_units.lids import openings, shut, together
from mien.action_units.options import Options
from mien.core.geometry import rotation_from_euler
from mien.core.measures import Blendshapes, Box, Expression, Gaze, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.lab.synth.landmark_projection import MAX_YAW_DEG
from mien.lab.train.landmark_solver_card import metric_face_sha256
from mien.pipeline.config import load_config, preset_names
from mien.runtime.store import Model, open_model

W = load_schema("wflw98")
A = load_schema("arkit52")
SIZE = (640, 480)
LIDS = ((61, 67), (62, 66), (63, 65), (69, 75), (70, 74), (71, 73))


@cache
def constants() -> dict[str, np.ndarray]:
    """What the shipped model says beside the weights."""
    model = open_model("landmark-solver", threads=1)
    out = model.run({"features": np.zeros((1, model.card.inputs[0].shape[1]), np.float32)})
    model.close()
    return out


@pytest.fixture
def mean_face() -> np.ndarray:
    return np.asarray(constants()["reference"])


@pytest.fixture
def solver() -> Iterator[LandmarkSolver]:
    made = LandmarkSolver()
    yield made
    made.close()


def face_of(points: np.ndarray, yaw: float = 0.0, gaze: float = 0.0) -> Face:
    """A face with the given (98, 3) points (unit: eye corners), 150 px wide, seen from afar."""
    rotation = rotation_from_euler(yaw, float(np.degrees(constants()["turn_offset"][1])), 0.0)
    xy = (points @ rotation.T)[:, :2] * 150 + [320, 240]
    return Face(
        box=Box(np.array([200, 100, 440, 400], np.float32), 1.0),
        track_id=1,
        landmarks=Landmarks(xy, np.ones(98), W),
        head_pose=HeadPose(rotation, np.array([0, 0, 5000.0]), 0.5, 1.0),
        gaze=Gaze(np.array([gaze, 0.0]), np.array([gaze, 0.0]), np.ones(2)),
    )


def record(face: Face, index: int = 0) -> FrameRecord:
    return FrameRecord(Stamp("test", index, index * 40_000_000), SIZE, faces=(face,))


def solve(solver: LandmarkSolver, face: Face, index: int = 0) -> Face:
    return solver.step(record(face, index)).faces[0]


def blinking(points: np.ndarray) -> np.ndarray:
    out = points.copy()
    for upper, lower in LIDS:
        out[[upper, lower], 1] = out[lower, 1]
    return out


def opened(points: np.ndarray, by: float = 0.28) -> np.ndarray:
    out = points.copy()
    out[[*range(83, 88), 93, 94, 95], 1] -= by
    out[list(range(9, 24)), 1] -= by * 0.85
    out[[76, 82, 88, 92], 1] -= by * 0.4
    return out


def smiling(points: np.ndarray) -> np.ndarray:
    out = points.copy()
    for corner, near, sign in (((76, 88), (77, 87), -1), ((82, 92), (81, 83), 1)):
        out[list(corner), :2] += [sign * 0.08, 0.1]
        out[list(near), :2] += [sign * 0.05, 0.05]
    return out


def test_a_mean_face_does_nothing(solver: LandmarkSolver, mean_face: np.ndarray) -> None:
    face = solve(solver, face_of(mean_face))
    assert face.blendshapes is not None
    assert face.action_units is not None
    assert np.nanmax(face.blendshapes.values) < 0.2
    assert not face.action_units.presence.any()


@pytest.mark.parametrize(
    ("move", "shapes", "unit"),
    [
        (blinking, ("eyeBlinkLeft", "eyeBlinkRight"), "AU45"),
        (opened, ("jawOpen",), "AU26"),
        (smiling, ("mouthSmileLeft", "mouthSmileRight"), "AU12"),
    ],
)
def test_faces_do_what_they_do(solver: LandmarkSolver, mean_face: np.ndarray, move, shapes, unit) -> None:  # type: ignore[no-untyped-def]
    for index in range(60):
        solve(solver, face_of(mean_face), index)
    face = solve(solver, face_of(move(mean_face)), 60)
    assert face.blendshapes is not None
    assert face.action_units is not None
    assert min(face.blendshapes[s] for s in shapes) > 0.4
    assert face.action_units[unit] >= 2
    assert solver.neutral_known(1) > 0.8


def test_a_mirrored_face_gives_mirrored_shapes(solver: LandmarkSolver, mean_face: np.ndarray) -> None:
    crooked = mean_face.copy()
    crooked[[82, 92], 1] += 0.1
    crooked[42:47, 1] += 0.06
    one = face_of(crooked, yaw=12.0, gaze=10.0)
    assert one.landmarks is not None
    assert one.head_pose is not None
    assert one.gaze is not None
    flip = np.diag([-1.0, 1.0, 1.0])
    two = replace(
        one,
        landmarks=one.landmarks.mirrored(SIZE[0] + 1),
        head_pose=HeadPose(flip @ one.head_pose.rotation @ flip, flip @ one.head_pose.translation_mm, 0.5, 1.0),
        gaze=Gaze(np.array([-10.0, 0]), np.array([-10.0, 0]), np.ones(2)),
    )
    a, b = solve(solver, one).blendshapes, LandmarkSolver().step(record(two)).faces[0].blendshapes
    assert a is not None
    assert b is not None
    assert np.nanmax(a.values) > 0.3
    assert np.allclose(a.mirrored().values, b.values, atol=2e-3, equal_nan=True)
    assert np.allclose(a.mirrored().confidence, b.confidence, atol=1e-3)


def test_the_same_frames_give_the_same_answer(mean_face: np.ndarray) -> None:
    frames = [face_of(f(mean_face)) for f in (smiling, opened, blinking, np.copy)]
    one, two = LandmarkSolver(), LandmarkSolver()
    for i, face in enumerate(frames):
        a, b = solve(one, face, i).blendshapes, solve(two, face, i).blendshapes
        assert a is not None
        assert b is not None
        assert np.array_equal(a.values, b.values, equal_nan=True)


def test_hidden_points_are_not_measured(solver: LandmarkSolver, mean_face: np.ndarray) -> None:
    face = face_of(mean_face)
    assert face.landmarks is not None
    xy = face.landmarks.xy.copy()
    xy[76:96] = np.nan
    mouthless = solve(solver, replace(face, landmarks=Landmarks(xy, face.landmarks.confidence, W))).blendshapes
    assert mouthless is not None
    for name in ("mouthSmileLeft", "mouthPucker", "mouthRollUpper"):
        assert np.isnan(mouthless[name])
        assert mouthless.confidence[A.index(name)] == 0
    assert np.isfinite(mouthless["eyeBlinkLeft"])


def test_without_a_pose_nothing_is_measured(solver: LandmarkSolver, mean_face: np.ndarray) -> None:
    lost = HeadPose(np.full((3, 3), np.nan), np.full(3, np.nan), float("nan"), 0.0)
    face = solve(solver, replace(face_of(mean_face), head_pose=lost))
    assert face.blendshapes is not None
    assert face.action_units is not None
    assert np.isnan(face.blendshapes.values).all()
    assert np.isnan(face.action_units.values).all()
    assert not face.blendshapes.confidence.any()


def test_the_far_side_is_not_measured_in_profile(solver: LandmarkSolver, mean_face: np.ndarray) -> None:
    shapes = solve(solver, face_of(mean_face, yaw=62.0)).blendshapes  # turned to the subject's left
    assert shapes is not None
    assert np.isnan(shapes["eyeBlinkLeft"])
    assert np.isfinite(shapes["eyeBlinkRight"])


def test_confidence_is_zero_exactly_where_nothing_was_measured(solver: LandmarkSolver, mean_face: np.ndarray) -> None:
    shapes = solve(solver, face_of(mean_face)).blendshapes
    assert shapes is not None
    assert np.array_equal(np.isnan(shapes.values), shapes.confidence == 0)
    assert np.isnan(shapes["tongueOut"])
    assert shapes.confidence.max() <= 1


def test_the_gaze_becomes_look_shapes(solver: LandmarkSolver, mean_face: np.ndarray) -> None:
    shapes = solve(solver, face_of(mean_face, gaze=15.0)).blendshapes
    assert shapes is not None
    assert shapes["eyeLookOutLeft"] == pytest.approx(0.5)
    assert shapes["eyeLookInRight"] == pytest.approx(0.5)
    assert shapes["eyeLookInLeft"] == 0
    closed = replace(face_of(mean_face), gaze=Gaze(np.full(2, np.nan), np.zeros(2), np.array([0.0, 1.0])))
    shapes = solve(solver, closed, 1).blendshapes
    assert shapes is not None
    assert np.isnan(shapes["eyeLookOutLeft"])
    assert np.isfinite(shapes["eyeLookOutRight"])


def learnt_of(mean_face: np.ndarray, neutral: float | None, options: Options | None = None) -> float:
    """How well the face at rest is known after forty frames of a face that looks neutral by a probability."""
    schema = load_schema("expression8")
    values = np.zeros(len(schema), np.float32)
    values[schema.index("neutral")] = neutral or 0.0
    calm = None if neutral is None else Expression(values, np.ones(len(schema), np.float32), schema)
    solver = LandmarkSolver(options)
    for i in range(40):
        solve(solver, replace(face_of(mean_face), expression=calm), i)
    known = solver.neutral_known(1)
    solver.close()
    return known


def test_a_face_of_many_features_is_known_where_it_plainly_looks_calm(
    mean_face: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"brows": 1.2, "eyes": 0.1, "mouth": 1.4}
    monkeypatch.setattr("mien.action_units.landmark_solver.activity", lambda weights: dict(odd))
    assert learnt_of(mean_face, None) < 0.1
    assert learnt_of(mean_face, 0.55) < 0.1
    assert learnt_of(mean_face, 0.8) > 0.8
    assert learnt_of(mean_face, 0.8, Options(mood=False)) < 0.1


def test_recorded_frames_teach_the_neutral(mean_face: np.ndarray) -> None:
    live, resumed = LandmarkSolver(), LandmarkSolver()
    for i in range(40):
        done = live.step(record(face_of(mean_face), i))
        live.feedback(done)
        resumed.feedback(done)
    assert resumed.neutral_known(1) == pytest.approx(live.neutral_known(1))
    live.reset(1)
    assert live.neutral_known(1) == 0


def test_faces_without_landmarks_pass(solver: LandmarkSolver) -> None:
    bare = Face(box=Box(np.zeros(4), 0.5))
    assert solve(solver, bare) is bare


def test_lids_are_read_from_their_opening(mean_face: np.ndarray) -> None:
    still = mean_face[:, :2].astype(np.float32)
    assert (openings(still) > 0.05).all()
    lids = np.array([0.2, 0.4], np.float32)
    assert np.array_equal(shut(still, still, lids), [0, 0])
    assert np.array_equal(shut(blinking(mean_face)[:, :2].astype(np.float32), still, lids), [1, 1])
    half = (still + blinking(mean_face)[:, :2].astype(np.float32)) / 2
    assert shut(half, still, np.array([0.4, 0.6], np.float32)) == pytest.approx([0.5, 0.5], abs=0.05)


@pytest.mark.parametrize(
    ("blinks", "seen", "looking", "expected"),
    [
        ((1.0, 0.1), (1, 1), (False, True), (1.0, 0.1)),  # a wink
        ((0.1, 1.0), (1, 1), (True, False), (0.1, 1.0)),
        ((1.0, 0.45), (1, 1), (False, True), (1.0, 1.0)),  # the other lid is half down: a blink
        ((1.0, 0.1), (1, 1), (False, False), (1.0, 1.0)),  # the other eye looks nowhere: it is covered
        ((1.0, 0.1), (1, 0), (False, True), (1.0, 1.0)),  # the open eye is a guess
        ((1.0, 0.1), (0, 1), (False, True), (0.1, 0.1)),  # the shut eye is a guess
    ],
)
def test_a_wink_needs_an_eye_that_is_plainly_open(blinks, seen, looking, expected) -> None:  # type: ignore[no-untyped-def]
    out = together(np.array(blinks, np.float32), np.array(seen, np.float32), np.array(looking))
    assert out == pytest.approx(expected, abs=1e-6)


def test_a_covered_eye_does_not_make_a_wink(solver: LandmarkSolver, mean_face: np.ndarray) -> None:
    points = mean_face.copy()
    for upper, lower in LIDS[3:]:
        points[[upper, lower], 1] = points[lower, 1]  # the left eye is shut, the right one open
    nowhere = np.full(2, np.nan)
    wink = solve(solver, replace(face_of(points), gaze=Gaze(nowhere, np.zeros(2), np.array([0, 1])))).blendshapes
    covered = solve(solver, replace(face_of(points), gaze=Gaze(nowhere, nowhere, np.zeros(2))), 1).blendshapes
    assert wink is not None
    assert covered is not None
    assert wink["eyeBlinkLeft"] - wink["eyeBlinkRight"] > 0.7
    assert covered["eyeBlinkLeft"] == pytest.approx(covered["eyeBlinkRight"], abs=0.02)


class Counting:
    """A model that counts its runs."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.runs = 0

    def run(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        self.runs += 1
        return self.model.run(inputs)


def test_each_frame_is_solved_once(mean_face: np.ndarray) -> None:
    live, resumed = LandmarkSolver(), LandmarkSolver()
    counts = [Counting(live._model), Counting(resumed._model)]
    live._model, resumed._model = counts  # type: ignore[assignment]
    for i in range(10):
        done = live.step(record(face_of(mean_face), i))
        live.feedback(done)
        resumed.feedback(done)
    assert [c.runs for c in counts] == [10, 10]


def test_nothing_is_solved_in_feedback_where_no_neutral_is_learned(mean_face: np.ndarray) -> None:
    solver = LandmarkSolver(Options(learn_neutral=False))
    done = solver.step(record(face_of(mean_face)))
    solver.close()
    solver.feedback(done)  # a closed network could not run


def test_landmarks_of_another_schema_are_named(solver: LandmarkSolver) -> None:
    six = load_schema("mediapipe6")
    face = Face(box=Box(np.zeros(4), 0.5), landmarks=Landmarks(np.zeros((6, 2)), np.ones(6), six))
    with pytest.raises(ValueError, match="'wflw98', not 'mediapipe6'"):
        solve(solver, face)


@pytest.mark.parametrize("preset", preset_names())
def test_the_model_belongs_to_the_presets_landmarks_and_the_shipped_metric_face(preset: str) -> None:
    config = load_config(preset)
    model = open_model(config["action_units"].get("model", Options().model), threads=1)
    recipe = model.card.inputs[0].recipe
    model.close()
    backend = config["landmarks"]["use"]
    assert f"backend={SAME_POINTS.get(backend, backend)};" in recipe
    assert f"metric_face sha256={metric_face_sha256()}" in recipe, (
        "metric_face.toml has changed since the landmark solver was trained, and its zero of pitch with it: run "
        "mien.lab.train.landmark_gap, then mien.lab.train.landmark_solver (recipes/landmark-solver.md)"
    )


def test_the_model_is_trained_as_far_as_the_stage_trusts_it() -> None:
    assert Options().max_yaw_deg == MAX_YAW_DEG


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="max_yaw_deg"):
        Options(max_yaw_deg=120.0)
    assert apparent_yaw_pitch(rotation_from_euler(0, 0, 0)[None], [[0, 0, 1.0]]) == pytest.approx(np.zeros((1, 2)))
    assert isinstance(Blendshapes.of(np.zeros(52), np.ones(52)), Blendshapes)

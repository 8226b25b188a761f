"""Every NaN has a reason and nothing else has one: as the stage left it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.options import Options
from mien.action_units.reasons import (
    GAZE_NOT_ASKED,
    NO_GAZE,
    NO_LANDMARKS,
    NO_POSE,
    NO_STAGE,
    shape_reasons,
    unit_reasons,
)
from mien.action_units.visibility import HIDDEN, NEVER, TURNED
from mien.core.geometry import rotation_from_euler
from mien.core.measures import Box, Gaze, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema

W = load_schema("wflw98")
MOUTH = [*W.groups["outer_lip"], *W.groups["inner_lip"]]


@pytest.fixture(scope="module")
def solver() -> Iterator[LandmarkSolver]:
    made = LandmarkSolver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def face(solver: LandmarkSolver) -> Face:
    """Before the stage: the mean face from the front."""
    xy = solver._reference[:, :2] * [150, -150] + [320, 240]
    turned_up = rotation_from_euler(0.0, float(np.degrees(solver._turn_offset[1])), 0.0)
    return Face(
        Box(np.array([200, 100, 440, 400], np.float32), 1.0),
        landmarks=Landmarks(xy, np.ones(98), W),
        head_pose=HeadPose(turned_up, np.array([0, 0, 5000.0]), 0.5, 1.0),
        gaze=Gaze(np.zeros(2), np.zeros(2), np.ones(2)),
    )


def solved(solver: LandmarkSolver, face: Face) -> Face:
    out = solver.step(FrameRecord(Stamp("t", 0, 0), (640, 480), faces=(face,))).faces[0]
    assert out.blendshapes is not None
    assert out.action_units is not None
    shapes, units = shape_reasons(out), unit_reasons(out)
    for measure, reasons in ((out.blendshapes, shapes), (out.action_units, units)):
        missing = {n for n, v in zip(measure.names, measure.values, strict=True) if not np.isfinite(v)}
        assert set(reasons) == missing
    return out


def with_confidence(face: Face, points: list[int], value: float) -> Face:
    assert face.landmarks is not None
    confidence = face.landmarks.confidence.copy()
    confidence[points] = value
    return replace(face, landmarks=Landmarks(face.landmarks.xy, confidence, W))


def test_from_the_front_only_what_landmarks_never_show_is_missing(solver: LandmarkSolver, face: Face) -> None:
    out = solved(solver, face)
    assert shape_reasons(out) == dict.fromkeys(("jawForward", "tongueOut"), NEVER)
    assert set(unit_reasons(out)) == {"AU19", "AU29"}
    assert "tongue" in unit_reasons(out)["AU19"]


@pytest.mark.parametrize("confidence", [0.0, 0.15])
def test_behind_a_hand_the_mouth_is_hidden_and_the_brows_are_not(
    solver: LandmarkSolver, face: Face, confidence: float
) -> None:
    covered = [*MOUTH, *range(8, 25)]
    out = solved(solver, with_confidence(face, covered, confidence))
    shapes, units = shape_reasons(out), unit_reasons(out)
    assert shapes["mouthSmileLeft"] == shapes["jawOpen"] == shapes["cheekPuff"] == HIDDEN
    assert units["AU12_L"] == units["AU25"] == HIDDEN
    assert "browDownLeft" not in shapes
    assert "AU4_L" not in units


def test_a_blurred_region_is_still_measured(solver: LandmarkSolver, face: Face) -> None:
    assert "mouthSmileLeft" not in shape_reasons(solved(solver, with_confidence(face, MOUTH, 0.4)))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_side_turned_away_is_told_from_the_other(solver: LandmarkSolver, face: Face, sign: int) -> None:
    assert face.head_pose is not None
    turned = HeadPose(rotation_from_euler(sign * 62.0, 0, 0), face.head_pose.translation_mm, 0.5, 1.0)
    out = solved(solver, replace(face, head_pose=turned))
    away, near = ("Left", "Right") if sign > 0 else ("Right", "Left")
    assert shape_reasons(out)[f"mouthSmile{away}"] == TURNED
    assert f"mouthSmile{near}" not in shape_reasons(out)
    assert "jawOpen" not in shape_reasons(out)
    assert unit_reasons(out)[f"AU12_{away[0]}"] == TURNED


def test_closed_eyes_and_no_gaze(solver: LandmarkSolver, face: Face) -> None:
    shut = Gaze(np.full(2, np.nan), np.zeros(2), np.array([0.0, 1.0]))
    out = solved(solver, replace(face, gaze=shut))
    assert {n for n, why in shape_reasons(out).items() if why == NO_GAZE} == {
        f"eyeLook{d}Left" for d in ("Down", "In", "Out", "Up")
    }
    assert shape_reasons(solved(solver, replace(face, gaze=None)))["eyeLookUpLeft"] == GAZE_NOT_ASKED


def test_without_pose_landmarks_or_stage(solver: LandmarkSolver, face: Face) -> None:
    lost = HeadPose(np.full((3, 3), np.nan), np.full(3, np.nan), np.nan, 0.0)
    out = solved(solver, replace(face, head_pose=lost))
    assert set(shape_reasons(out).values()) == {NO_POSE}
    assert shape_reasons(replace(face, head_pose=None))["jawOpen"] == NO_POSE
    assert shape_reasons(face)["jawOpen"] == NO_STAGE
    assert shape_reasons(Face(face.box))["jawOpen"] == NO_LANDMARKS
    assert unit_reasons(Face(face.box))["AU12_L"] == NO_LANDMARKS
    done = solved(solver, face)
    assert set(shape_reasons(replace(done, landmarks=None)).values()) == {NO_LANDMARKS}
    assert set(shape_reasons(replace(done, head_pose=None)).values()) == {NO_POSE}


def test_another_limit_is_another_reason(face: Face) -> None:
    assert face.head_pose is not None
    turned = HeadPose(rotation_from_euler(40.0, 0, 0), face.head_pose.translation_mm, 0.5, 1.0)
    made = LandmarkSolver(Options(max_yaw_deg=30.0))
    record = FrameRecord(Stamp("t", 0, 0), (640, 480), faces=(replace(face, head_pose=turned),))
    out = made.step(record).faces[0]
    made.close()
    assert shape_reasons(out, max_yaw_deg=30.0)["browDownLeft"] == TURNED

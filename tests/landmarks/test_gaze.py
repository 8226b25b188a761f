"""Gaze: eyes that look in a known direction, on heads in a known pose."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posed_face import SIZE_WH, posed

from mien.core.measures import Gaze, Landmarks
from mien.core.record import FrameRecord
from mien.landmarks.gaze import GazeStage
from mien.landmarks.headpose import HeadPoseStage, no_pose


def gaze_of(record: FrameRecord) -> Gaze:
    gaze = GazeStage().step(HeadPoseStage().step(record)).faces[0].gaze
    assert gaze is not None
    return gaze


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.floats(-35, 35), st.floats(-20, 20), st.floats(-20, 20)),
    st.tuples(st.floats(-25, 25), st.floats(-20, 20)),
)
def test_known_directions_are_recovered(head: tuple[float, float, float], look: tuple[float, float]) -> None:
    gaze = gaze_of(posed(head, (30, -20, 500), gaze=look))
    assert np.abs(gaze.left_yaw_pitch_deg - look).max() < 1.5
    assert np.abs(gaze.right_yaw_pitch_deg - look).max() < 1.5
    assert (gaze.confidence > 0.9).all()


def test_signs_are_those_of_the_subject() -> None:
    record = posed((0, 0, 0), (0, 0, 500))
    landmarks = record.faces[0].landmarks
    assert landmarks is not None
    xy = landmarks.xy.copy()
    xy[[96, 97]] += [4, -3]  # to the image's right and up: the subject's left and up
    moved = Landmarks(xy, landmarks.confidence, landmarks.schema)
    gaze = gaze_of(replace(record, faces=(replace(record.faces[0], landmarks=moved),)))
    assert (gaze.left_yaw_pitch_deg > 2).all()
    assert (gaze.right_yaw_pitch_deg > 2).all()


def test_a_mirrored_face_looks_the_other_way() -> None:
    record = posed((10, 5, 0), (40, 0, 500), gaze=(15, -6))
    landmarks = record.faces[0].landmarks
    assert landmarks is not None
    mirrored = replace(record, faces=(replace(record.faces[0], landmarks=landmarks.mirrored(SIZE_WH[0])),))
    assert np.allclose(gaze_of(mirrored).left_yaw_pitch_deg, [-15, -6], atol=1.0)


@pytest.mark.parametrize("gap", [0.0, 1.5, 2.7])
def test_a_closed_eye_has_no_gaze(gap: float) -> None:
    gaze = gaze_of(posed((0, 0, 0), (0, 0, 500), lid_gap_mm=gap))
    assert np.isnan(gaze.left_yaw_pitch_deg).all()
    assert np.isnan(gaze.right_yaw_pitch_deg).all()
    assert (gaze.confidence == 0).all()


def test_a_hidden_or_impossible_pupil_has_no_gaze() -> None:
    record = posed((0, 0, 0), (0, 0, 500))
    landmarks = record.faces[0].landmarks
    assert landmarks is not None
    xy, confidence = landmarks.xy.copy(), landmarks.confidence.copy()
    confidence[96] = 0.1
    xy[97] += [60, 0]
    changed = Landmarks(xy, confidence, landmarks.schema)
    gaze = gaze_of(replace(record, faces=(replace(record.faces[0], landmarks=changed),)))
    assert np.isnan(gaze.right_yaw_pitch_deg).all()
    assert np.isnan(gaze.left_yaw_pitch_deg).all()


def test_without_a_pose_there_is_no_gaze() -> None:
    record = posed((0, 0, 0), (0, 0, 500))
    unposed = replace(record, faces=(replace(record.faces[0], head_pose=no_pose()),))
    gaze = GazeStage().step(unposed).faces[0].gaze
    assert gaze is not None
    assert (gaze.confidence == 0).all()
    assert GazeStage().step(record).faces[0].gaze is None

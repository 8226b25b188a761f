"""Head pose: projected faces of known pose are recovered, wild points give NaN."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posed_face import SIZE_WH, posed

from mien.core.geometry import local_rotation, rotation_from_euler
from mien.core.measures import HeadPose, Landmarks
from mien.core.record import FrameRecord, Stamp
from mien.landmarks.headpose import HeadPoseStage
from mien.landmarks.metric_face import load_metric_face


def pose_of(record: FrameRecord, stage: HeadPoseStage | None = None) -> HeadPose:
    pose = (stage or HeadPoseStage()).step(record).faces[0].head_pose
    assert pose is not None
    return pose


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.floats(-65, 65), st.floats(-35, 35), st.floats(-60, 60)),
    st.tuples(st.floats(-150, 150), st.floats(-80, 80), st.floats(350, 1500)),
)
def test_known_poses_are_recovered(angles: tuple[float, float, float], translation: tuple[float, float, float]) -> None:
    pose = pose_of(posed(angles, translation))
    difference = pose.rotation.T @ rotation_from_euler(*angles)
    assert np.degrees(np.arccos(np.clip((np.trace(difference) - 1) / 2, -1, 1))) < 0.5
    assert np.abs(pose.translation_mm - translation).max() < 0.01 * translation[2]
    assert pose.reprojection_px < 0.1
    assert pose.confidence > 0.95


@pytest.mark.parametrize(("axis", "sign"), [(0, 1), (0, -1), (1, 1), (1, -1), (2, 1), (2, -1)])
def test_noise_does_not_change_the_sense_of_a_turn(axis: int, sign: int) -> None:
    angles = [0.0, 0.0, 0.0]
    angles[axis] = sign * 20.0
    pose = pose_of(posed((angles[0], angles[1], angles[2]), (0, 0, 600), noise_px=1.5))
    assert pose.yaw_pitch_roll_deg[axis] == pytest.approx(sign * 20, abs=8)


def test_a_mirrored_face_turns_the_other_way() -> None:
    record = posed((25, 10, 8), (60, -20, 600))
    landmarks = record.faces[0].landmarks
    assert landmarks is not None
    mirrored = replace(record, faces=(replace(record.faces[0], landmarks=landmarks.mirrored(SIZE_WH[0])),))
    assert np.allclose(pose_of(mirrored).yaw_pitch_roll_deg, [-25, 10, -8], atol=0.1)


def test_points_that_are_no_face_give_nan() -> None:
    record = posed((0, 0, 0), (0, 0, 600))
    face = record.faces[0]
    assert face.landmarks is not None
    wild = np.random.default_rng(1).uniform(0, 700, (98, 2))
    landmarks = Landmarks(wild, np.ones(98), face.landmarks.schema)  # type: ignore[arg-type]
    pose = pose_of(replace(record, faces=(replace(face, landmarks=landmarks),)))
    assert np.isnan(pose.rotation).all()
    assert np.isnan(pose.yaw_pitch_roll_deg).all()
    assert pose.confidence == 0


def test_too_few_points_give_nan() -> None:
    record = posed((0, 0, 0), (0, 0, 600))
    face = record.faces[0]
    assert face.landmarks is not None
    xy = face.landmarks.xy.copy()
    xy[list(load_metric_face().indices[5:])] = np.nan
    landmarks = Landmarks(xy, face.landmarks.confidence, face.landmarks.schema)
    assert pose_of(replace(record, faces=(replace(face, landmarks=landmarks),))).confidence == 0


def test_one_point_far_off_hardly_matters() -> None:
    record = posed((15, 5, 0), (0, 0, 600))
    face = record.faces[0]
    assert face.landmarks is not None
    xy = face.landmarks.xy.copy()
    xy[face.landmarks.schema.index("nose_base_left_2")] += 60
    landmarks = Landmarks(xy, face.landmarks.confidence, face.landmarks.schema)
    pose = pose_of(replace(record, faces=(replace(face, landmarks=landmarks),)))
    assert np.abs(pose.yaw_pitch_roll_deg - [15, 5, 0]).max() < 3
    assert pose.confidence < 0.9


def test_the_frame_before_is_a_start_and_never_more() -> None:
    stage = HeadPoseStage()
    far = posed((-40, 20, 30), (100, 50, 900))
    stage.feedback(stage.step(far))
    near = replace(posed((30, -10, -20), (0, 0, 500)), stamp=Stamp("posed", 1, 40_000_000))
    with_start = pose_of(near, stage)
    assert np.allclose(with_start.yaw_pitch_roll_deg, pose_of(near).yaw_pitch_roll_deg, atol=0.1)


def test_the_metric_face_is_symmetric_and_in_its_frame() -> None:
    face = load_metric_face()
    left = [face.point_mm(f"left_eye_{end}") for end in ("inner", "outer")]
    right = [face.point_mm(f"right_eye_{end}") for end in ("inner", "outer")]
    assert np.allclose(np.array(left) * [-1, 1, 1], right)
    assert face.point_mm("nose_tip")[2] > 20
    assert np.allclose(face.left_eye_mm, [31.5, 0, -face.eye_radius_mm])
    assert local_rotation(0, 0)[2, 2] == 1

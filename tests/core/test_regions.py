"""Regions and boxes that follow from points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.geometry import CropTransform
from mien.core.measures import Box, Landmarks
from mien.core.regions import box_of_landmarks, region_of_detection, region_of_landmarks, roll_of_eyes_deg
from mien.core.schema import load_schema

SCHEMA = load_schema("wflw98")


def upright_face() -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    xy = np.random.default_rng(4).uniform(-50, 50, (98, 2))
    xy[SCHEMA.index("right_eye_outer")] = (-30, -20)
    xy[SCHEMA.index("left_eye_outer")] = (30, -20)
    return xy + 300


def as_landmarks(xy: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Landmarks:
    return Landmarks(xy, np.ones(98), SCHEMA)  # type: ignore[arg-type]


@given(st.floats(-170, 170), st.floats(0.2, 5))
def test_the_region_turns_and_grows_with_the_face(roll: float, scale: float) -> None:
    xy = upright_face()
    turn = CropTransform.around((0, 0), scale * 192, 192, roll)
    plain = region_of_landmarks(as_landmarks(xy), 192)
    moved = region_of_landmarks(as_landmarks(turn.to_image(xy).astype(np.float64)), 192)
    assert plain is not None
    assert moved is not None
    assert np.allclose(moved.corners_xy, turn.to_image(plain.corners_xy), atol=0.01 * scale * 192)


def test_the_face_stands_upright_in_its_region() -> None:
    turn = CropTransform.around((200, 200), 192, 192, 40)
    landmarks = as_landmarks(turn.to_image(upright_face()).astype(np.float64))
    region = region_of_landmarks(landmarks, 192)
    assert region is not None
    inside = region.to_crop(landmarks.xy)
    eyes = inside[[SCHEMA.index("right_eye_outer"), SCHEMA.index("left_eye_outer")]]
    assert eyes[0][1] == pytest.approx(eyes[1][1], abs=0.05)
    assert eyes[0][0] < eyes[1][0]
    assert inside.min() > 10
    assert inside.max() < 182


def test_unknown_points_are_left_out_or_refused() -> None:
    xy = upright_face()
    xy[:10] = np.nan
    box = box_of_landmarks(as_landmarks(xy), 0.5)
    assert box is not None
    assert np.isfinite(box.xyxy).all()
    assert region_of_landmarks(as_landmarks(xy), 192) is not None
    xy[SCHEMA.index("left_eye_outer")] = np.nan
    assert region_of_landmarks(as_landmarks(xy), 192) is None
    assert box_of_landmarks(as_landmarks(np.full((98, 2), np.nan)), 0.5) is None


def test_a_detection_gives_a_region_half_as_large_again() -> None:
    box = Box(np.array([100, 100, 180, 160], np.float32), 1.0)
    eyes = np.array([(120, 120), (160, 100), (0, 0), (0, 0), (0, 0), (0, 0)], np.float32)
    keypoints = Landmarks(eyes, np.ones(6), load_schema("mediapipe6"))  # type: ignore[arg-type]
    region = region_of_detection(box, keypoints, 192)
    assert np.linalg.norm(region.corners_xy[1] - region.corners_xy[0]) == pytest.approx(120, rel=1e-4)
    assert np.allclose(region.corners_xy.mean(axis=0), (140, 130), atol=0.01)
    assert roll_of_eyes_deg(eyes[0], eyes[1]) == pytest.approx(np.degrees(np.arctan2(20, 40)))
    upright = region.to_crop(eyes[:2])
    assert upright[0][1] == pytest.approx(upright[1][1], abs=0.01)

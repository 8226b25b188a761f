"""Regions and boxes that follow from points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.geometry import CropTransform
from mien.core.measures import Box, Landmarks
from mien.core.regions import (
    TIGHT_MARGIN,
    box_of_landmarks,
    detector_region_of_landmarks,
    region_of_detection,
    region_of_landmarks,
    roll_of_eyes_deg,
    roll_of_face_deg,
    tight_region_of_detection,
    tight_region_of_landmarks,
    tight_region_of_wide,
)
from mien.core.schema import load_schema

SCHEMA = load_schema("wflw98")


def upright_face() -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    xy = np.random.default_rng(4).uniform(-50, 50, (98, 2))
    xy[SCHEMA.index("right_eye_outer")] = (-30, -20)
    xy[SCHEMA.index("left_eye_outer")] = (30, -20)
    xy[SCHEMA.index("mouth_right")] = (-18, 25)
    xy[SCHEMA.index("mouth_left")] = (18, 25)
    return xy + 300


def as_landmarks(xy: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Landmarks:
    return Landmarks(xy, np.ones(98), SCHEMA)  # type: ignore[arg-type]


@pytest.mark.parametrize("region", [region_of_landmarks, tight_region_of_landmarks, detector_region_of_landmarks])
@given(st.floats(-170, 170), st.floats(0.2, 5))
def test_the_region_turns_and_grows_with_the_face(region, roll: float, scale: float) -> None:  # type: ignore[no-untyped-def]
    xy = upright_face()
    turn = CropTransform.around((0, 0), scale * 192, 192, roll)
    plain = region(as_landmarks(xy), 192)
    moved = region(as_landmarks(turn.to_image(xy).astype(np.float64)), 192)
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


def side_px(region: CropTransform) -> float:
    return float(np.linalg.norm(region.corners_xy[1] - region.corners_xy[0]))


def test_the_tight_region_is_a_quarter_larger_than_the_points() -> None:
    xy = upright_face()
    region = tight_region_of_landmarks(as_landmarks(xy), 128)
    assert region is not None
    assert side_px(region) == pytest.approx(TIGHT_MARGIN * np.ptp(xy, axis=0).max(), rel=1e-4)
    assert np.allclose(region.corners_xy.mean(axis=0), (xy.min(axis=0) + xy.max(axis=0)) / 2, atol=0.01)
    xy[SCHEMA.index("mouth_left")] = np.nan
    assert tight_region_of_landmarks(as_landmarks(xy), 128) is None
    assert detector_region_of_landmarks(as_landmarks(xy), 48) is None


def test_a_detectors_box_leads_to_the_tight_region_of_the_same_face() -> None:
    """A face 100 px wide and 128 px high from the hairline: the points fill 100 × 102.4 px of it."""
    box = Box(np.array([50, 40, 150, 168], np.float32), 1.0)
    region = tight_region_of_detection(box, None, 128)
    xy = np.clip(upright_face() - 300, -50, 50) * [1, 0.8 * 1.28] + [100, 104 + 0.1 * 128]
    xy[0], xy[1] = (50, 104 - 0.3 * 128), (150, 168)  # the corners of the points' box
    points = as_landmarks(xy)
    same = tight_region_of_landmarks(points, 128)
    assert same is not None
    assert np.allclose(region.corners_xy, same.corners_xy, atol=3)
    back = detector_region_of_landmarks(points, 48)
    assert back is not None
    assert side_px(back) == pytest.approx(128, rel=0.01)
    assert np.allclose(back.corners_xy.mean(axis=0), (100, 104), atol=1)


@pytest.mark.parametrize("roll", [0, 40, -150])
def test_a_wide_region_leads_to_the_tight_one_of_a_square_face(roll: float) -> None:
    turn = CropTransform.around((0, 0), 192, 192, roll)
    xy = np.clip(upright_face() - 300, -50, 50)
    xy[0], xy[1] = (-50, -50), (50, 50)
    points = as_landmarks(turn.to_image(xy).astype(np.float64))
    wide, tight = region_of_landmarks(points, 192), tight_region_of_landmarks(points, 128)
    assert wide is not None
    assert tight is not None
    guessed = tight_region_of_wide(wide, 128)
    assert guessed.size_wh == (128, 128)
    assert np.allclose(guessed.corners_xy, tight.corners_xy, atol=1.5)


def test_five_points_turn_the_first_region() -> None:
    box = Box(np.array([100, 100, 200, 220], np.float32), 1.0)
    upright = np.array([(-20, -15), (20, -15), (0, 5), (-15, 25), (15, 25)], np.float64)
    turn = CropTransform.around((150, 160), 64, 64, 25)
    five = load_schema("points5")
    keypoints = Landmarks(turn.to_image(upright), np.ones(5), five)  # type: ignore[arg-type]
    region = tight_region_of_detection(box, keypoints, 128)
    inside = region.to_crop(keypoints.xy)
    assert inside[0][1] == pytest.approx(inside[1][1], abs=0.01)
    assert inside[3][1] > inside[0][1]
    eyes_only = Landmarks(np.where(np.arange(5)[:, None] < 2, keypoints.xy, np.nan), np.ones(5), five)  # type: ignore[arg-type]
    assert np.allclose(tight_region_of_detection(box, eyes_only, 128).corners_xy, region.corners_xy, atol=0.01)


def test_the_line_down_the_face_settles_the_roll_of_a_profile() -> None:
    frontal = [(-30, 0), (30, 0), (-20, 45), (20, 45)]
    assert roll_of_face_deg(*frontal) == pytest.approx(0)
    profile = [(-1, 0.5), (1, -0.5), (-1, 45), (1, 45)]
    assert abs(roll_of_eyes_deg(*profile[:2])) > 20
    assert abs(roll_of_face_deg(*profile)) < 2

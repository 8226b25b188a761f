"""The solver's input does not depend on where, how large or how tilted a face is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.action_units.features import (
    FEATURES,
    apparent_yaw_pitch,
    features,
    front_view,
    mirror_features,
)
from mien.core.geometry import local_rotation, rotation_from_euler
from mien.core.schema import load_schema

STRAIGHT = np.array([[0.0, 0.0, 1.0]])


def face(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(98, 3) symmetric mean face and a (98, 3) person, both in units of the eye corners."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(98, 3)) * [0.6, 0.8, 0.2]
    order = load_schema("wflw98").mirror
    mean = (points + points[order] * [-1, 1, 1]) / 2
    return mean.astype(np.float32), mean + rng.normal(size=(98, 3)) * [0.05, 0.05, 0.0]


def seen(points: np.ndarray, rotation: np.ndarray, scale: float = 100.0) -> np.ndarray:
    """(1, 98, 2) px of a distant camera."""
    return (points @ rotation.T)[None, :, :2] * scale


@given(st.floats(-40, 40), st.floats(-25, 25), st.floats(20, 900), st.floats(-180, 180), st.floats(-500, 500))
@settings(max_examples=60, deadline=None)
def test_place_size_and_roll_do_not_matter(yaw: float, pitch: float, scale: float, roll: float, shift: float) -> None:
    mean, person = face()
    turn = np.radians([[yaw, pitch]])
    xy = seen(person, rotation_from_euler(yaw, pitch, 0))
    a = np.radians(roll)
    tilted = xy @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) * scale / 100 + [shift, -shift]
    assert np.allclose(front_view(tilted, turn, mean), front_view(xy, turn, mean), atol=1e-4)


@given(st.floats(-60, 60), st.floats(-40, 40))
@settings(max_examples=40, deadline=None)
def test_a_turned_mean_face_is_turned_back(yaw: float, pitch: float) -> None:
    mean, _ = face()
    front = front_view(seen(mean, rotation_from_euler(yaw, pitch, 0)), np.radians([[yaw, pitch]]), mean)
    assert np.allclose(front[0], mean[:, :2], atol=1e-4)


@given(st.floats(-60, 60), st.floats(-40, 40), st.floats(-40, 40))
@settings(max_examples=40, deadline=None)
def test_roll_of_the_camera_does_not_change_the_turn(yaw: float, pitch: float, roll: float) -> None:
    a = np.radians(roll)
    camera = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]])
    turn = apparent_yaw_pitch((camera @ rotation_from_euler(yaw, pitch, 0))[None], STRAIGHT)
    assert np.allclose(np.degrees(turn), [[yaw, pitch]], atol=1e-6)


def test_a_face_at_the_side_of_the_picture_is_seen_turned() -> None:
    turn = apparent_yaw_pitch(rotation_from_euler(0, 0, 0)[None], [[1.0, 0.0, 1.0]])
    # On the image's right (the subject's left) and facing forwards: the camera sees more of its right side.
    assert np.degrees(turn)[0] == pytest.approx([45.0, 0.0], abs=1e-6)


def test_the_mirrored_face_has_the_mirrored_features() -> None:
    mean, person = face()
    turn = np.radians([[20.0, -10.0]])
    neutral = (mean[:, :2] + 0.01)[None]
    one = features(front_view(seen(person, rotation_from_euler(20, -10, 0)), turn, mean), neutral, turn, mean)
    order = load_schema("wflw98").mirror
    other = person[order] * [-1, 1, 1]
    flipped = neutral[:, order] * [-1, 1]
    turn = np.radians([[-20.0, -10.0]])
    two = features(front_view(seen(other, rotation_from_euler(-20, -10, 0)), turn, mean), flipped, turn, mean)
    swap, signs = mirror_features()
    assert one.shape == (1, FEATURES)
    assert np.allclose(one[:, swap] * signs, two, atol=1e-4)


def test_unknown_points_are_put_where_the_neutral_has_them() -> None:
    mean, person = face()
    front = person[None, :, :2].astype(np.float32)
    front[0, 80] = np.nan
    neutral = (mean[:, :2] + 0.02)[None]
    row = features(front, neutral, np.zeros((1, 2)), mean)[0]
    assert np.isfinite(row).all()
    assert row[98 * 2 + 160 : 98 * 2 + 162] == pytest.approx([0.0, 0.0])


def test_a_lost_stable_point_does_not_lose_the_face() -> None:
    mean, _ = face()
    xy = seen(mean, rotation_from_euler(10, 5, 0))
    xy[0, 60] = np.nan
    front = front_view(xy, np.radians([[10.0, 5.0]]), mean)[0]
    assert np.isnan(front[60]).all()
    assert np.allclose(np.delete(front, 60, axis=0), np.delete(mean[:, :2], 60, axis=0), atol=1e-4)


def test_turns_follow_the_convention_of_the_geometry() -> None:
    turn = apparent_yaw_pitch(rotation_from_euler(30, 12, 0)[None], STRAIGHT)
    yaw, pitch = np.degrees(turn[0])
    assert np.allclose(local_rotation(yaw, pitch), local_rotation(30, 12))

"""The places that are watched."""

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.micro import face_crop
from mien.micro.regions import load_regions


def test_every_place_is_a_mean_of_landmarks_and_every_region_a_mean_of_places() -> None:
    regions = load_regions()
    assert regions.places.sum(axis=1) == pytest.approx(1.0)
    assert regions.mean.sum(axis=1) == pytest.approx(1.0)
    assert len(set(regions.names)) == len(regions)


def test_left_is_the_mirror_of_right() -> None:
    regions, mirror = load_regions(), load_schema("wflw98").mirror
    points = np.random.default_rng(1).normal(size=(98, 2))
    flipped = points[mirror] * [-1, 1]
    a, b = regions.mean @ regions.of(points), regions.mean @ regions.of(flipped)
    assert b == pytest.approx(a[regions.mirror] * [-1, 1], abs=1e-5)


def test_the_crop_puts_the_eyes_where_they_belong_whatever_the_picture() -> None:
    points = np.zeros((98, 2))
    points[[60, 64, 68, 72, 51, 53, 57]] = face_crop._ANCHOR_XY * 40 + [300, 200]
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    crop = face_crop.crop_from_landmarks(points @ turn.T)
    assert crop is not None
    right, left = face_crop.apply(crop, (points @ turn.T)[[60, 72]])
    assert left - right == pytest.approx([face_crop.EYES_PX, 0], abs=1e-6)
    assert float(np.hypot(*crop[:, 0])) == pytest.approx(face_crop.EYES_PX / 40)


def test_a_face_without_eyes_has_no_crop() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (98, 2))
    points[60] = np.nan
    assert face_crop.crop_from_landmarks(points) is None
    assert face_crop.crop_from_landmarks(np.zeros((98, 2))) is None


def test_moved_back_undoes_the_movement() -> None:
    crop = np.array([[0.5, 0.1, 20.0], [-0.1, 0.5, 30.0]])
    linear, shift = np.array([[1.02, -0.03], [0.03, 1.02]]), np.array([3.0, -2.0])
    middle = (face_crop.SIDE - 1) / 2
    point = np.array([123.0, 77.0])
    seen = face_crop.apply(crop, point)
    back = face_crop.moved_back(crop, linear, shift)
    assert linear @ (face_crop.apply(back, point) - middle) + middle + shift == pytest.approx(seen)


def test_a_face_at_the_edge_of_the_picture_can_be_cut() -> None:
    image = np.random.default_rng(0).integers(0, 255, (50, 60, 3), dtype=np.uint8)
    for x in (-400.0, 0.0, 500.0):
        crop = np.array([[1.5, 0.0, x], [0.0, 1.5, -x]])
        assert face_crop.cut(image, crop).shape == (face_crop.SIDE, face_crop.SIDE)

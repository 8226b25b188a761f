"""The aligned crop stays where the stable points are; a mirrored picture gives the halves in the other order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.action_units.face_crop import HALF, HEIGHT, PX_PER_UNIT, WIDTH, cut, face_crop, halves
from mien.action_units.landmark_solver import LandmarkSolver
from mien.core.arrays import Float32
from mien.core.schema import load_schema

MIRROR = load_schema("wflw98").mirror
SIZE = 240


@pytest.fixture(scope="module")
def reference() -> Float32:
    solver = LandmarkSolver()
    try:
        return solver.reference
    finally:
        solver.close()


def seen(reference: Float32, scale: float, middle: tuple[float, float]) -> Float32:
    """The mean face from the front, px; subject's left is on the right."""
    return np.stack([middle[0] + scale * reference[:, 0], middle[1] - scale * reference[:, 1]], axis=1).astype(
        np.float32
    )


def test_resolution_and_place(reference: Float32) -> None:
    crop = face_crop(seen(reference, 80.0, (120.0, 100.0)), np.zeros((1, 2)), reference)
    assert crop is not None
    corners = crop.to_crop(seen(reference, 80.0, (120.0, 100.0))[[60, 72]])
    assert abs(float(corners[1, 0] - corners[0, 0]) - PX_PER_UNIT) < 0.5
    assert abs(float(corners[:, 0].mean()) - (WIDTH - 1) / 2) < 0.5


def test_a_wide_open_mouth_does_not_move_it(reference: Float32) -> None:
    calm, open_mouth = (seen(reference, 70.0, (120.0, 100.0)) for _ in range(2))
    open_mouth[76:96, 1] += 30
    a, b = (face_crop(xy, np.zeros((1, 2)), reference) for xy in (calm, open_mouth))
    assert a is not None
    assert b is not None
    np.testing.assert_array_equal(a.image_from_crop, b.image_from_crop)


def test_without_stable_points_there_is_none(reference: Float32) -> None:
    assert face_crop(np.full((98, 2), np.nan), np.zeros((1, 2)), reference) is None


@settings(max_examples=20, deadline=None)
@given(
    yaw=st.floats(-50, 50),
    pitch=st.floats(-25, 25),
    scale=st.floats(40, 110),
    x=st.floats(90, 150),
    roll=st.floats(-30, 30),
    seed=st.integers(0, 99),
)
def test_mirrored_picture(
    reference: Float32, yaw: float, pitch: float, scale: float, x: float, roll: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (12, 12, 3)).astype(np.uint8)
    image = np.kron(coarse, np.ones((SIZE // 12, SIZE // 12, 1), np.uint8))
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    xy = seen(reference, scale, (0.0, 0.0)) @ np.array([[c, s], [-s, c]]) + [x, 100.0]
    turn = np.radians([[yaw, pitch]])
    other_xy = xy[MIRROR] * [-1, 1] + [SIZE - 1, 0]
    crop, other = face_crop(xy, turn, reference), face_crop(other_xy, turn * [-1, 1], reference)
    assert crop is not None
    assert other is not None
    one, two = halves(cut(image, crop)), halves(cut(np.ascontiguousarray(image[:, ::-1]), other))
    assert one.shape == (2, 3, HEIGHT, HALF)
    # The mean face is symmetric to a few thousandths; pixels at the edges of the blocks may differ by that.
    assert float(np.abs(one - two[::-1]).mean()) < 0.05


def test_brightness_and_contrast_do_not_matter() -> None:
    crop = np.random.default_rng(1).integers(60, 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    np.testing.assert_allclose(halves(crop), halves((crop * 2).astype(np.uint8)), atol=1e-3)


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a crop of"):
        halves(np.zeros((HEIGHT, HEIGHT, 3), np.uint8))

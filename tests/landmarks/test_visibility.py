"""Visibility of points on a turned face."""

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.landmarks.visibility import mesh_yaw_deg, visibility

SCHEMA = load_schema("wflw98")
POINTS = np.full((98, 2), 50, np.float32)


def mesh(yaw_deg: float) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    out = np.zeros((478, 3), np.float32)
    a = np.radians(yaw_deg)
    out[454], out[234] = (np.cos(a), 0, np.sin(a)), (-np.cos(a), 0, -np.sin(a))
    return out


@pytest.mark.parametrize("yaw", [-70, -30, 0, 30, 70])
def test_the_far_side_is_less_visible(yaw: float) -> None:
    assert mesh_yaw_deg(mesh(yaw)) == pytest.approx(yaw, abs=1e-3)
    seen = visibility(mesh(yaw), POINTS, (100, 100))
    left, right = seen[SCHEMA.index("contour_left_12")], seen[SCHEMA.index("contour_right_12")]
    assert (left < right) == (yaw > 0)
    assert (left == right) == (yaw == 0)
    assert seen[SCHEMA.index("nose_tip")] == 1
    assert min(left, right) >= 0.1 - 1e-6


def test_outside_the_picture_is_a_guess() -> None:
    points = POINTS.copy()
    points[16] = (50, 130)
    seen = visibility(mesh(0), points, (100, 100))
    assert seen[16] == pytest.approx(0.2)
    assert (np.delete(seen, 16) == 1).all()

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.avatar.builtin_mesh import curve, facing_out, tube
from mien.avatar.solid import ball, capsule, carve, cast, ellipsoid, join, smooth_step

POINTS = np.random.default_rng(0).normal(size=(200, 3)) * 3


def test_a_ball_is_an_ellipsoid_and_a_capsule_without_length() -> None:
    np.testing.assert_allclose(ellipsoid(POINTS, (1, 0, 0), (2, 2, 2)), ball(POINTS, (1, 0, 0), 2.0), atol=1e-9)
    rod = capsule(POINTS, ((1, 0, 0), (1, 1e-6, 0)), (2.0, 2.0))
    np.testing.assert_allclose(rod, ball(POINTS, (1, 0, 0), 2.0), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(soft=st.floats(0.05, 3.0), shift=st.floats(-3, 3))
def test_joining_only_adds_and_carving_only_takes(soft: float, shift: float) -> None:
    a, b = ball(POINTS, (0, 0, 0), 1.0), ball(POINTS, (shift, 0, 0), 1.0)
    assert (join(a, b, soft) <= np.minimum(a, b) + 1e-12).all()
    assert (join(a, b, soft) >= np.minimum(a, b) - soft / 4 - 1e-12).all()
    assert (carve(a, b, soft) >= np.maximum(a, -b) - 1e-12).all()


def test_rays_end_on_the_surface() -> None:
    out = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    hits = cast(lambda p: ellipsoid(p, (0, 0, 0), (2, 3, 4)), 9.0 * out, -out)
    np.testing.assert_allclose(((hits / [2, 3, 4]) ** 2).sum(axis=1), 1.0, atol=1e-6)


def test_smooth_step() -> None:
    np.testing.assert_allclose(smooth_step(1.0, 3.0, np.array([0.0, 1.0, 2.0, 3.0, 9.0])), [0, 0, 0.5, 1, 1])


def test_tubes_face_outwards_and_curves_pass_through_their_points() -> None:
    path = curve(np.array([[0.0, 0, 0], [0, 0, 1], [0, 1, 2]]), 9)
    np.testing.assert_allclose(path[[0, 4, 8]], [[0, 0, 0], [0, 0, 1], [0, 1, 2]], atol=1e-12)
    side, up = np.tile([0.3, 0, 0], (9, 1)), np.tile([0, 0.3, 0], (9, 1))
    xyz, triangles = tube(path, side, up, 8)
    a, b, c = (xyz[triangles[:, i]] for i in range(3))
    assert np.einsum("ij,ij->", a, np.cross(b, c)) > 0
    np.testing.assert_array_equal(facing_out(xyz, triangles[:, ::-1]), triangles)

"""Features of the regression: what they measure, and that the mirror image is a permutation with signs."""

from __future__ import annotations

import numpy as np
import pytest

from mien.action_units.unit_features import (
    angles,
    distances,
    feature_count,
    measures,
    mirror_unit_features,
    unit_features,
)
from mien.core.schema import load_schema

W = load_schema("wflw98")
RNG = np.random.default_rng(0)
MEAN = np.column_stack([RNG.normal(0, 0.4, (98, 2)), RNG.normal(0, 0.1, 98)]).astype(np.float32)
MEAN = (MEAN + MEAN[W.mirror] * [-1, 1, 1]) / 2


def faces(n: int = 3) -> np.ndarray:
    return (MEAN[None, :, :2] + RNG.normal(0, 0.03, (n, 98, 2))).astype(np.float32)


def test_distances_and_angles_are_those_of_plain_geometry() -> None:
    square = np.zeros((1, 98, 2))
    square[0, 76], square[0, 82] = (0.0, 0.0), (3.0, 4.0)
    found = measures(square)[0]
    assert found[distances().index((76, 82))] == pytest.approx(5.0)
    corner = np.zeros((1, 98, 2))
    corner[0, 79], corner[0, 76], corner[0, 85] = (0.0, 1.0), (0.0, 0.0), (2.0, 0.0)
    at = len(distances()) + angles().index((79, 76, 85))
    assert measures(corner)[0, at] == pytest.approx(np.pi / 2)
    assert measures(faces()).shape == (3, len(distances()) + len(angles()))


def test_the_mirror_image_is_a_permutation_with_signs() -> None:
    front, rest, turn = faces(), faces(), RNG.normal(0, 0.2, (3, 2))
    order, signs = mirror_unit_features()
    x = unit_features(front, rest, turn, MEAN)
    flip = np.array([-1, 1], np.float32)
    turned = unit_features(front[:, W.mirror] * flip, rest[:, W.mirror] * flip, turn * [-1, 1], MEAN)
    np.testing.assert_allclose(x[:, order] * signs, turned, atol=2e-5)
    assert sorted(order) == list(range(feature_count()))
    np.testing.assert_allclose((x[:, order] * signs)[:, order] * signs, x, atol=1e-6)


def test_without_a_neutral_nothing_has_changed() -> None:
    front = faces()
    known = unit_features(front, front, np.zeros((3, 2)), MEAN)
    strange = unit_features(front, None, np.zeros((3, 2)), MEAN)
    np.testing.assert_allclose(known[:, :-1], strange[:, :-1], atol=1e-6)
    assert (known[:, -1] == 1).all()
    assert (strange[:, -1] == 0).all()


def test_lost_points_are_put_where_the_neutral_has_them() -> None:
    front, rest = faces(1), faces(1)
    lost = front.copy()
    lost[0, 76:88] = np.nan
    found = unit_features(lost, rest, np.zeros((1, 2)), MEAN)
    assert np.isfinite(found).all()
    lost[0, 76:88] = rest[0, 76:88]
    np.testing.assert_array_equal(found, unit_features(lost, rest, np.zeros((1, 2)), MEAN))

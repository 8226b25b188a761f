"""Views of a region: what is looked at, and how points come back."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.geometry import CropTransform
from mien.core.schema import load_schema
from mien.lab.pseudo.views import VIEWS, View, looked_at, points_back

REGION = CropTransform.around((50.0, 40.0), 60.0, 192, 12.0)


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: v.name)
def test_a_place_seen_in_a_view_comes_back_to_where_it_is(view: View) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
    mirror = load_schema("wflw98").mirror
    places = rng.uniform(30, 60, (98, 2)).astype(np.float32)
    picture, region = looked_at(image, REGION, view)
    # Where the view shows the places: of a flipped picture, point i of the face is called mirror[i].
    shown = places.copy()
    if view.mirrored:
        shown[:, 0] = image.shape[1] - 1 - shown[:, 0]
        shown = shown[list(mirror)]
    in_crop = region.to_crop(shown)
    back = points_back(region.to_image(in_crop), view, image.shape[1], tuple(mirror))
    assert np.abs(back - places).max() < 1e-3
    assert picture.shape == image.shape


def test_a_mirrored_view_shows_the_mirrored_crop() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    _, region = looked_at(image, REGION, View("m", mirrored=True))
    place = np.array([[20.0, 70.0]], np.float32)
    straight = REGION.to_image(place)
    flipped = region.to_image(np.array([[191.0 - 20.0, 70.0]], np.float32))
    assert np.allclose(flipped[:, 0], 119 - straight[:, 0], atol=1e-3)
    assert np.allclose(flipped[:, 1], straight[:, 1], atol=1e-3)


def test_scale_and_shift_move_the_region_by_shares_of_its_side() -> None:
    image = np.zeros((90, 120, 3), np.uint8)
    middle = np.array([95.5, 95.5], np.float32)
    upright = CropTransform.around((50.0, 40.0), 60.0, 192)
    _, moved = looked_at(image, upright, View("s", scale=1.25, shift=(0.1, -0.05)))
    assert np.allclose(moved.to_image(middle), [56.0, 37.0], atol=1e-3)
    assert np.isclose(np.linalg.det(moved.image_from_crop[:, :2]) ** 0.5 * 192, 75.0, atol=1e-3)

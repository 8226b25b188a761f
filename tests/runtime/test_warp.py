from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.geometry import CropTransform
from mien.runtime.warp import warp_crop


def _centroid(picture: np.ndarray) -> np.ndarray:
    weight = picture.astype(np.float64)
    ys, xs = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(70, 130),
    y=st.floats(70, 110),
    side=st.floats(40, 120),
    size=st.sampled_from([64, 97, 128]),
    roll=st.floats(-180, 180),
    spot=st.tuples(st.integers(-8, 8), st.integers(-8, 8)),
)
def test_a_dot_lands_where_the_transform_says(
    x: float, y: float, side: float, size: int, roll: float, spot: tuple[int, int]
) -> None:
    image = np.zeros((180, 200), dtype=np.uint8)
    dot = np.round([x + spot[0], y + spot[1]]).astype(int)
    image[dot[1] - 3 : dot[1] + 4, dot[0] - 3 : dot[0] + 4] = 255
    crop = CropTransform.around((x, y), side, size, roll)
    found = _centroid(warp_crop(image, crop))
    np.testing.assert_allclose(found, crop.to_crop(dot), atol=0.35)
    np.testing.assert_allclose(crop.to_image(found), dot, atol=0.35 * side / size + 0.1)


def test_the_identity_changes_nothing() -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    crop = CropTransform(np.eye(2, 3, dtype=np.float32), (30, 20))
    np.testing.assert_array_equal(warp_crop(image, crop), image)


def test_outside_is_black_and_read_only_images_are_taken() -> None:
    image = np.full((40, 40, 3), 200, dtype=np.uint8)
    image.flags.writeable = False
    out = warp_crop(image, CropTransform.around((0, 0), 40, 40))
    assert out.shape == (40, 40, 3)
    assert (out[:19, :19] == 0).all()
    assert (out[21:, 21:] == 200).all()
    grey = warp_crop(image, CropTransform.around((0, 0), 40, 40), outside=127)
    assert (grey[:19, :19] == 127).all()
    assert (grey[21:, 21:] == 200).all()


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.float32), np.zeros(4, np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected a uint8 image"):
        warp_crop(image, CropTransform.around((0, 0), 4, 4))


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(150, 450),
    y=st.floats(150, 350),
    side=st.floats(130, 700),
    roll=st.floats(-180, 180),
    spot=st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
)
def test_smoothing_moves_nothing(x: float, y: float, side: float, roll: float, spot: tuple[int, int]) -> None:
    image = np.zeros((501, 603), dtype=np.uint8)
    dot = np.round([x + spot[0], y + spot[1]]).astype(int)
    image[dot[1] - 8 : dot[1] + 9, dot[0] - 8 : dot[0] + 9] = 255
    crop = CropTransform.around((x, y), side, 64, roll)
    found = _centroid(warp_crop(image, crop, smooth=True))
    np.testing.assert_allclose(found, crop.to_crop(dot), atol=0.2)


def test_smoothing_averages_what_a_crop_pixel_spans_and_is_idle_below_two() -> None:
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    eighth = CropTransform.around((127.5, 127.5), 256, 32)
    assert np.ptp(warp_crop(stripes, eighth, smooth=True)[1:-1, 1:-1]) == 0
    assert warp_crop(stripes, eighth, smooth=True)[16, 16, 0] == 100
    assert np.ptp(warp_crop(stripes, CropTransform.around((127, 127), 250, 32))[..., 0]) > 100, "aliased"
    near = CropTransform.around((100, 100), 60, 32)
    np.testing.assert_array_equal(warp_crop(stripes, near, smooth=True), warp_crop(stripes, near))
    away = CropTransform.around((-500, 100), 300, 32)
    assert not warp_crop(stripes, away, smooth=True).any()

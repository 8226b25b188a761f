"""Dark pictures made brighter for the networks."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from mien.core.geometry import CropTransform
from mien.runtime import light
from mien.runtime.light import BRIGHT, DARK, MOST, light_gain, lit
from mien.runtime.warp import warp_crop


def picture(dark: int, bright: int, share: float = 0.1) -> np.ndarray:
    image = np.full((240, 320, 3), dark, np.uint8)
    image[: round(240 * share)] = bright
    return image


@pytest.mark.parametrize(
    ("image", "gain"),
    [
        (picture(120, 200), 1.0),
        (picture(64, 64), 1.0),
        (picture(16, 16), DARK / 16),
        (picture(1, 1), MOST),
        (picture(0, 0), MOST),
        (picture(10, 225), BRIGHT / 225),  # a lit face before a black wall
        (picture(4, 46), BRIGHT / 46),
        (np.full((100, 90), 32, np.uint8), 2.0),
        (np.zeros((0, 5, 3), np.uint8), 1.0),
    ],
)
def test_dark_pictures_get_brighter_and_lit_faces_stay(image: np.ndarray, gain: float) -> None:
    assert light_gain(image) == pytest.approx(gain, rel=0.02)


def test_nothing_jumps_where_darkness_begins() -> None:
    gains = [light_gain(np.full((60, 60, 3), level, np.uint8)) for level in range(255)]
    assert gains[64:] == [1.0] * len(gains[64:])
    steps = np.diff(gains[20:])
    assert (steps <= 0).all()
    assert abs(steps).max() < 0.2


def test_a_frame_is_measured_once_and_forgotten_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    real = light._measured
    monkeypatch.setattr(light, "_measured", lambda image: measured.append(1) or real(image))
    image = picture(16, 16)
    assert light_gain(image) == light_gain(image)
    assert len(measured) == 1
    del image
    gc.collect()
    assert light_gain(picture(32, 32)) == pytest.approx(2)
    assert len(measured) == 2


def test_pixels_are_multiplied_and_end_at_white() -> None:
    pixels = np.array([[0, 10, 200]], np.uint8)
    assert lit(pixels, 1.0) is pixels
    np.testing.assert_array_equal(lit(pixels, 3.0), [[0, 30, 255]])


def test_crops_get_brighter_and_their_surroundings_stay_grey() -> None:
    image = np.full((40, 40, 3), 20, np.uint8)
    crop = CropTransform(np.array([[1, 0, -10], [0, 1, 0]], np.float32), (20, 20))
    out = warp_crop(image, crop, outside=128, gain=4.0)
    assert (out[:, :10] == 128).all()
    assert (out[:, 11:] == 80).all()

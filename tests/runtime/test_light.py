"""Dark pictures made brighter for the networks."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from mien.runtime import light
from mien.runtime.light import BRIGHT, DARK, MOST, in_light, light_gain


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


def test_coloured_light_counts_by_its_strongest_colour() -> None:
    image = np.full((60, 60, 3), 3, np.uint8)
    image[20:40, 20:40] = 30, 45, 130  # a face before a screen
    assert light_gain(image) == pytest.approx(BRIGHT / 130, rel=0.01)


def test_nothing_jumps_where_darkness_begins_or_the_limit_moves() -> None:
    gains = np.array([light_gain(np.full((60, 60, 3), level, np.uint8)) for level in range(255)])
    assert (gains[64:] == 1.0).all()
    steps = np.diff(gains[20:])
    assert (steps <= 0).all()
    assert abs(steps).max() < 0.2
    rng = np.random.default_rng(0)
    dim = np.full((240, 320, 3), 6.0)
    dim[80:160, 100:180] = 20
    noisy = [light_gain(np.clip(dim + rng.normal(0, 1.5, dim.shape), 0, 255).astype(np.uint8)) for _ in range(30)]
    assert np.std(noisy) / np.mean(noisy) < 0.02


def test_a_frame_is_made_brighter_once_and_forgotten_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = light._gain
    monkeypatch.setattr(light, "_gain", lambda sample: asked.append(1) or real(sample))
    image = picture(16, 16)
    first = in_light(image)
    assert in_light(image) is first
    assert len(asked) == 1
    assert (first == 64).all()
    assert (image == 16).all(), "what was taken stays as it is"
    del image
    gc.collect()
    assert (in_light(picture(32, 32)) == 64).all()
    assert len(asked) == 2


def test_an_array_that_is_filled_anew_is_looked_at_anew() -> None:
    image = picture(16, 16)
    assert (in_light(image) == 64).all()
    image[:] = 200
    assert in_light(image) is image


def test_bright_pictures_are_shown_as_they_are_and_white_is_the_end() -> None:
    image = picture(120, 200)
    assert in_light(image) is image
    dim = np.full((60, 60), 8, np.uint8)
    dim[0, 0] = 250
    assert in_light(dim)[0, 0] == 255
    assert in_light(dim)[1, 1] in (63, 64)

"""Flow read at places is what the long way gives: flow of whole pictures, a mean of 5 by 5 px, a look between them."""

import cv2
import numpy as np
import pytest

from mien.micro.face_crop import SIDE
from mien.micro.place_flow import PlaceFlow, dense_flow, halved

RNG = np.random.default_rng(4)
PLACES = np.concatenate([RNG.uniform(-8, SIDE + 8, (200, 2)), [[0, 0], [0.49, SIDE - 1], [SIDE - 1, 0.5], [7, 8]]])


def _long_way(dense: np.ndarray, places: np.ndarray) -> np.ndarray:
    at = places.astype(np.float32)
    mean = cv2.blur(dense, (5, 5))
    return cv2.remap(mean, at[:, 0], at[:, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(-1, 2)


def _picture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (SIDE, SIDE))
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return ((soft - soft.mean()) / soft.std() * 40 + 120).clip(0, 255).astype(np.uint8)


def test_what_is_read_is_what_the_long_way_gives() -> None:
    flow = RNG.normal(0, 3, (SIDE // 2, SIDE // 2, 2)).astype(np.float32)
    dense = 2 * cv2.resize(flow, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    assert PlaceFlow(PLACES).read(flow) == pytest.approx(_long_way(dense, PLACES), abs=5e-6)


def test_flow_of_halved_pictures_is_that_of_whole_ones() -> None:
    first = _picture(1)
    turned = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 1.5, 1.01)
    second = cv2.warpAffine(first, turned, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    whole = dense_flow()
    whole.setFinestScale(1)
    dense = whole.calc(first, second, None)
    half = dense_flow().calc(halved(first), halved(second), None)
    assert np.abs(dense).max() > 1.0
    assert np.array_equal(2 * cv2.resize(half, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), dense)
    assert PlaceFlow(PLACES).read(half) == pytest.approx(_long_way(dense, PLACES), abs=5e-6)


def test_places_that_are_not_known_hurt_nobody() -> None:
    flow = np.ones((SIDE // 2, SIDE // 2, 2), np.float32)
    read = PlaceFlow(np.array([[np.nan, 5.0], [20.0, 30.0]])).read(flow)
    assert read[1] == pytest.approx([2.0, 2.0])

"""Flow of a known translation, strain of rigid movements, head movement taken out."""

import cv2
import numpy as np
import pytest

from mien.lab.micro.flow import enriched, flow, flow_picture, strain, without_head

SIDE = 96
TEXTURE = cv2.GaussianBlur(np.random.default_rng(0).uniform(0, 255, (SIDE, SIDE)), (0, 0), 2.0)
TEXTURE = ((TEXTURE - TEXTURE.mean()) * 6 + 128).clip(0, 255).astype(np.uint8)


def _moved(dx: float, dy: float) -> np.ndarray:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float64)
    return cv2.warpAffine(TEXTURE, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)


def test_flow_of_a_known_translation() -> None:
    found = flow(TEXTURE, _moved(1.5, -0.75))[16:-16, 16:-16]
    assert found.reshape(-1, 2).mean(axis=0) == pytest.approx([1.5, -0.75], abs=0.15)


def test_the_head_is_taken_out() -> None:
    field = without_head(flow(TEXTURE, _moved(2.0, 1.0)))
    assert np.abs(field[16:-16, 16:-16]).mean() < 0.15


def test_strain_of_a_shift_is_0_and_of_a_stretch_is_its_rate() -> None:
    rows, columns = np.mgrid[:20, :20].astype(np.float64)
    assert strain(np.dstack([rows * 0 + 3, rows * 0 - 2]).astype(np.float32)).max() == 0
    turn = np.dstack([-0.01 * rows, 0.01 * columns]).astype(np.float32)
    assert strain(turn).max() < 1e-6
    stretch = np.dstack([0.1 * columns, rows * 0]).astype(np.float32)
    assert strain(stretch) == pytest.approx(0.1, abs=1e-6)
    shear = np.dstack([0.1 * rows, rows * 0]).astype(np.float32)  # ε_xy = 0.05, √(2 · 0.05²)
    assert strain(shear) == pytest.approx(0.05 * np.sqrt(2), abs=1e-6)


def test_pictures_have_their_channels() -> None:
    picture = flow_picture(TEXTURE, _moved(1.0, 0.0), 42)
    assert picture.shape == (3, 42, 42)
    assert (picture[2] >= 0).all()
    clip = enriched(np.stack([TEXTURE, TEXTURE, _moved(0.0, 1.0)]))
    assert clip.shape == (4, 3, SIDE, SIDE)
    assert np.abs(clip[1:, 0]).max() == 0
    assert clip[0, 0] == pytest.approx((TEXTURE.astype(np.float32) - 128) / 64)

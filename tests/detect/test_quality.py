"""Quality against pictures with known sharpness and brightness."""

import cv2
import numpy as np
import pytest

from mien.core.arrays import UInt8
from mien.core.measures import Box, Quality
from mien.core.record import Face, FrameRecord, Stamp
from mien.detect.quality import QualityStage


def quality(image: UInt8, xyxy: tuple[float, float, float, float]) -> Quality:
    face = Face(Box(np.array(xyxy, np.float32), 1.0))
    record = FrameRecord(Stamp("test", 0, 0), (image.shape[1], image.shape[0]), image, (face,))
    found = QualityStage().step(record).faces[0].quality
    assert found is not None
    return found


def checks(side: int, field: int) -> UInt8:
    squares = np.indices((side, side)).sum(axis=0) // field % 2
    return np.repeat((squares[..., None] * 120 + 60).astype(np.uint8), 3, axis=2)


def test_blur_lowers_sharpness_far() -> None:
    pattern = np.kron(np.random.default_rng(1).integers(0, 255, (40, 40)), np.ones((8, 8))).astype(np.uint8)
    image = np.repeat(pattern[..., None], 3, axis=2)
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), 12), np.uint8)
    sharp = quality(image, (20, 20, 300, 300)).sharpness
    assert sharp > 300
    assert quality(soft, (20, 20, 300, 300)).sharpness < 30


def test_brightness_and_size() -> None:
    image = np.full((200, 300, 3), 77, np.uint8)
    found = quality(image, (50, 50, 150, 90))
    assert found.brightness == pytest.approx(77, abs=1)
    assert found.sharpness == pytest.approx(0, abs=1e-6)
    assert found.face_px == pytest.approx(np.sqrt(100 * 40))


def test_the_same_picture_at_twice_the_size_is_about_as_sharp() -> None:
    rng = np.random.default_rng(2)
    small = np.asarray(cv2.resize(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8), (256, 256)), np.uint8)
    large = np.asarray(cv2.resize(small, (1024, 1024)), np.uint8)
    a = quality(small, (0, 0, 256, 256)).sharpness
    b = quality(large, (0, 0, 1024, 1024)).sharpness
    assert b == pytest.approx(a, rel=0.25)


@pytest.mark.parametrize("xyxy", [(-200, 0, -100, 80), (10, 10, 12, 12), (290, 190, 400, 300)])
def test_a_face_that_cannot_be_judged_is_nan(xyxy: tuple[float, float, float, float]) -> None:
    found = quality(checks(300, 10), xyxy)
    assert np.isnan(found.sharpness)
    assert np.isnan(found.brightness)
    assert found.face_px > 0

"""What a puppet was asked for is seen by two that were not told: the optical flow and the teacher."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien.lab.pseudo.puppet import Portrait
from mien.lab.pseudo.puppet_check import SHOWS_IN, Seen, flow_at, measure
from mien.lab.pseudo.teacher import Teacher
from mien.sources.portrait import geometry, portrait


@pytest.fixture(scope="module")
def seen() -> dict[str, Seen]:
    teacher = Teacher()
    try:
        large = cv2.resize(portrait()[:340, 60:400], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        points = (geometry().points - [60, 0] + 0.5) * 2 - 0.5
        return measure([Portrait(np.asarray(large, np.uint8), points.astype(np.float32))], teacher)
    finally:
        teacher.close()


def test_the_pixels_flow_as_asked(seen: dict[str, Seen]) -> None:
    assert set(seen) == set(SHOWS_IN)
    for motion in ("brows", "smile", "turn", "nod"):
        assert seen[motion].flow_correlation > 0.8, motion
        assert 0.25 < seen[motion].flow_slope < 1.3, motion  # the flow smooths small motions away


def test_the_teacher_sees_large_motions(seen: dict[str, Seen]) -> None:
    for motion in ("brows", "smile", "turn", "nod"):
        assert seen[motion].correlation > 0.8, motion
    assert 0.8 < seen["turn"].slope < 1.2
    assert seen["blink"].slope > 0.3


def test_the_flow_of_a_shifted_picture_is_the_shift() -> None:
    picture = portrait()
    places = geometry().points[33:60].astype(np.float32)
    flow = flow_at(picture, np.roll(picture, (1, 2), axis=(0, 1)), places)
    assert np.abs(np.median(flow, axis=0) - [2, 1]).max() < 0.3

"""Every stage that asks a network of ours sees a dark picture as a bright one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disc_networks import record, scene, write_expression
from mien.core.arrays import UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Box
from mien.core.record import Face
from mien.detect.cascade import CascadeDetector
from mien.detect.cascade import Options as CascadeOptions
from mien.detect.ssd import Options as SsdOptions
from mien.detect.ssd import SsdDetector
from mien.expression.network import NetworkExpression
from mien.expression.network import Options as ExpressionOptions
from mien.landmarks.hrnet98 import HeatmapLandmarks
from mien.landmarks.hrnet98 import Options as HeatmapOptions
from mien.runtime.light import light_gain

X, Y, RADIUS = 100.0, 80.0, 30.0


@pytest.fixture
def bright() -> UInt8:
    return scene({"a": (X, Y, RADIUS)})


@pytest.fixture
def dark(bright: UInt8) -> UInt8:
    out = bright // 8
    assert light_gain(out) > 7
    return out


def cascade(models: Path) -> CascadeDetector:
    names = {"proposal": "immtcnn-p", "refine": "immtcnn-r", "output": "immtcnn-o"}
    return CascadeDetector(CascadeOptions.model_validate({k: str(models / v) for k, v in names.items()}))


def test_detectors(disc_models: Path, bright: UInt8, dark: UInt8) -> None:
    for detector in (cascade(disc_models), SsdDetector(SsdOptions(model=str(disc_models / "ssd-face")))):
        (plain,), (found,) = (detector.step(record(image)).faces for image in (bright, dark))
        assert np.allclose(found.box.xyxy, plain.box.xyxy, atol=1.5)
        detector.close()


def test_faces_that_are_followed_are_judged_alike(disc_models: Path, bright: UInt8, dark: UInt8) -> None:
    detector = cascade(disc_models)
    region = CropTransform(np.array([[1.6, 0, X - 38], [0, 1.6, Y - 38]], np.float32), (48, 48))
    plain, found = (float(detector.face_scores(image, [region])[0]) for image in (bright, dark))
    assert plain > 0.5
    assert found == pytest.approx(plain, abs=0.05)
    detector.close()


def test_landmarks(disc_models: Path, bright: UInt8, dark: UInt8) -> None:
    stage = HeatmapLandmarks(HeatmapOptions(model=str(disc_models / "hrnet98-128")))
    face = Face(Box(np.array([X - RADIUS, Y - RADIUS, X + RADIUS, Y + RADIUS], np.float32), 0.9))
    (plain,), (found,) = (stage.step(replace(record(image), faces=(face,))).faces for image in (bright, dark))
    assert plain.landmarks is not None
    assert found.landmarks is not None
    assert np.abs(found.landmarks.xy - plain.landmarks.xy).max() < 1.0
    stage.close()


def test_expressions(tmp_path: Path) -> None:
    write_expression(tmp_path / "expression48")
    stage = NetworkExpression(ExpressionOptions(model=str(tmp_path / "expression48")))
    image = np.full((120, 120, 3), 24, np.uint8)
    image[60:] = 112  # as bright in the mean as a dark picture is made
    region = CropTransform(np.array([[6, 0, 12], [0, 6, 12]], np.float32), (stage.size_px, stage.size_px))
    plain, found = (stage.probabilities(i, region) for i in (image, image // 8))
    assert np.abs(plain - found).max() < 0.05
    assert np.abs(plain - 1 / 7).max() > 0.2, "it says something"
    stage.close()

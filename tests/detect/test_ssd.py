"""The single-network detector on a bright disc, which its test network takes for a face."""

from pathlib import Path

import numpy as np
import pytest

from disc_networks import SSD_PX, record, scene
from mien.detect.ssd import Options, SsdDetector, fitted
from mien.errors import ModelError


@pytest.mark.parametrize("size_wh", [(320, 180), (180, 320), (64, 64), (40, 40)])
def test_boxes_are_those_of_the_picture_whatever_its_shape(disc_models: Path, size_wh: tuple[int, int]) -> None:
    detector = SsdDetector(Options(model=str(disc_models / "ssd-face")))
    x, y, radius = 0.4 * size_wh[0], 0.6 * size_wh[1], 0.25 * min(size_wh)
    (face,) = detector.step(record(scene({"a": (x, y, radius)}, size_wh))).faces
    px_per_input_px = max(size_wh) / SSD_PX
    wanted = [x - radius, y - radius, x + radius, y + radius]
    assert np.allclose(face.box.xyxy, wanted, atol=0.35 * max(1.0, px_per_input_px))
    assert face.box.confidence == pytest.approx(0.9)
    assert face.keypoints is None


def test_weak_and_overlapping_findings_are_dropped(disc_models: Path) -> None:
    image = scene({"a": (100, 80, 40)})

    def scores(**options: float) -> list[float]:
        detector = SsdDetector(Options.model_validate({"model": str(disc_models / "ssd-face"), **options}))
        return [round(float(s), 2) for s in detector.find(image)[1]]

    assert scores() == [0.9]
    assert scores(overlap=0.8) == [0.9, 0.8]
    assert scores(overlap=0.8, max_faces=1) == [0.9]
    assert scores(overlap=0.8, min_confidence=0.85) == [0.9]
    assert scores(min_confidence=0.95) == []


def test_a_network_of_another_kind_is_refused_at_once(disc_models: Path) -> None:
    with pytest.raises(ModelError, match="is no single-shot detector: .*scores .*boxes"):
        SsdDetector(Options(model=str(disc_models / "immtcnn-o")))


def test_a_picture_is_fitted_at_the_top_left_and_keeps_its_proportions() -> None:
    image = np.full((90, 160, 3), 200, np.uint8)
    out, ratio = fitted(image, 64)
    assert ratio == pytest.approx(2.5)
    assert (out[:36] == 200).all()
    assert (out[36:] == 127).all()

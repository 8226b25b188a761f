"""The cascade on pictures of bright discs, which its test networks take for faces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disc_networks import FIVE, layout, record, scene
from mien.core.measures import Landmarks
from mien.core.regions import detector_region_of_landmarks
from mien.core.schema import load_schema
from mien.detect import cascade
from mien.detect import cascade_geometry as geometry
from mien.detect.cascade import CascadeDetector, Options
from mien.errors import ModelError

DISCS = {"large": (100.25, 80.5, 30.0), "small": (220.0, 60.0, 17.0), "edge": (300.0, 150.0, 24.0)}


def options(models: Path, **changes: object) -> Options:
    names = {"proposal": "immtcnn-p", "refine": "immtcnn-r", "output": "immtcnn-o"}
    return Options.model_validate({k: str(models / v) for k, v in names.items()} | changes)


@pytest.fixture(scope="module")
def detector(disc_models: Path) -> CascadeDetector:
    return CascadeDetector(options(disc_models))


def by_size(detector: CascadeDetector, discs: dict[str, tuple[float, float, float]]) -> list[tuple[float, ...]]:
    """(x, y, radius) of what is found, largest first."""
    boxes, _, _ = detector.find(scene(discs))
    found = [(*((b[:2] + b[2:]) / 2), float((b[2] - b[0]) / 2)) for b in boxes]
    return sorted(found, key=lambda f: -f[2])


def test_every_disc_is_found_once_and_where_it_is(detector: CascadeDetector) -> None:
    found = by_size(detector, DISCS)
    wanted = sorted(DISCS.values(), key=lambda d: -d[2])
    assert np.allclose(found, wanted, atol=1.3)


def test_boxes_and_key_points_are_a_faces(detector: CascadeDetector) -> None:
    (face,) = detector.step(record(scene({"a": DISCS["large"]}))).faces
    x, y, radius = DISCS["large"]
    assert np.allclose(face.box.xyxy, [x - radius, y - radius, x + radius, y + radius], atol=0.6)
    assert face.box.confidence > 0.9
    assert face.keypoints is not None
    assert face.keypoints.schema.name == "points5"
    assert np.allclose(face.keypoints.xy, FIVE * radius + [x, y], atol=0.6)
    assert face.track_id is None
    assert face.crop is None


def test_nothing_is_found_where_nothing_is(detector: CascadeDetector) -> None:
    assert detector.step(record(scene({}))).faces == ()
    assert detector.step(record(np.full((90, 160, 3), 200, np.uint8))).faces == ()
    assert detector.step(replace(record(scene({})), image=None)).faces == ()


def test_the_smallest_face_is_a_matter_of_the_option(disc_models: Path) -> None:
    discs = {"a": (60.0, 60.0, 36.0), "b": (200.0, 60.0, 13.0)}
    assert [r for _, _, r in by_size(CascadeDetector(options(disc_models)), discs)] == pytest.approx([36, 13], abs=1)
    coarse = CascadeDetector(options(disc_models, min_face_px=50))
    assert [r for _, _, r in by_size(coarse, discs)] == pytest.approx([36], abs=1)


def test_only_the_best_are_kept(disc_models: Path) -> None:
    assert len(CascadeDetector(options(disc_models, max_faces=2)).find(scene(DISCS))[0]) == 2
    strict = CascadeDetector(options(disc_models, thresholds=(0.6, 0.7, 1.0)))
    assert len(strict.find(scene(DISCS))[0]) == 0


def test_more_candidates_than_a_run_takes(disc_models: Path) -> None:
    grid = {f"{i}-{j}": (20.0 + 40 * i, 20.0 + 40 * j, 14.0) for i in range(8) for j in range(4)}
    boxes, _, _ = CascadeDetector(options(disc_models)).find(scene(grid))
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert len(boxes) == 32
    assert all(np.abs(middles - [x, y]).max(axis=1).min() < 0.7 for x, y, _ in grid.values())


def test_a_region_is_judged_upright_and_at_the_detectors_scale(detector: CascadeDetector) -> None:
    x, y, radius = DISCS["large"]
    points = Landmarks(layout() * radius + np.float32([x, y]), np.ones(98, np.float32), load_schema("wflw98"))
    region = detector_region_of_landmarks(points, 48)
    away = detector_region_of_landmarks(replace(points, xy=points.xy + 70), 48)
    assert region is not None
    assert away is not None
    assert np.allclose(region.corners_xy.mean(axis=0), (x, y), atol=0.5)
    image = scene({"a": DISCS["large"]})
    assert detector.face_scores(image, [region, away]).round(1).tolist() == [1.0, 0.0]
    assert detector.face_scores(image, []).shape == (0,)


def test_a_missing_network_is_named(disc_models: Path) -> None:
    with pytest.raises(ModelError, match="no model folder .*gone"):
        CascadeDetector(options(disc_models, output=str(disc_models / "gone")))


@pytest.mark.parametrize(
    ("slot", "model", "words"),
    [
        ("output", "hrnet98-128", r"no O-Net: expected an input image \(any, 3, 48, 48\)"),
        ("output", "immtcnn-r", "no O-Net"),
        ("refine", "immtcnn-o", "no R-Net"),
        ("proposal", "immtcnn-r", r"no P-Net: expected an input image \(any, 3, any, any\)"),
    ],
)
def test_a_network_of_another_kind_is_refused_at_once(disc_models: Path, slot: str, model: str, words: str) -> None:
    with pytest.raises(ModelError, match=f"{model}: is {words}.*choose another model"):
        CascadeDetector(options(disc_models, **{slot: str(disc_models / model)}))


def test_both_backends_find_the_same(disc_models: Path, detector: CascadeDetector) -> None:
    other = CascadeDetector(options(disc_models, backend="onnxruntime", threads=1))
    for a, b in zip(detector.find(scene(DISCS)), other.find(scene(DISCS)), strict=True):
        assert np.allclose(np.sort(a, axis=0), np.sort(b, axis=0), atol=0.1)


@pytest.mark.parametrize("thresholds", [(5, -1, 9), (0.5, 0.5, 1.1), (0.5, float("nan"), 0.5)])
def test_thresholds_are_probabilities(thresholds: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="thresholds"):
        Options(thresholds=thresholds)


def test_the_last_levels_of_the_pyramid_are_means_of_what_they_cover() -> None:
    """Every second pixel of every second row is white: sampled sparsely the levels would go from black to white."""
    stripes = np.zeros((46, 46, 3), np.uint8)
    stripes[::2, ::2] = 255
    halves = geometry.halvings(stripes)
    assert len(halves) == 1
    assert np.ptp(cascade._level(halves, (15, 15)).astype(int)) <= 100

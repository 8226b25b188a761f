"""The labelled sets at hand beside the checkout are read and found sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mien.lab.datasets.catalogue import catalogue
from mien.lab.datasets.checker import check
from mien.lab.datasets.dataset import open_dataset

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is not beside the checkout"),
]


@pytest.mark.parametrize(
    ("name", "folder", "samples"),
    [("wider", "detection", 50), ("wflw", "landmarks98", 70), ("fer2013", "expressions", 29_914)],
)
def test_the_sets_at_hand_are_sound(name: str, folder: str, samples: int) -> None:
    report = check(name, DATA / folder, images=20)
    assert report.ok, report.as_text()
    assert report.partial
    assert report.samples == samples
    assert report.decoded == 20


def test_boxes_and_points_lie_in_their_pictures() -> None:
    boxes = 0
    for sample in open_dataset("wider", DATA / "detection"):
        h, w = sample.image().shape[:2]
        assert sample.boxes_xyxy is not None
        boxes += len(sample.boxes_xyxy)
        assert (sample.boxes_xyxy[:, :2] > -0.1 * max(h, w)).all()
        assert (sample.boxes_xyxy[:, 2:] < [1.1 * w, 1.1 * h]).all()
    assert boxes == 171
    for sample in open_dataset("wflw", DATA / "landmarks98"):
        points = sample.landmarks_xy
        assert points is not None
        assert sample.boxes_xyxy is not None
        tight = np.concatenate([points.min(axis=0), points.max(axis=0)])
        assert np.abs(tight - sample.boxes_xyxy[0]).max() < 2  # the box is the tight one of the points, px


def test_fer2013_classes() -> None:
    train = open_dataset("fer2013", DATA / "expressions").split("train")
    assert len(train) == 26_595
    near = sum(bool(s.attributes["near_val"]) for s in train)
    assert near == 1432
    assert train.sample(0).image().shape == (48, 48, 3)


def test_the_catalogue_agrees_with_the_statistics() -> None:
    """Counts that were taken from the label sheets by somebody else."""
    stats = json.loads((DATA / "stats" / "micro_expressions.json").read_text(encoding="utf-8"))["clips"]
    for title, name in (("CASME II", "casme-ii"), ("SAMM", "samm"), ("SMIC", "smic-hs")):
        key = next(k for k in stats if k.startswith(title))
        expected = catalogue()[name].expected
        assert stats[key]["clips"] == expected["total"]
        assert stats[key]["subjects"] == expected["subjects"]
        assert np.isclose(stats[key]["fps"], catalogue()[name].fps or 0)
        for what, count in expected.items():
            if what.startswith("/"):
                assert stats[key]["emotion_count"][what[1:]] == count

"""Figures of runs with known answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up_runs import face, run

from mien.errors import SourceError
from mien.lab.datasets.sample import Sample
from mien.lab.evaluate.landmark_run import GROUPS, SUBSETS, cluster_of, figures, group_points, marked_samples

FIGURES = figures(run([2.0, 4.0, 12.0, None]), repeats=50)


def test_the_mean_is_over_found_faces_and_a_miss_is_a_failure() -> None:
    assert FIGURES["faces"] == 4
    assert FIGURES["found"] == 3
    assert FIGURES["failures"] == 2
    assert FIGURES["nme"]["value"] == pytest.approx(6.0, abs=1e-3)
    assert FIGURES["median"] == pytest.approx(4.0, abs=1e-3)
    assert FIGURES["fr10"]["value"] == 50.0
    assert FIGURES["auc10"]["value"] == pytest.approx((0.8 + 0.6) / 4, abs=1e-4)


def test_the_interval_holds_the_value_and_shrinks_to_it_where_all_faces_are_equal() -> None:
    assert FIGURES["nme"]["low"] < FIGURES["nme"]["value"] < FIGURES["nme"]["high"]
    same = figures(run([3.0] * 6), repeats=50)["nme"]
    assert same["low"] == pytest.approx(same["high"], abs=1e-4)


def test_faces_of_one_picture_are_drawn_together() -> None:
    one = figures(run([2.0, 4.0], clusters=["a", "a"]), repeats=20)
    assert one["clusters"] == 1
    assert one["nme"]["low"] is None  # nothing can be said about other pictures


def test_subsets_follow_the_attributes_and_an_empty_one_is_undefined() -> None:
    parts = FIGURES["subsets"]
    assert list(parts) == list(SUBSETS)
    assert parts["pose"]["faces"] == 2
    assert parts["pose"]["nme"]["value"] == pytest.approx(3.0, abs=1e-3)
    assert parts["make-up"]["failures"] == 1
    assert parts["occlusion"]["faces"] == 0
    assert parts["occlusion"]["nme"]["value"] is None
    assert json.loads(json.dumps(FIGURES)) == FIGURES


def test_groups_share_out_all_points() -> None:
    assert sorted(i for g in GROUPS for i in group_points(g)) == list(range(98))
    made = run([0.0])
    made.found[0, 96] += [0.0, 30.0]
    groups = figures(made, repeats=2)["groups"]
    assert groups["pupils"] == pytest.approx(15.0, abs=1e-3)
    assert groups["contour"] == pytest.approx(0.0, abs=1e-3)


def test_the_box_normaliser_is_the_root_of_the_boxs_area() -> None:
    points = face()
    width, height = points.max(axis=0) - points.min(axis=0)
    assert FIGURES["nme_box"] == pytest.approx(100 * 6.0 / np.sqrt(width * height), rel=1e-4)


def test_only_keeps_everything_of_the_faces_that_stay() -> None:
    whole = run([1.0, 2.0, 3.0])
    part = whole.only(np.array([True, False, True]))
    assert part.names == (whole.names[0], whole.names[2])
    assert part.attributes == (whole.attributes[0], whole.attributes[2])
    np.testing.assert_allclose(part.errors, [0.01, 0.03], rtol=1e-4)


def test_clusters_are_pictures_then_people_then_names() -> None:
    assert cluster_of(Sample("d", "n", "test", attributes={"source": "s.jpg"}, subject="p")) == "s.jpg"
    assert cluster_of(Sample("d", "n", "test", attributes={"image": "i.jpg", "source": "s.jpg"})) == "i.jpg"
    assert cluster_of(Sample("d", "n", "test", subject="p")) == "p"
    assert cluster_of(Sample("d", "n", "test")) == "n"


class _Few:
    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples
        self.info = type("Info", (), {"name": "few"})

    def __len__(self) -> int:
        return len(self._samples)

    def sample(self, i: int) -> Sample:
        return self._samples[i]


def test_only_marked_samples_count_and_a_count_spreads_them() -> None:
    samples = [Sample("d", str(i), "test", landmarks_xy=face(), landmark_schema="wflw98") for i in range(10)]
    assert [s.name for s in marked_samples(_Few(samples), 5)] == ["0", "2", "4", "6", "8"]  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="no sample has 98 marked points"):
        marked_samples(_Few([Sample("d", "n", "test")]))  # type: ignore[arg-type]

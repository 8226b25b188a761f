"""Every dataset's metrics are found by name and score what its labels say: right answers are the best there are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_copies import BUILDERS

from mien.errors import RequestError
from mien.lab.datasets.catalogue import METRICS, catalogue
from mien.lab.datasets.dataset import Dataset, open_dataset
from mien.lab.datasets.labels import load_labels
from mien.lab.datasets.sample import Sample
from mien.lab.metrics.by_name import BENCHMARK_UNITS, BY_NAME, find_metric, metric, settings_of
from mien.lab.metrics.from_samples import Settings, true_intervals, unit_names, unit_truth
from mien.lab.metrics.intervals import Interval

EVERY = [(name, m) for name in BUILDERS for m in catalogue()[name].metrics]

FLAT = {("synthetic", "nme"), ("synthetic", "failure_rate_10"), ("synthetic", "auc_10")}
"""The tiny copy's points lie all in one place."""
EVERY.remove(("synthetic", "average_precision"))  # its faces lie one upon the other


def _right_answers(dataset: Dataset, samples: list[Sample], name: str) -> Any:
    """Answers that repeat the labels."""
    if name in ("nme", "failure_rate_10", "auc_10"):
        return [s.landmarks_xy if s.landmarks_xy is not None else np.zeros((98, 2)) for s in samples]
    if name == "average_precision":
        boxes = [s.boxes_xyxy if s.boxes_xyxy is not None else np.zeros((0, 4)) for s in samples]
        return [np.column_stack([b, np.linspace(1, 0.5, len(b))]) for b in boxes]
    if name in ("accuracy", "macro_f1"):
        return [s.expression.name if s.expression else "" for s in samples]
    if name in ("uf1", "uar"):
        names = [s.expression.name if s.expression else "" for s in samples]
        return [load_labels("megc3").convert(n) or n for n in names]
    if name == "spotting_f1":
        return true_intervals(samples)
    if name == "mean_ccc":
        return [s.valence_arousal or (0.0, 0.0) for s in samples]
    settings = settings_of(dataset, name, Settings())
    units = settings.units if settings.units is not None else unit_names(samples)
    return np.nan_to_num(unit_truth(samples, units, settings, "presence" if name == "au_f1" else "intensity"))


def test_every_metric_of_the_catalogue_can_be_computed() -> None:
    assert set(BY_NAME) == set(METRICS)


@pytest.mark.parametrize(("name", "metric_name"), EVERY)
def test_right_answers_are_the_best_there_are(name: str, metric_name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path)
    dataset = open_dataset(name, tmp_path)
    samples = list(dataset)
    score = dataset.metric(metric_name)(samples, _right_answers(dataset, samples, metric_name))
    assert score.name == metric_name
    best = 1.0 if find_metric(metric_name).better == "higher" else 0.0
    if (name, metric_name) in FLAT or metric_name in ("mean_ccc", "au_f1", "au_icc"):
        assert math.isnan(score.value) or score.value == pytest.approx(best)  # labels that never change have no score
    else:
        assert score.value == pytest.approx(best)
        assert score.support > 0


def _wflw(tmp_path: Path) -> Dataset:
    BUILDERS["wflw"](tmp_path)
    return open_dataset("wflw", tmp_path)


def test_points_that_are_off_by_a_tenth(tmp_path: Path) -> None:
    dataset = _wflw(tmp_path)
    samples = list(dataset)
    answers = []
    for s in samples:
        assert s.landmarks_xy is not None
        width = float(np.linalg.norm(s.landmarks_xy[60] - s.landmarks_xy[72]))
        answers.append(s.landmarks_xy + np.array([0.05 * width, 0]))
    score = dataset.metric("nme")(samples, answers)
    assert score.value == pytest.approx(0.05, rel=1e-4)
    assert score.parts["pose"].support == sum(s.attributes["pose"] for s in samples)
    assert dataset.metric("auc_10")(samples, answers).value == pytest.approx(0.5, rel=1e-3)
    wide = metric(dataset, "nme", Settings(normaliser="diagonal"))(samples, answers)
    assert wide.value != pytest.approx(score.value)


def test_levels_of_wider_face(tmp_path: Path) -> None:
    boxes = np.array([[0, 0, 40, 40], [50, 50, 60, 60]], np.float32)
    flags = {"easy": np.array([True, False]), "medium": np.array([True, False]), "hard": np.array([True, True])}
    sample = Sample("wider", "a", "val", boxes_xyxy=boxes, attributes=flags)
    BUILDERS["wider"](tmp_path)
    score = open_dataset("wider", tmp_path).metric("average_precision")([sample], [[[0, 0, 40, 40, 0.9]]])
    assert [(p.name, p.value, p.support) for p in score.parts.values()] == [
        ("easy", 1.0, 1),
        ("medium", 1.0, 1),
        ("hard", 0.5, 2),
    ]
    assert score.value == 0.5


def test_classes_that_the_composite_does_not_have_are_left_out(tmp_path: Path) -> None:
    BUILDERS["casme-ii"](tmp_path)
    dataset = open_dataset("casme-ii", tmp_path)
    samples = list(dataset)
    names = [load_labels("megc3").convert(s.expression.name) for s in samples if s.expression]
    score = dataset.metric("uf1")(samples, ["negative"] * len(samples))
    assert set(score.parts) == {"negative", "positive", "surprise"}
    assert score.support == sum(n is not None for n in names)


def test_disfa_is_present_from_intensity_two(tmp_path: Path) -> None:
    BUILDERS["disfa"](tmp_path)
    dataset = open_dataset("disfa", tmp_path)
    settings = settings_of(dataset, "au_f1", Settings())
    assert (settings.present_from, settings.units) == (2.0, BENCHMARK_UNITS["disfa"])
    truth = unit_truth(list(dataset), ("AU12",), settings, "presence")
    raw = unit_truth(list(dataset), ("AU12",), settings, "intensity")
    np.testing.assert_array_equal(truth[:, 0], np.where(np.isnan(raw[:, 0]), np.nan, raw[:, 0] >= 2))


def test_intervals_in_a_video_without_any_are_false(tmp_path: Path) -> None:
    BUILDERS["samm-long"](tmp_path)
    dataset = open_dataset("samm-long", tmp_path)
    samples = list(dataset)
    answers = true_intervals(samples)
    more = {**answers, "099/099_9": [Interval(1, 10, "micro")]}
    count = sum(len(v) for v in answers.values())
    assert dataset.metric("spotting_f1")(samples, more).value == pytest.approx(2 * count / (2 * count + 1))


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    dataset = _wflw(tmp_path)
    with pytest.raises(RequestError, match="did you mean"):
        dataset.metric("nmee")
    with pytest.raises(RequestError, match="does not belong to wflw; it has: nme"):
        dataset.metric("uf1")
    with pytest.raises(RequestError, match="one each"):
        dataset.metric("nme")(list(dataset), [])
    with pytest.raises(RequestError, match="expected shape"):
        dataset.metric("nme")(list(dataset), [np.zeros((68, 2))] * len(dataset))

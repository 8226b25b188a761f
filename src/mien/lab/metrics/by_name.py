"""Metrics by the names the catalogue gives them: from samples and answers in the same order to a `Score`.

    score = metric(dataset, "nme")(test_samples, points)

A sample without the label a metric needs is left out, and the support says how many remained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from mien.errors import RequestError
from mien.lab.datasets.dataset import Dataset
from mien.lab.metrics import from_samples
from mien.lab.metrics.from_samples import Settings
from mien.lab.metrics.score import Score
from mien.pipeline.registry import suggestion

Better = Literal["higher", "lower"]
Answers = Sequence[Any] | Mapping[str, Any]
Bound = Callable[[Sequence[Any], Any], Score]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of the catalogue.

    Attributes:
        name: in `catalogue.METRICS`.
        score: from samples, answers and settings; `from_samples` says what an answer is.
        better: which way is good.
        answer: what one answer per sample is, in words.
    """

    name: str
    score: Callable[[Sequence[Any], Any, Settings], Score]
    better: Better
    answer: str


_POINTS = "(P, 2) px; NaN = face not found"
_CLASS = "name of the class"

BY_NAME: Mapping[str, Metric] = MappingProxyType(
    {
        m.name: m
        for m in (
            Metric("average_precision", from_samples.average_precision, "higher", "(D, 5) px: box_xyxy and score"),
            Metric("nme", from_samples.nme, "lower", _POINTS),
            Metric("failure_rate_10", from_samples.failure_rate_10, "lower", _POINTS),
            Metric("auc_10", from_samples.auc_10, "higher", _POINTS),
            Metric("accuracy", from_samples.accuracy, "higher", _CLASS),
            Metric("macro_f1", from_samples.macro_f1, "higher", _CLASS),
            Metric("uf1", from_samples.uf1, "higher", _CLASS),
            Metric("uar", from_samples.uar, "higher", _CLASS),
            Metric("spotting_f1", from_samples.spotting_f1, "higher", "by video, not by sample: its intervals"),
            Metric("mean_ccc", from_samples.mean_ccc, "higher", "(2,) valence, arousal"),
            Metric("au_f1", from_samples.au_f1, "higher", "(U,) 0 or 1, in the order of the units"),
            Metric("au_icc", from_samples.au_icc, "higher", "(U,) 0–5, in the order of the units"),
        )
    }
)
"""Every metric the catalogue names."""

PRESENT_FROM = {"disfa": 2.0}
"""Dataset → intensity from which its benchmark calls a unit present; elsewhere any intensity above 0."""

BENCHMARK_UNITS = {
    "disfa": tuple(f"AU{n}" for n in (1, 2, 4, 6, 9, 12, 25, 26)),
    "bp4d": tuple(f"AU{n}" for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)),
}
"""Dataset → the units its presence benchmark takes the mean over; elsewhere, and for intensity, all that are coded."""


def find_metric(name: str) -> Metric:
    """A metric by name.

    Raises:
        RequestError: there is none; close names are suggested.
    """
    if name not in BY_NAME:
        raise RequestError(f'there is no metric "{name}"{suggestion(name, BY_NAME)}')
    return BY_NAME[name]


def metric(dataset: Dataset, name: str, settings: Settings | None = None) -> Bound:
    """A metric that belongs to the dataset, with the dataset's own classes, units and thresholds.

    Args:
        dataset: opened copy.
        name: one of `dataset.metrics`.
        settings: overrides; what is None in them is the dataset's own.

    Returns:
        a function of (samples, answers).

    Raises:
        RequestError: no such metric, or it does not belong to the dataset.
    """
    found = find_metric(name)
    if name not in dataset.metrics:
        raise RequestError(f"{name} does not belong to {dataset.info.name}; it has: {', '.join(dataset.metrics)}")
    return partial(_call, found, settings_of(dataset, name, settings or Settings()))


def settings_of(dataset: Dataset, name: str, given: Settings) -> Settings:
    """`given` with the gaps filled by what the dataset's protocol says."""
    own = dataset.info.name
    if given.schema is None and given.classes is None:
        if name in ("uf1", "uar"):
            given = replace(given, schema="megc3")
        elif dataset.info.labels is not None:
            given = replace(given, schema=dataset.info.labels)
        elif name in ("accuracy", "macro_f1"):
            given = replace(given, classes=dataset.classes)
    if name == "au_f1":
        units = given.units if given.units is not None else BENCHMARK_UNITS.get(own)
        level = given.present_from if given.present_from is not None else PRESENT_FROM.get(own)
        given = replace(given, units=units, present_from=level)
    return given


def _call(found: Metric, settings: Settings, samples: Sequence[Any], answers: Any) -> Score:
    return found.score(samples, answers, settings)

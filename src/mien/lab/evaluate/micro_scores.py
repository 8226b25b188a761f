"""Scores of recognition protocols: counts of all turns added first, intervals over subjects, what chance gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from mien.core.arrays import Int64
from mien.lab.evaluate.micro_turns import Turn
from mien.lab.metrics.classes import accuracy, macro_f1, uar, uf1
from mien.lab.metrics.intervals import Interval, spot_then_recognise, spotting_f1
from mien.lab.metrics.score import Score
from mien.lab.metrics.uncertainty import REPEATS, by_subject
from mien.lab.micro.paper_tables import TABLE_2, TABLE_3

Metric = Callable[[Int64, Sequence[str]], Score]
METRICS: Mapping[str, Metric] = MappingProxyType({"accuracy": accuracy, "macro_f1": macro_f1, "uf1": uf1, "uar": uar})
COMMONEST = "commonest"
"""Answers every clip with the commonest class of the clips that may be learned from."""


@dataclass(frozen=True, slots=True)
class Result:
    """One method under one protocol.

    Attributes:
        method: name.
        accuracy, macro_f1, uf1, uar: 0–1, counts of all folds added first; NaN = not defined.
        support: clips.
        folds: turns.
        subjects: people who were tested.
        seconds: that all turns took.
        chance_p: how often permuted classes make the UF1 as high; NaN without repeats.
        spotting_f1, strs: of methods that spot; NaN otherwise.
        intervals: score → (low, high), 95 %, of subjects drawn with replacement.
    """

    method: str
    accuracy: float
    macro_f1: float
    uf1: float
    uar: float
    support: int
    folds: int
    subjects: int
    seconds: float
    chance_p: float = float("nan")
    spotting_f1: float = float("nan")
    strs: float = float("nan")
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))


def result_of(method: str, turns: Sequence[Turn], classes: Sequence[str], repeats: int = REPEATS) -> Result:
    """Score all turns of a method.

    Args:
        method: name.
        turns: of all folds.
        classes: of the whole data, in order.
        repeats: draws for intervals and chance; 0 = none.
    """
    truth = _numbers([v for t in turns for v in t.truth], classes)
    answers = _numbers([v for t in turns for v in t.answers], classes)
    subjects = [s for t in turns for s in t.subjects]
    measures: dict[str, Callable[[Int64], float]] = {
        name: partial(_of_rows, metric, truth, answers, classes) for name, metric in METRICS.items()
    }
    if any(t.spotted for t in turns):
        measures |= _spotting(turns, classes)
    every = np.arange(len(truth), dtype=np.int64)
    values = {name: measure(every) for name, measure in measures.items()}
    bounds: dict[str, tuple[float, float]] = {}
    if repeats:
        for name, measure in measures.items():
            found = by_subject(measure, subjects, repeats=repeats)
            bounds[name] = (found.low, found.high)
    by_chance = _permuted(truth, answers, classes, repeats)["uf1"] if repeats else np.array([])
    p = (1 + int((by_chance >= values["uf1"]).sum())) / (1 + repeats) if repeats else float("nan")
    return Result(
        method,
        accuracy=values["accuracy"],
        macro_f1=values["macro_f1"],
        uf1=values["uf1"],
        uar=values["uar"],
        support=len(truth),
        folds=len(turns),
        subjects=len(set(subjects)),
        seconds=sum(t.seconds for t in turns),
        chance_p=p,
        spotting_f1=values.get("spotting_f1", float("nan")),
        strs=values.get("strs", float("nan")),
        intervals=MappingProxyType(bounds),
    )


def permuted(turns: Sequence[Turn], classes: Sequence[str], repeats: int = REPEATS) -> Result:
    """What answers are worth that have the classes' true shares and nothing else: mean and middle 95 %."""
    truth = _numbers([v for t in turns for v in t.truth], classes)
    draws = _permuted(truth, truth, classes, repeats)
    right, macro, uf, recall = (float(draws[name].mean()) for name in METRICS)
    bounds = {n: (float(np.quantile(v, 0.025)), float(np.quantile(v, 0.975))) for n, v in draws.items()}
    people = len({s for t in turns for s in t.subjects})
    counts = len(truth), len(turns), people
    return Result("permuted", right, macro, uf, recall, *counts, 0.0, intervals=MappingProxyType(bounds))


def commonest(labels: Sequence[str]) -> str:
    """The class with most clips; of equal ones the first by name."""
    return min(Counter(labels).items(), key=lambda item: (-item[1], item[0]))[0]


def _numbers(names: Sequence[str], classes: Sequence[str]) -> Int64:
    place = {name: k for k, name in enumerate(classes)}
    return np.array([place[n] for n in names], dtype=np.int64)


def _matrix(truth: Int64, answers: Int64, classes: Sequence[str]) -> Int64:
    n = len(classes)
    return np.bincount(truth * n + answers, minlength=n * n).reshape(n, n).astype(np.int64)


def _of_rows(metric: Metric, truth: Int64, answers: Int64, classes: Sequence[str], rows: Int64) -> float:
    return metric(_matrix(truth[rows], answers[rows], classes), classes).value


def _permuted(truth: Int64, answers: Int64, classes: Sequence[str], repeats: int) -> dict[str, Any]:
    """Score → its values when the true classes are dealt out anew among all clips."""
    rng = np.random.default_rng(0)
    matrices = [_matrix(rng.permutation(truth), answers, classes) for _ in range(repeats)]
    return {name: np.array([metric(m, classes).value for m in matrices]) for name, metric in METRICS.items()}


def _spotting(turns: Sequence[Turn], classes: Sequence[str]) -> dict[str, Callable[[Int64], float]]:
    """Score → of the clips with these numbers, some several times: each counts as a video of its own."""
    real, found = list[list[Interval]](), list[list[Interval]]()
    for t in turns:
        for k, (onset, offset) in enumerate(t.spans):
            real.append([Interval(onset, offset, "micro", t.truth[k])])
            found.append([Interval(a, b, "micro", t.answers[k]) for a, b in t.spotted[k]])

    def videos(rows: Int64, of: list[list[Interval]]) -> dict[str, list[Interval]]:
        return {str(k): of[row] for k, row in enumerate(rows.tolist())}

    return {
        "spotting_f1": lambda rows: spotting_f1(videos(rows, real), videos(rows, found)).value,
        "strs": lambda rows: spot_then_recognise(videos(rows, real), videos(rows, found), classes).value,
    }


def as_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Plain data; NaN becomes None."""
    return [{k: _plain(getattr(r, k)) for k in Result.__dataclass_fields__} for r in results]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: [_plain(v) for v in pair] for k, pair in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def table(results: Sequence[Result]) -> list[str]:
    """Markdown, beside the published figures of seed 002 (CASME II, %), which are other data."""
    lines = [
        "| method | accuracy | UF1 = macro F1 | UAR | p by chance | spotting F1 | STRS | s | "
        "paper: accuracy, F1 (Table 3) | paper: k-fold, LOSO (Table 2) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    titles = {COMMONEST: "*always the commonest class*", "permuted": "*classes permuted*"}
    for r in results:
        title, *three = TABLE_3.get(r.method, (titles.get(r.method, r.method),))
        two = TABLE_2.get(r.method, ("",))[1:]
        scores = [_cell(r, name) for name in ("accuracy", "uf1", "uar")]
        tail = [_cell(r, "spotting_f1"), _cell(r, "strs"), f"{r.seconds:.0f}"]
        p = "–" if np.isnan(r.chance_p) else f"{r.chance_p:.3f}"
        papers = [", ".join(f"{v:.2f}" for v in t) or "–" for t in (three, two)]
        lines.append(f"| {' | '.join([title, *scores, p, *tail, *papers])} |")
    return lines


def _cell(result: Result, name: str) -> str:
    value, ends = getattr(result, name), result.intervals.get(name)
    if np.isnan(value):
        return "–"
    text = f"{100 * value:.1f}"
    return text if ends is None or np.isnan(ends[0]) else f"{text} ({100 * ends[0]:.0f}–{100 * ends[1]:.0f})"

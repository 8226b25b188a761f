"""`mien lab data check`: a copy of a dataset against what its authors published, in one report."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import SourceError
from mien.lab.datasets.catalogue import DatasetInfo, dataset_info
from mien.lab.datasets.dataset import Dataset, read_dataset
from mien.lab.datasets.findings import Finding
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Sample

DEFAULT_IMAGES = 64
RECALLED_TOLERANCE = 0.05
MAX_NAMES = 1_000_000  # looked at for doubles: a bound on memory
NO_CLASS = "no class"


@dataclass(frozen=True)
class Report:
    """Result of a check.

    Attributes:
        dataset: name in the catalogue.
        path: where the copy is.
        samples: how many.
        subjects: how many are known; 0 if the dataset does not name them.
        counts: split → class → samples.
        units: split → action unit → samples in which it is present; empty if none are labelled.
        decoded: pictures that were decoded as a trial.
        findings: problems first.
        licence: one sentence.
        partial: no published counts apply: a part or rearrangement, or a set that has none.
    """

    dataset: str
    path: str
    samples: int
    subjects: int
    counts: dict[str, dict[str, int]]
    units: dict[str, dict[str, int]]
    decoded: int
    findings: list[Finding] = field(default_factory=list)
    licence: str = ""
    partial: bool = False

    @property
    def ok(self) -> bool:
        """No problems (notes do not count)."""
        return not any(f.state == "problem" for f in self.findings)

    @property
    def verdict(self) -> str:
        """The last line for people."""
        if not self.ok:
            return "The copy is not in order: see the problems above."
        return "No problems found." if self.partial else "No problems found: the copy is as published."

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        found = [
            {"state": f.state, "kind": f.kind, "count": f.count, "examples": list(f.examples)} for f in self.findings
        ]
        return {
            "ok": self.ok,
            "dataset": self.dataset,
            "path": self.path,
            "partial": self.partial,
            "samples": self.samples,
            "subjects": self.subjects,
            "counts": self.counts,
            "action_units": self.units,
            "decoded": self.decoded,
            "findings": found,
            "licence": self.licence,
        }

    def as_text(self) -> str:
        """For people: a table of counts, then what was found."""
        lines = [f"{self.dataset}: {self.samples} samples" + (f", {self.subjects} subjects" if self.subjects else "")]
        lines += _count_table(self.counts, "class", "all")
        lines += _count_table(self.units, "unit present in", None)
        lines += [f"{finding.state}: {finding}" for finding in self.findings]
        lines.append(f"{self.decoded} pictures decoded as a trial.")
        lines.append(f"licence: {self.licence}")
        lines.append(self.verdict)
        return "\n".join(lines)


def _count_table(counts: dict[str, dict[str, int]], title: str, total: str | None) -> list[str]:
    """Rows of a table: one column per split, one row per name, and the totals if they mean something."""
    names = {name for by_name in counts.values() for name in by_name}
    order = sorted(names, key=lambda n: (n == NO_CLASS, _natural(n)))
    width = max([len(n) for n in names] + [len(title)])
    columns = {split: max(len(split), 8) for split in counts}

    def row(head: str, cells: list[object]) -> str:
        values = (f"  {cell:>{w}}" for cell, w in zip(cells, columns.values(), strict=True))
        return f"  {head.ljust(width)}{''.join(values)}"

    lines = [row(title, list(columns))]
    lines += [row(name, [counts[split].get(name, 0) for split in columns]) for name in order]
    if total is not None:
        lines.append(row(total, [sum(counts[split].values()) for split in columns]))
    return lines if counts else []


def _natural(name: str) -> list[tuple[int, str]]:
    """AU4 before AU12."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def check(name: str, path: str | Path, images: int = DEFAULT_IMAGES) -> Report:
    """Check a copy.

    Args:
        name: dataset, as in the catalogue.
        path: its folder, or one file of it.
        images: how many pictures are decoded as a trial, spread evenly over the copy; 0 = every one.

    Raises:
        RequestError: no such dataset, or nothing at the path.
    """
    info = dataset_info(name)
    dataset, reading = read_dataset(info, path)
    counts, units, trial = _count(dataset, reading, images)
    _compare(info, dataset, reading, counts)
    _subjects_apart(dataset, reading)
    decoded = _try_pictures(trial, reading)
    return Report(
        dataset=info.name,
        path=str(path),
        samples=len(dataset),
        subjects=len(dataset.subjects),
        counts={split: dict(by_class) for split, by_class in sorted(counts.items())},
        units={split: dict(by_unit) for split, by_unit in sorted(units.items())},
        decoded=decoded,
        findings=list(reading.findings),
        licence=info.licence,
        partial=reading.subset_reason is not None or not info.expected,
    )


def _count(
    dataset: Dataset, reading: Reading, images: int
) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]], list[Sample]]:
    """Counts by split and class, by split and action unit, and the samples whose pictures are tried.

    These are evenly spread over the copy, without chance. Each
    sample is made once, so that what is odd about its labels is counted once."""
    total = len(dataset)
    wanted = total if images <= 0 else min(images, total)
    chosen = set(np.linspace(0, total - 1, wanted).astype(np.int64).tolist()) if total else set()
    counts: dict[str, Counter[str]] = {}
    units: dict[str, Counter[str]] = {}
    trial = []
    names: set[str] = set()
    for i, sample in enumerate(dataset):
        counts.setdefault(sample.split, Counter())[_class_of(sample)] += 1
        if sample.action_units is not None:
            units.setdefault(sample.split, Counter()).update(sample.action_units.present)
        if i in chosen:
            trial.append(sample)
        if len(names) < MAX_NAMES:
            if sample.name in names:
                reading.problem("item listed twice", sample.name)
            names.add(sample.name)
    if not total:
        reading.problem("nothing found", f"no sample in the layout of {reading.info.title}; see docs/datasets.md")
    return counts, units, trial


def _class_of(sample: Sample) -> str:
    if sample.expression is not None:
        return sample.expression.name
    return sample.clip.kind if sample.clip is not None and sample.clip.kind else NO_CLASS


def _compare(info: DatasetInfo, dataset: Dataset, reading: Reading, counts: dict[str, Counter[str]]) -> None:
    if not len(dataset) or reading.subset_reason is not None:
        return
    for what, wanted in info.expected.items():
        if what == "total":
            found = len(dataset)
        elif what == "subjects":
            found = len(dataset.subjects)
        else:
            split, slash, label = what.partition("/")
            chosen = [by_class for name, by_class in counts.items() if split in ("", name)]
            found = sum(by_class[label] if slash else sum(by_class.values()) for by_class in chosen)
        if found == wanted:
            continue
        text = f"{what.strip('/')}: expected {wanted}, found {found} ({found - wanted:+d})"
        if info.counts == "recalled" and abs(found - wanted) <= RECALLED_TOLERANCE * wanted:
            reading.note("count a little off", text + "; the published figure was not verified")
        else:
            reading.problem("wrong count", text)


def _subjects_apart(dataset: Dataset, reading: Reading) -> None:
    home: dict[str, str] = {}
    told = set()
    for split in dataset.split_counts:
        for subject in dataset.split(split).subjects:
            if home.setdefault(subject, split) != split and subject not in told:
                told.add(subject)
                reading.problem("subject in two splits", f"{subject}: {home[subject]} and {split}")


def _try_pictures(trial: list[Sample], reading: Reading) -> int:
    decoded = 0
    for sample in trial:
        if sample.path is None and sample.pixels is None:
            continue
        try:
            sample.image()
            decoded += 1
        except SourceError as error:
            reading.problem("image that cannot be read", str(error))
    return decoded

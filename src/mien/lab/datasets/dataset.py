"""`Dataset`: the one interface to every copy of every dataset: `len`, `sample(i)`, a frozen split, licence, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.core.arrays import Int64
from mien.errors import RequestError, SourceError
from mien.lab.datasets.catalogue import DatasetInfo, dataset_info
from mien.lab.datasets.findings import Findings
from mien.lab.datasets.labels import load_labels
from mien.lab.datasets.reading import Block, Reading
from mien.lab.datasets.sample import Sample
from mien.pipeline.registry import load

if TYPE_CHECKING:
    from mien.lab.metrics.score import Score


@dataclass(frozen=True, slots=True)
class Fold:
    """One turn of a cross-validation.

    Attributes:
        name: the subject or the fold that is tested.
        train: everything that may be learned from.
        test: looked at once, at the end.
    """

    name: str
    train: Dataset
    test: Dataset


class Dataset:
    """Samples of one copy, or a part of them. Made by `open_dataset`.

    Attributes:
        info: what the catalogue says: licence, metrics, protocol.
        findings: what was odd while reading.
    """

    def __init__(self, reading: Reading, path: Path, chosen: tuple[int, ...] | None = None) -> None:
        self.info: DatasetInfo = reading.info
        self.findings: Findings = reading.findings
        self._reading = reading
        self._path = path
        self._chosen = chosen
        blocks = reading.blocks if chosen is None else [reading.blocks[i] for i in chosen]
        self._blocks: list[Block] = blocks
        ends = np.cumsum([b.length for b in blocks], dtype=np.int64)
        self._starts: Int64 = np.concatenate([np.zeros(1, np.int64), ends])

    def _part(self, keep: list[bool]) -> Dataset:
        own = range(len(self._blocks)) if self._chosen is None else self._chosen
        chosen = tuple(i for i, kept in zip(own, keep, strict=True) if kept)
        return Dataset(self._reading, self._path, chosen)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process (a loader's worker) reads the copy again: what is read does not depend on chance."""
        return _reopen, (self.info.name, self._path, self._chosen)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __iter__(self) -> Iterator[Sample]:
        for block in self._blocks:
            for i in range(block.length):
                yield block.make(i)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.split_counts.items())
        return f"Dataset({self.info.name}: {counts})"

    def sample(self, i: int) -> Sample:
        """Sample `i`; nothing is decoded yet.

        Raises:
            IndexError: not 0 <= i < len.
        """
        if not 0 <= i < len(self):
            raise IndexError(f"{self.info.name} has {len(self)} samples, there is no sample {i}")
        block = int(np.searchsorted(self._starts, i, side="right")) - 1
        return self._blocks[block].make(i - int(self._starts[block]))

    @property
    def licence(self) -> str:
        """The licence in one sentence."""
        return self.info.licence

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that belong to the dataset; `catalogue.METRICS` says what each means."""
        return self.info.metrics

    def metric(self, name: str) -> Callable[[Sequence[Any], Any], Score]:
        """A metric that belongs to the dataset, as a function of (samples, answers in the same order).

        The dataset's own classes, units and thresholds are used; `mien.lab.metrics.by_name.metric` takes others, and
        `from_samples` says what an answer is.

        Raises:
            RequestError: no such metric, or it does not belong to this dataset.
        """
        from mien.lab.metrics.by_name import metric

        return metric(self, name)

    @cached_property
    def split_counts(self) -> dict[str, int]:
        """Samples per split, sorted by name of the split."""
        counts: dict[str, int] = {}
        for block in self._blocks:
            counts[block.split] = counts.get(block.split, 0) + block.length
        return dict(sorted(counts.items()))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the expressions that are told apart: in the order of the dataset's label schema; of a user's own
        data those that occur, sorted; empty if the dataset has none."""
        if self.info.labels is not None:
            schema = load_labels(self.info.labels)
            return tuple(n for n in schema.names if n not in schema.unlabelled)
        return tuple(sorted({s.expression.name for s in self if s.expression is not None}))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject that is known, sorted."""
        return tuple(sorted({b.subject for b in self._blocks if b.subject is not None}))

    def split(self, name: str) -> Dataset:
        """The samples of one split.

        Raises:
            RequestError: there is no such split.
        """
        if name not in self.split_counts:
            have = ", ".join(self.split_counts)
            raise RequestError(f'{self.info.name} has no split "{name}"; it has: {have}')
        return self._part([b.split == name for b in self._blocks])

    def part(self, name: str) -> Dataset:
        """The samples of one split or fold, or of one person.

        Raises:
            RequestError: there is none of that name.
        """
        if name in self.split_counts:
            return self.split(name)
        if name not in self.subjects:
            some = f"; people: {', '.join(self.subjects[:10])}{' …' * (len(self.subjects) > 10)}" * bool(self.subjects)
            raise RequestError(f'{self.info.name} has no split "{name}"; it has: {", ".join(self.split_counts)}{some}')
        return self._part([b.subject == name for b in self._blocks])

    def folds(self) -> Iterator[Fold]:
        """The turns of the dataset's cross-validation: each subject in turn (LOSO), or each fold of subjects.

        Raises:
            RequestError: the dataset has a fixed split instead.
        """
        if self.info.protocol not in ("loso", "folds"):
            raise RequestError(f"{self.info.name} has a fixed split ({', '.join(self.split_counts)}), no folds")
        by_subject = self.info.protocol == "loso"
        names = self.subjects if by_subject else tuple(self.split_counts)
        for name in names:
            own = [(b.subject if by_subject else b.split) == name for b in self._blocks]
            yield Fold(name, self._part([not mine for mine in own]), self._part(own))


def read_dataset(info: DatasetInfo, path: str | Path) -> tuple[Dataset, Reading]:
    """Read a copy with everything that was found on the way; used by `open_dataset` and by the checker.

    Raises:
        RequestError: nothing is there.
    """
    reading = Reading(info, path)
    load(info.reader)(reading)
    return Dataset(reading, Path(path)), reading


def _reopen(name: str, path: Path, chosen: tuple[int, ...] | None) -> Dataset:
    _, reading = read_dataset(dataset_info(name), path)
    return Dataset(reading, path, chosen)


def open_dataset(spec: str, path: str | Path | None = None) -> Dataset:
    """Open a copy: `open_dataset("wflw", folder)` or `open_dataset("wflw:FOLDER")`.

    Odd things do not stop it as long as there are samples; they are in `findings`, and
    `mien lab data check` tells them.

    Raises:
        RequestError: no dataset of this name, or nothing at the path.
        SourceError: no sample could be read; the message says what is missing.
    """
    name, colon, rest = spec.partition(":")
    place = path if path is not None else rest if colon and rest else None
    if place is None:
        raise RequestError(f'"{spec}": say where the copy is: NAME:PATH, for example folder:my_faces')
    info = dataset_info(name if path is None else spec)
    dataset, reading = read_dataset(info, place)
    if not len(dataset):
        reasons = "; ".join(str(f) for f in reading.findings.problems) or "no label file of its layout is there"
        raise SourceError(f"{info.title}: no sample found in {place}: {reasons}")
    return dataset

"""Turns of a protocol of micro-expression recognition: who is learned from, who is tested."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mien.lab.datasets.splits import subject_fold
from mien.lab.evaluate.micro_scores import COMMONEST, commonest
from mien.lab.evaluate.micro_turns import Turn
from mien.lab.micro.clips import MicroClip

Protocol = Literal["loso", "kfold"]
FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class MicroFold:
    """One turn: whose clips are tested, and who is learned from."""

    name: str
    train: tuple[MicroClip, ...]
    test: tuple[MicroClip, ...]


def folds_of(clips: Sequence[MicroClip], protocol: Protocol) -> Iterator[MicroFold]:
    """Turns of a protocol; every subject is tested once."""
    if protocol == "loso":
        key: Callable[[MicroClip], str] = person_of
    else:
        key = lambda c: subject_fold(c.sample.dataset, c.subject, FOLDS)  # noqa: E731
    names = sorted({key(c) for c in clips})
    for name in names:
        test = tuple(c for c in clips if key(c) == name)
        train = tuple(c for c in clips if key(c) != name)
        if train and test:
            yield MicroFold(name, train, test)


def person_of(clip: MicroClip) -> str:
    """Whose face, across datasets."""
    return f"{clip.sample.dataset}/{clip.subject}"


def classes_of(folds: Sequence[MicroFold]) -> list[str]:
    """Classes of all clips."""
    return sorted({c.label for fold in folds for c in (*fold.train, *fold.test)})


def commonest_turns(folds: Sequence[MicroFold]) -> list[Turn]:
    """What chance gives: every clip is answered with the commonest class of the clips that may be learned from."""
    out = []
    for fold in folds:
        answers = (commonest([c.label for c in fold.train]),) * len(fold.test)
        names, people = tuple(c.sample.name for c in fold.test), tuple(person_of(c) for c in fold.test)
        out.append(Turn(COMMONEST, fold.name, 0.0, names, people, tuple(c.label for c in fold.test), answers))
    return out

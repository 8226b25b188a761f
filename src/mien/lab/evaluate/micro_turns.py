"""Turns of a recognition protocol, kept in a file as soon as each is finished: a stopped run goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.lab.evaluate.row_file import RowFile
from mien.lab.micro.clips import MicroClip

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one method answered about the clips that one fold leaves out, and what is true of them.

    Attributes:
        method, fold: names.
        seconds: learning and answering took.
        clips, subjects, truth, answers: clip by clip.
        spans: true onset and offset, and `spotted`: all that were found; clip by clip, empty of methods that do not
            spot.
    """

    method: str
    fold: str
    seconds: float
    clips: tuple[str, ...]
    subjects: tuple[str, ...]
    truth: tuple[str, ...]
    answers: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    spotted: tuple[tuple[Span, ...], ...] = ()


def fingerprint(clips: Iterable[MicroClip]) -> str:
    """Of names, subjects, classes, times and pixels."""
    digest = hashlib.sha256()
    for c in clips:
        told = (c.sample.name, c.subject, c.label, sorted(c.units or ()), c.onset, c.apex, c.offset, c.frames.shape)
        digest.update(repr(told).encode())
        digest.update(c.frames.tobytes())
    return digest.hexdigest()[:16]


class TurnFile(RowFile[Turn]):
    """The turns finished so far; see `RowFile`.

    Args:
        path: made if it is missing; None = nothing is kept.
        how: plain data; turns of anything else are refused.
    """

    def __init__(self, path: Path | None, how: Mapping[str, Any]) -> None:
        super().__init__(path, how, _turn, "turns")

    def find(self, method: str, fold: str) -> Turn | None:
        """A turn that is finished."""
        return next((t for t in self.rows if (t.method, t.fold) == (method, fold)), None)

    def of(self, method: str, folds: Sequence[str]) -> list[Turn]:
        """The finished turns of a method in these folds, in their order."""
        return [t for fold in folds if (t := self.find(method, fold)) is not None]


def _turn(row: Mapping[str, Any]) -> Turn:
    texts = {k: tuple(str(v) for v in row[k]) for k in ("clips", "subjects", "truth", "answers")}
    if len({len(v) for v in texts.values()}) != 1:
        raise ValueError("a turn whose clips and answers do not go together")
    spans = tuple((int(a), int(b)) for a, b in row["spans"])
    spotted = tuple(tuple((int(a), int(b)) for a, b in clip) for clip in row["spotted"])
    return Turn(str(row["method"]), str(row["fold"]), float(row["seconds"]), **texts, spans=spans, spotted=spotted)

"""The leak guard: a test is worth nothing if a face, a clip or a picture in it was learned from.

Checked are sample names, subjects and pictures. People who appear in several datasets under one name (SAMM and its
long videos) count as one. What cannot be known - the same person under two names - is not seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mien.core.arrays import UInt8
from mien.errors import RequestError
from mien.lab.datasets.sample import Sample

Pictures = Literal["pixels", "files", "none"]
EXAMPLES = 3

SAME_PEOPLE = {
    "samm-long": "samm",
    "smic-vis": "smic-hs",
    "smic-nir": "smic-hs",
    "affwild2-va": "affwild2-expr",
    "affwild2-au": "affwild2-expr",
    "affwild2-mtl": "affwild2-expr",
    "affectnet7": "affectnet8",
    "ferplus": "fer2013",
}
"""Dataset → the one whose subject names it shares."""

COMPOSITE = {"casme2": "casme-ii", "samm": "samm", "smic": "smic-hs"}
"""Names of datasets in the composite of MEGC 2019 → names in the catalogue."""


@dataclass(frozen=True, slots=True)
class LeakReport:
    """What was compared and found apart.

    Attributes:
        train, test: samples.
        without_subject: samples of either side whose subject is not known: nothing was compared by person there.
        without_picture: samples of either side that have no picture in the copy, or whose pictures were not asked for.
    """

    train: int
    test: int
    without_subject: int
    without_picture: int


@dataclass(slots=True)
class _Side:
    names: dict[Hashable, str]
    subjects: dict[Hashable, str]
    pictures: dict[Hashable, str]
    count: int = 0
    without_subject: int = 0
    without_picture: int = 0


def person(sample: Sample) -> str | None:
    """Whose face, across datasets: "samm/006" for SAMM and for its long videos; None if the dataset does not say."""
    if sample.subject is None:
        return None
    dataset, subject = sample.dataset, sample.subject
    if dataset == "megc2019":
        origin, slash, rest = subject.partition("/")
        known = next((name for short, name in COMPOSITE.items() if origin.startswith(short)), None)
        if slash and known is not None:
            dataset, subject = known, rest
    dataset = SAME_PEOPLE.get(dataset, dataset)
    plain = subject.casefold()
    for prefix in ("sub", "s"):  # sub01, s01, 01 and 1 are one person
        if plain.startswith(prefix) and plain[len(prefix) :].isdecimal():
            plain = plain[len(prefix) :]
            break
    return f"{dataset}/{int(plain)}" if plain.isdecimal() else f"{dataset}/{plain}"


def picture_hash(picture: UInt8) -> bytes:
    """SHA-256 of the size and the pixels: the same picture in another lossless file is the same."""
    return hashlib.sha256(str(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()).digest()


def _hash_of(sample: Sample, pictures: Pictures) -> bytes | None:
    if pictures == "none" or (sample.path is None and sample.pixels is None):
        return None
    if pictures == "files" and sample.pixels is None and sample.path is not None:
        with sample.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    return picture_hash(sample.image())


def _read(samples: Iterable[Sample], pictures: Pictures) -> _Side:
    side = _Side({}, {}, {})
    for sample in samples:
        where = f"{sample.dataset}: {sample.name}"
        side.count += 1
        side.names[where] = where
        who = person(sample)
        if who is None:
            side.without_subject += 1
        else:
            side.subjects.setdefault(who, where)
        mark = _hash_of(sample, pictures)
        if mark is None:
            side.without_picture += 1
        else:
            side.pictures.setdefault(mark, where)
    return side


def check_no_leak(train: Iterable[Sample], test: Iterable[Sample], pictures: Pictures = "pixels") -> LeakReport:
    """Refuse a run that tests on what it learned from.

    Args:
        train: everything that is learned from or chosen by (the best epoch, a threshold): validation samples too.
        test: what the reported score is taken on.
        pictures: "pixels" decodes every picture (of a clip: the frame that stands for it) and compares them pixel by
            pixel; "files" compares the files' bytes, faster, but misses a copy in another format; "none".

    Raises:
        RequestError: a sample, a subject or a picture is on both sides, or a side is empty; names examples.
        SourceError: a picture cannot be read.
    """
    if pictures not in ("pixels", "files", "none"):
        raise RequestError(f"pictures: {pictures!r} is none of pixels, files, none")
    one, other = _read(train, pictures), _read(test, pictures)
    if not one.count or not other.count:
        raise RequestError(f"{one.count} samples to learn from, {other.count} to test on: both are needed")
    leaks = []
    sides: tuple[tuple[str, Mapping[Hashable, str], Mapping[Hashable, str]], ...] = (
        ("sample", one.names, other.names),
        ("subject", one.subjects, other.subjects),
        ("picture", one.pictures, other.pictures),
    )
    for what, a, b in sides:
        both = [key for key in b if key in a]
        if both:
            examples = "; ".join(_example(key, a, b) for key in both[:EXAMPLES])
            plural = "" if len(both) == 1 else "s"
            leaks.append(f"{len(both)} {what}{plural} on both sides: {examples}")
    if leaks:
        raise RequestError(f"the test leaks into the training: {'. '.join(leaks)}. Split by subject, drop doubles.")
    return LeakReport(
        one.count,
        other.count,
        one.without_subject + other.without_subject,
        one.without_picture + other.without_picture,
    )


def _example(key: Hashable, a: Mapping[Hashable, str], b: Mapping[Hashable, str]) -> str:
    head = f"{key} (" if isinstance(key, str) and key != a[key] else "("
    return f"{head}{a[key]} / {b[key]})"

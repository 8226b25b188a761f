"""CK+ (Lucey et al. 2010): posed sequences from neutral to apex; one sample is one sequence.

A sequence's label sits with the number of its last frame, and holds for the last frames only. 327 of 593 sequences
have an emotion. Also read: "CK+48", the cut-out last three frames in class folders that circulate without subjects'
sequences.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mien.core.arrays import Float32
from mien.lab.datasets.au_labels import AuCode, AuLabels
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip, ExpressionLabel
from mien.lab.datasets.tables import number, whole

KINDS = ("Emotion", "FACS", "Landmarks")
_SUBJECT = re.compile(r"S\d{3}")
_CROPPED = re.compile(r"(S\d{3})_(\d{3})_\d{8}")


def read(reading: Reading) -> None:
    """Read a copy: `cohn-kanade-images/`, `Emotion/`, `FACS/`, `Landmarks/`."""
    base = reading.folder.locate_folder("cohn-kanade-images")
    if base is None:
        if not _read_cropped(reading):
            reading.problem("missing folder", "cohn-kanade-images")
        return
    labels: dict[str, str] = {}
    for kind in KINDS:
        found = reading.folder.locate_folder(kind)
        if found is None:
            reading.problem("missing folder", kind)
        else:
            labels[kind] = found
            _sequences_there(reading, found, base)
    for subject in reading.folder.subfolders(base):
        if not _SUBJECT.fullmatch(subject):
            reading.note("folder that is no subject", f"{base}/{subject}")
            continue
        for take in reading.folder.subfolders(f"{base}/{subject}"):
            _add(reading, labels, base, (subject, take))


def _sequences_there(reading: Reading, labels: str, base: str) -> None:
    """Every labelled sequence must have a folder of pictures."""
    for subject in reading.folder.subfolders(labels):
        for take in reading.folder.subfolders(f"{labels}/{subject}"):
            if not reading.folder.has_folder(f"{base}/{subject}/{take}"):
                reading.problem("missing folder", f"{base}/{subject}/{take}, which {labels}/{subject}/{take} labels")


def _add(reading: Reading, labels: dict[str, str], base: str, item: tuple[str, str]) -> None:
    subject, take = item
    frames = reading.frame_files(f"{base}/{subject}/{take}")
    if frames is None:
        reading.problem("sequence without pictures", f"{base}/{subject}/{take}")
        return
    stem = Path(frames.names[-1]).stem

    def label_file(kind: str) -> str | None:
        if kind not in labels:
            return None
        folder = f"{labels[kind]}/{subject}/{take}"
        for name in reading.folder.files(folder, frozenset({".txt"})):
            if name == f"{stem}_{kind.lower()}.txt":
                return f"{folder}/{name}"
            if kind != "Landmarks":
                reading.problem("label that belongs to no last frame", f"{folder}/{name}; last frame {stem}")
        if kind != "Emotion":  # not every sequence has one
            reading.problem("missing label file", f"{folder}/{stem}_{kind.lower()}.txt")
        return None

    emotion, facs, points = label_file("Emotion"), label_file("FACS"), label_file("Landmarks")
    reading.add(
        f"{subject}/{take}",
        reading.split_of(subject, stem),
        subject=subject,
        path=frames.folder / frames.names[-1],
        expression=_emotion(reading, emotion) if emotion else None,
        action_units=_facs(reading, facs) if facs else None,
        landmarks_xy=(xy := _landmarks(reading, points) if points else None),
        landmark_schema=None if xy is None else "ibug68",
        clip=Clip(onset=frames.numbers[0], apex=frames.numbers[-1], offset=frames.numbers[-1], frames=frames),
    )


def _rows(reading: Reading, relative: str, *, may_be_empty: bool = False) -> list[tuple[str, list[str]]]:
    lines = reading.folder.text_lines(relative, may_be_empty=may_be_empty)
    return [(f"{relative} line {at}", t.split()) for at, t in lines if t.strip()]


def _emotion(reading: Reading, relative: str) -> ExpressionLabel | None:
    rows = _rows(reading, relative)
    if len(rows) != 1 or len(rows[0][1]) != 1:
        reading.problem("label of another form", f"{relative}: expected one number")
        return None
    return reading.expression_of_id(rows[0][1][0], relative)


def _facs(reading: Reading, relative: str) -> AuLabels:
    codes = []
    rows = _rows(reading, relative, may_be_empty=True)
    if not rows:
        reading.note("no action units", f"{relative}: holds nothing, read as a face at rest")
    for where, tokens in rows:
        values = [whole(t) for t in tokens]
        unit, intensity = values if len(values) == 2 else (None, None)
        if unit is None or intensity is None or not (1 <= unit <= 98 and 0 <= intensity <= 5):
            reading.problem("label out of range", f"{' '.join(tokens)!r} ({where}): expected unit and intensity 0–5")
        else:
            codes.append(AuCode(unit, intensity=intensity or None))
    return AuLabels.of_codes(codes)


def _landmarks(reading: Reading, relative: str) -> Float32 | None:
    values = [[number(t) for t in tokens] for _, tokens in _rows(reading, relative)]
    if len(values) != 68 or any(len(v) != 2 or None in v for v in values):
        reading.problem("label of another form", f"{relative}: expected 68 lines of x y")
        return None
    return np.array(values, dtype=np.float32)


def _read_cropped(reading: Reading) -> bool:
    """CK+48: class folders of pictures named by subject, sequence and frame."""
    known = [f for f in reading.folder.subfolders() if reading.labels.of_word(f)]
    if len(known) < 2:
        return False
    reading.subset("class folders of cut-out pictures (CK+48), three of each labelled sequence")
    for folder in known:
        expression = reading.expression_of_word(folder, folder)
        for name in reading.folder.pictures(folder):
            match = _CROPPED.match(name)
            if match is None:
                reading.problem("file name of another form", f"{folder}/{name}")
                continue
            path = reading.folder.path(f"{folder}/{name}")
            split = reading.split_of(match[1], name)
            reading.add(f"{folder}/{name}", split, subject=match[1], path=path, expression=expression)
    return True

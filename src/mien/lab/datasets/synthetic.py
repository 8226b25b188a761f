"""`synthetic:DIR`: what `mien lab synth` wrote. Subjects are the persons that were drawn; the split follows from them.

A sample is a picture; several rows of the table with the same name are several faces in one picture. The first of them
gives landmarks and truth; boxes and the attributes `five_xy` (N, 5, 2), `five_visible` (N, 5), `subjects` are those of
all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import SourceError
from mien.lab.datasets.face_truth import FaceTruth
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import ExpressionLabel, Sample
from mien.lab.datasets.synthetic_clips import read_clips
from mien.lab.datasets.synthetic_table import FORMAT, LABELS, MANIFEST, PICTURES, Columns, read_part

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
LABEL_SCHEMA = "synthetic"
_TRUTH = {
    "landmarks_visible": (98,),
    "five_xy": (5, 2),
    "five_visible": (5,),
    "pose_ypr_deg": (3,),
    "gaze_deg": (2, 2),
    "gaze_visible": (2,),
    "blendshapes": (52,),
    "action_units": (-1,),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One table in memory and where its pictures are, in the copy and on the disk."""

    columns: Columns
    pictures: str
    folder: Path
    dataset: str


def read(reading: Reading) -> None:
    """Read a copy."""
    place = reading.folder.locate(MANIFEST)
    if place is None:
        reading.problem("missing file", f"{MANIFEST}: is this a folder made by mien lab synth?")
        return
    manifest = read_manifest(reading, place)
    if manifest is None:
        return
    base = place.removesuffix(MANIFEST)
    if not manifest.get("complete"):
        reading.note("not finished", f"{manifest.get('task')}: run mien lab synth --resume to complete it")
    if manifest.get("kind") == "clips":
        read_clips(reading, base)
        return
    for name in reading.folder.files(base + LABELS, frozenset({".parquet"})):
        try:
            columns = read_part(reading.folder.path(f"{base}{LABELS}/{name}"))
        except SourceError as error:
            reading.problem("table that cannot be read", str(error))
            continue
        _add(reading, _Part(columns, base + PICTURES, reading.folder.path(base + PICTURES), reading.info.name), name)


def read_manifest(reading: Reading, place: str) -> Mapping[str, Any] | None:
    """What the folder says of itself; None with a problem noted if it is none of ours."""
    try:
        found = json.loads(reading.folder.path(place).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reading.problem("file that cannot be read", f"{MANIFEST}: {error}")
        return None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        made = found.get("format") if isinstance(found, dict) else None
        reading.problem("another format", f"{MANIFEST}: format {made!r}, this version reads {FORMAT}")
        return None
    return found


def _add(reading: Reading, part: _Part, where: str) -> None:
    """Add the pictures of a table: those of one person together, several faces of one picture as one sample."""
    names = part.columns["name"]
    starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
    ends = np.r_[starts[1:], len(names)]
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        relative = reading.folder.inside(part.pictures, str(names[start]))
        if relative is None or relative not in reading.folder:
            reading.problem("missing image", f"{names[start]} ({where})")
            continue
        subjects = {str(s) for s in part.columns["subject"][start:end]} - {""}
        # Pictures of several people or none belong to a split by their name: the people are drawn from that split.
        alone = subjects.pop() if len(subjects) == 1 else None
        split = reading.split_of(alone, str(names[start]))
        groups.setdefault((split, alone or f"group {names[start]}"), []).append((start, end))
    for (split, subject), rows in groups.items():
        reading.add_block(len(rows), partial(_sample, part, rows, split, subject), split, subject)


def _sample(part: _Part, rows: list[tuple[int, int]], split: str, subject: str, i: int) -> Sample:
    start, end = rows[i]
    columns = part.columns
    path = part.folder / str(columns["name"][start])
    if columns["face"][start] < 0:
        nobody = np.zeros((0, 4), np.float32)
        attributes = {"seed": int(columns["seed"][start])}
        return Sample(
            part.dataset, str(columns["name"][start]), split, path=path, boxes_xyxy=nobody, attributes=attributes
        )
    name, expression = str(columns["name"][start]), str(columns["expression"][start])
    faces = end - start
    facts: dict[str, Any] = {
        "rig": str(columns["rig"][start]),
        "seed": int(columns["seed"][start]),
        "compound": str(columns["compound"][start]),
        "intensity": float(columns["intensity"][start, 0]),
        "translation_mm": columns["translation_mm"][start],
        "focal_px": float(columns["focal_px"][start, 0]),
    }
    facts["five_xy"] = columns["five_xy"][start:end].reshape(faces, 5, 2)
    facts["five_visible"] = columns["five_visible"][start:end]
    facts["subjects"] = tuple(str(s) for s in columns["subject"][start:end])
    facts |= {a: int(v) for a, v in zip(ATTRIBUTES, columns["attributes"][start], strict=True)}
    return Sample(
        dataset=part.dataset,
        name=name,
        split=split,
        subject=subject,
        path=path,
        boxes_xyxy=columns["box_xyxy"][start:end],
        landmarks_xy=columns["landmarks_xy"][start].reshape(98, 2),
        landmark_schema="wflw98",
        expression=ExpressionLabel(expression, LABEL_SCHEMA) if expression not in ("", "other") else None,
        truth=FaceTruth(**{n: columns[n][start].reshape(shape) for n, shape in _TRUTH.items()}),
        attributes=facts,
    )

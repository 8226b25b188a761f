"""FER2013 as its csv or as one npz of arrays, and FERPlus, which labels the same pictures anew with ten votes each."""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.errors import SourceError
from mien.lab.datasets.array_files import load_archive
from mien.lab.datasets.folder import Folder
from mien.lab.datasets.labels import LabelSchema
from mien.lab.datasets.pictures import ArrayEntry, PixelRow
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import ExpressionLabel, Sample
from mien.lab.datasets.tables import csv_rows, whole

USAGE = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
PIXELS = 48 * 48


def pixel_rows(folder: Folder, relative: str) -> list[tuple[PixelRow, str, str]]:
    """(place of the picture, emotion, usage) of every row of `fer2013.csv`, in its order."""
    out = []
    path = folder.path(relative)
    for at, start, raw in folder.lines(relative):
        if at == 1 or not raw.strip():
            continue
        text = raw.decode("utf-8", errors="replace")
        emotion, _, rest = text.partition(",")
        pixels, _, usage = rest.rpartition(",")
        if raw.count(b" ") != PIXELS - 1 and len(pixels.split()) != PIXELS:
            problem = f"{relative} line {at}: expected {PIXELS} pixel values, found {len(pixels.split())}"
            folder.findings.problem("line of another form", problem)
        out.append((PixelRow(path, start, len(raw)), emotion.strip(), usage.strip()))
    return out


def read(reading: Reading) -> None:
    """Read a copy: `fer2013.csv` (columns emotion, pixels, Usage) or `fer2013.npz`."""
    given = reading.folder.given or ""
    table = given if given.endswith(".csv") else reading.folder.locate("fer2013.csv")
    arrays = given if given.endswith(".npz") else reading.folder.locate("fer2013.npz")
    if table:
        _read_csv(reading, table)
    elif arrays:
        _read_npz(reading, arrays)
    else:
        reading.problem("missing file", "fer2013.csv")


def _read_csv(reading: Reading, relative: str) -> None:
    for i, (pixels, emotion, usage) in enumerate(pixel_rows(reading.folder, relative)):
        where = f"{relative} line {i + 2}"
        if usage not in USAGE:
            reading.problem("label out of range", f"usage {usage!r} ({where}); known: {', '.join(USAGE)}")
            continue
        expression = reading.expression_of_id(emotion, where)
        reading.add(f"row {i:05d}", USAGE[usage], pixels=pixels, expression=expression)


def _read_npz(reading: Reading, relative: str) -> None:
    """`train_images`, `train_labels`, `val_images`, `val_labels`, `class_names`; `train_near_val`: near-doubles."""
    try:
        arrays = load_archive(reading.folder.path(relative))
    except SourceError as error:
        reading.problem("file that cannot be read", f"{relative}: {error}")
        return
    words = [str(w) for w in arrays.get("class_names", ())]
    names = [reading.labels.of_word(word) for word in words]
    if not names or None in names:
        reading.problem("label out of range", f"{relative}: class_names {words}")
        return
    reading.subset(f"{relative}: an array copy, not the csv")
    for split in ("train", "val", "test"):
        images, labels = arrays.get(f"{split}_images"), arrays.get(f"{split}_labels")
        if images is None or labels is None:
            if split != "test":
                reading.problem("missing array", f"{relative}: {split}_images, {split}_labels")
            continue
        if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
            reading.problem("array of another form", f"{relative}: {split}_images {images.dtype}{images.shape}")
            continue
        if labels.dtype.kind not in "iu" or (len(labels) and not 0 <= labels.min() <= labels.max() < len(names)):
            reading.problem("label out of range", f"{relative}: {split}_labels must be 0–{len(names) - 1}")
            continue
        near = arrays.get(f"{split}_near_val")
        if near is not None and near.shape != labels.shape:
            reading.problem("array of another form", f"{relative}: {split}_near_val {near.shape}")
            near = None
        _add_arrays(reading, split, images, (labels, names, near))


def _add_arrays(reading: Reading, split: str, images: Any, rest: tuple[Any, list[str | None], Any]) -> None:
    labels, names, near = rest
    info, schema = reading.info.name, reading.labels.name

    def make(i: int) -> Sample:
        extra = {} if near is None else {"near_val": bool(near[i])}
        expression = ExpressionLabel(str(names[int(labels[i])]), schema)
        pixels = ArrayEntry(images, i)
        return Sample(info, f"{split} {i:05d}", split, pixels=pixels, expression=expression, attributes=extra)

    reading.add_block(len(labels), make, split)


def read_ferplus(reading: Reading) -> None:
    """Read FERPlus: `fer2013new.csv` (with `fer2013.csv` beside it for the pictures, row by row the same)."""
    table = reading.folder.locate("fer2013new.csv")
    if table is None:
        _read_generated(reading)
        return
    pictures: list[PixelRow] = []
    if original := reading.folder.locate("fer2013.csv"):
        pictures = [place for place, _, _ in pixel_rows(reading.folder, original)]
    else:
        reading.problem("missing file", "fer2013.csv (FERPlus labels its pictures; it holds none itself)")
    rows = list(csv_rows(reading.folder, table))[1:]
    if pictures and len(rows) != len(pictures):
        reading.problem("tables of different length", f"{table}: {len(rows)} rows; fer2013.csv: {len(pictures)}")
        pictures = []  # the rows can no longer be told which picture they mean
    for i, (at, cells) in enumerate(rows):
        where = f"{table} line {at}"
        usage, name, votes = (cells[0].strip(), cells[1].strip(), cells[2:]) if len(cells) >= 12 else ("", "", [])
        if usage not in USAGE:
            reading.problem("line of another form", f"{where}: expected Usage, Image name and ten votes")
            continue
        pixels = pictures[i] if pictures else None
        _add_voted(reading, (f"row {i:05d}", USAGE[usage], where), votes, {"pixels": pixels, "face": bool(name)})


def _read_generated(reading: Reading) -> None:
    """The folders that FERPlus' own script generates: FER2013Train, Valid, Test with `label.csv`."""
    found = False
    for folder, split in (("FER2013Train", "train"), ("FER2013Valid", "val"), ("FER2013Test", "test")):
        table = reading.folder.locate(f"{folder}/label.csv")
        if table is None:
            continue
        found = True
        reading.subset(f"{table}: generated pictures")
        base = table.rpartition("/")[0]
        for at, cells in csv_rows(reading.folder, table):
            where = f"{table} line {at}"
            relative = reading.folder.inside(base, cells[0]) if cells else None
            if relative is None or len(cells) < 12:
                reading.problem("line of another form", f"{where}: expected name, box and ten votes")
                continue
            path = reading.picture(relative, where)
            _add_voted(reading, (relative, split, where), cells[2:], {"path": path, "face": True})
    if not found:
        reading.problem("missing file", "fer2013new.csv")


def _add_voted(reading: Reading, item: tuple[str, str, str], votes: list[str], rest: dict[str, Any]) -> None:
    name, split, where = item
    counts = [whole(v.strip()) for v in votes[: len(reading.labels.names)]]
    if len(counts) != len(reading.labels.names) or any(c is None or not 0 <= c <= 10 for c in counts):
        reading.problem("label out of range", f"votes {votes} ({where}): expected ten numbers of 0–10")
        return
    table = dict(zip(reading.labels.names, (float(c or 0) for c in counts), strict=True))
    winner = majority(table, reading.labels) if rest["face"] else None
    expression = None if winner is None else ExpressionLabel(winner, reading.labels.name, table)
    attributes = {"face": rest.pop("face"), "votes": table}
    reading.add(name, split, expression=expression, attributes=attributes, **rest)


def majority(votes: dict[str, float], schema: LabelSchema) -> str | None:
    """FERPlus' majority rule: single votes are dropped as outliers; the class with more than half of what remains,
    or None (no majority, or it is "unknown" or "not a face")."""
    kept = {name: v for name, v in votes.items() if v > 1}
    best = max(kept, key=lambda n: kept[n], default=None)
    if best is None or kept[best] <= sum(kept.values()) / 2 or best in schema.unlabelled:
        return None
    return best

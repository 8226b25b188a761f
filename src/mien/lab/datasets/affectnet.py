"""AffectNet with 7 or 8 classes, in both of its releases: csv lists, and one .npy file per label.

The dataset names `affectnet7` and `affectnet8` choose the classes: 7 leaves contempt out. None, uncertain and
no-face are no expressions and are left out by both. Valence and arousal of -2 mean "none".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32
from mien.errors import SourceError
from mien.lab.datasets.array_files import load_label_array
from mien.lab.datasets.labels import load_labels
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import ExpressionLabel, Sample
from mien.lab.datasets.tables import csv_rows, header_key, number, whole

ALL_CLASSES = "affectnet"
SPLITS = {"train": ("training.csv", "train_set"), "val": ("validation.csv", "val_set")}
_NONE = -2
COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)


def read(reading: Reading) -> None:
    """Read a copy: `train_set/annotations/`, `val_set/annotations/`, or `training.csv`, `validation.csv`."""
    for split, (table_name, set_name) in SPLITS.items():
        folder = reading.folder.locate_folder(f"{set_name}/annotations")
        table = reading.folder.locate(table_name)
        if folder is not None:
            _read_arrays(reading, folder, split)
        elif table is not None:
            _read_csv(reading, table, split)
        else:
            reading.problem("missing file", f"{set_name}/annotations or {table_name}")


def _wanted(reading: Reading, text: str, where: str) -> str | None:
    """Common name of a class number if this dataset keeps it; a number that stands for nothing is a problem."""
    everything = load_labels(ALL_CLASSES)
    value = whole(text)
    name = None if value is None else everything.of_id(value)
    if name is None:
        reading.problem("label out of range", f"expression {text!r} ({where}); known: 0–10")
    elif name not in reading.labels.names:
        reading.note("class left out", f"{name} ({where})")
        return None
    return name


def _affect(reading: Reading, valence: float | None, arousal: float | None, where: str) -> tuple[float, float] | None:
    if valence is None or arousal is None:
        reading.problem("label out of range", f"valence or arousal is no number ({where})")
        return None
    if any(abs(v) > 1 and v != _NONE for v in (valence, arousal)):
        reading.problem("label out of range", f"valence {valence:g}, arousal {arousal:g} ({where}): expected -1…1")
        return None
    return None if _NONE in (valence, arousal) else (valence, arousal)


def _read_csv(reading: Reading, table: str, split: str) -> None:
    base = reading.folder.locate_folder("Manually_Annotated_Images")
    places = {header_key(name): i for i, name in enumerate(COLUMNS)}
    rows: list[dict[str, Any]] = []
    for at, cells in csv_rows(reading.folder, table):
        where = f"{table} line {at}"
        if at == 1 and "expression" in [header_key(c) for c in cells]:
            places = {header_key(c): i for i, c in enumerate(cells)}
            lacking = [name for name in COLUMNS if header_key(name) not in places]
            if lacking:
                reading.problem("header of another form", f"{table}: has no column {', '.join(lacking)}")
                return
            continue
        row = {n: cells[i].strip() if (i := places.get(header_key(n), 99)) < len(cells) else "" for n in COLUMNS}
        if not row["subDirectory_filePath"]:
            reading.problem("line of another form", f"{where}: names no picture")
            continue
        relative = reading.folder.inside(base or table.rpartition("/")[0], row["subDirectory_filePath"])
        if relative is None:
            reading.problem("path that leaves the folder", f"{row['subDirectory_filePath']!r} ({where})")
            continue
        name = _wanted(reading, row["expression"], where)
        if name is None:
            continue
        box = [number(row[c]) for c in ("face_x", "face_y", "face_width", "face_height")]
        rows.append(
            {
                "name": row["subDirectory_filePath"],
                "path": reading.picture(relative, where),
                "class": name,
                "box": None if None in box else np.array(box, np.float32),
                "points": _points(reading, row["facial_landmarks"].split(";"), where),
                "affect": _affect(reading, number(row["valence"]), number(row["arousal"]), where),
            }
        )
    reading.add_block(len(rows), lambda i: _csv_sample(reading, rows[i], split), split)


def _points(reading: Reading, tokens: list[str], where: str) -> Float32 | None:
    values = [number(t) for t in tokens]
    if len(values) != 136 or None in values:
        reading.note("landmarks of another form", f"{where}: expected 136 numbers, found {len(tokens)} tokens")
        return None
    return np.array(values, dtype=np.float32).reshape(68, 2)


def _csv_sample(reading: Reading, row: dict[str, Any], split: str) -> Sample:
    box = row["box"]
    return Sample(
        reading.info.name,
        row["name"],
        split,
        path=row["path"],
        expression=ExpressionLabel(row["class"], reading.labels.name),
        boxes_xyxy=None if box is None else np.array([[box[0], box[1], box[0] + box[2], box[1] + box[3]]], np.float32),
        landmarks_xy=row["points"],
        landmark_schema=None if row["points"] is None else "ibug68",
        valence_arousal=row["affect"],
    )


def _read_arrays(reading: Reading, folder: str, split: str) -> None:
    base = folder.removesuffix("annotations") + "images"
    if not reading.folder.has_folder(base):
        reading.problem("missing folder", base)
    kept: list[tuple[str, str]] = []
    known: set[str] = set()
    for file in reading.folder.files(folder, frozenset({".npy"})):
        if not file.endswith("_exp.npy"):
            continue
        item, where = file.removesuffix("_exp.npy"), f"{folder}/{file}"
        known.add(item)
        text = _scalar(reading, where)
        name = None if text is None else _wanted(reading, text, where)
        missing = [k for k in ("val", "aro", "lnd") if f"{folder}/{item}_{k}.npy" not in reading.folder]
        for kind in missing:
            reading.problem("missing label file", f"{folder}/{item}_{kind}.npy")
        if f"{base}/{item}.jpg" not in reading.folder:
            reading.problem("missing image", f"{base}/{item}.jpg ({where})")
        elif name is not None:
            kept.append((item, name))

    for picture in reading.folder.pictures(base):
        if picture.rpartition(".")[0] not in known:
            reading.problem("missing label file", f"{folder}/{picture.rpartition('.')[0]}_exp.npy")

    def make(i: int) -> Sample:
        item, name = kept[i]
        return _array_sample(reading, (folder, base, split), item, name)

    reading.add_block(len(kept), make, split)


def _array_sample(reading: Reading, place: tuple[str, str, str], item: str, name: str) -> Sample:
    folder, base, split = place
    where = f"{folder}/{item}"
    texts = [_scalar(reading, f"{where}_{kind}.npy") for kind in ("val", "aro")]
    known = [number(t) for t in texts if t is not None]
    array = _load(reading, f"{where}_lnd.npy")
    points = None if array is None else _points(reading, [str(v) for v in array.ravel()[:200]], f"{where}_lnd.npy")
    return Sample(
        reading.info.name,
        f"{split}/{item}",
        split,
        path=Path(reading.folder.path(f"{base}/{item}.jpg")),
        expression=ExpressionLabel(name, reading.labels.name),
        landmarks_xy=points,
        landmark_schema=None if points is None else "ibug68",
        valence_arousal=_affect(reading, known[0], known[1], where) if len(known) == 2 else None,
    )


def _load(reading: Reading, relative: str) -> npt.NDArray[Any] | None:
    """A label file; None if it is not there or cannot be read (the latter is reported)."""
    if relative not in reading.folder:
        return None
    try:
        return load_label_array(reading.folder.path(relative))
    except SourceError as error:
        reading.problem("file that cannot be read", f"{relative}: {error}")
        return None


def _scalar(reading: Reading, relative: str) -> str | None:
    """The only value of a label file; "" if it holds another number of them, None as in `_load`."""
    array = _load(reading, relative)
    if array is None:
        return None
    return str(array.ravel()[0]) if array.size == 1 else ""

"""Folders of pseudo-labelled faces: crops of real pictures, labels by a teacher that agreed with itself.

Written by `mien.lab.pseudo`. Layout: manifest.json, labels/part_00000.parquet…, pictures/NAME. One row per face that
was looked at; refused ones have a reason and no picture. A source that allows tests only is read as split "test",
whatever its rows say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.datasets.face_truth import FaceTruth
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import ExpressionLabel, Sample

FORMAT = 1
MANIFEST, LABELS, PICTURES = "manifest.json", "labels", "pictures"
KIND = "pseudo-labelled faces"
SPLITS = frozenset({"train", "val", "test"})
LABEL_SCHEMA = "fer2013"
MAX_PART_BYTES = 500_000_000
TEXTS = ("name", "picture", "subject", "split", "refused", "expression", "attributes")
TRUTH: dict[str, tuple[int, ...]] = {
    "landmarks_visible": (98,),
    "landmark_spread_px": (98,),
    "five_xy": (5, 2),
    "five_visible": (5,),
    "pose_ypr_deg": (3,),
    "gaze_deg": (2, 2),
    "gaze_visible": (2,),
    "blendshapes": (52,),
    "action_units": (len(load_schema("facs")),),
}
NUMBERS: dict[str, int] = {
    "box_xyxy": 4,
    "landmarks_xy": 196,
    **{name: int(np.prod(shape)) for name, shape in TRUTH.items()},
    "inside_xyxy": 4,
    "spread": 1,
    "presence": 1,
    "detector_gap": 1,
    "source_scale": 1,
}
"""Column → how many float32 a row holds; NaN = unknown. px are those of the stored picture."""

Columns = dict[str, npt.NDArray[Any]]


def schema() -> pa.Schema:
    """The table's columns; the names behind the vectors are in its metadata."""
    fields = [pa.field(n, pa.string(), nullable=False) for n in TEXTS]
    fields += [pa.field(n, pa.list_(pa.float32(), k), nullable=False) for n, k in NUMBERS.items()]
    names = {"landmarks_xy": "wflw98", "blendshapes": "arkit52", "action_units": "facs"}
    return pa.schema(fields, metadata={"format": str(FORMAT), **{f"schema.{k}": v for k, v in names.items()}})


def write_part(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows as one file; it appears under its name only when it is whole. A number that is not given is NaN.

    Raises:
        OSError: it cannot be written.
    """
    columns: list[pa.Array] = []
    for name in schema().names:
        if name in NUMBERS:
            width = NUMBERS[name]
            flat = np.full((len(rows), width), np.nan, dtype=np.float32)
            for place, row in enumerate(rows):
                if row.get(name) is not None:
                    flat[place] = np.asarray(row[name], dtype=np.float32).ravel()
            columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), width))
        else:
            columns.append(pa.array([str(row.get(name, "")) for row in rows], pa.string()))
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(pa.Table.from_arrays(columns, schema=schema()), unfinished)
    unfinished.replace(path)


def read_part(path: Path) -> Columns:
    """Column → (N,) texts, or (N, K) float32.

    Raises:
        SourceError: not such a table.
    """
    try:
        if path.stat().st_size > MAX_PART_BYTES:
            raise SourceError(f"{path}: larger than a part may be ({MAX_PART_BYTES} bytes)")
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path}: not a label table; delete it and label again ({error})") from None
    if not table.schema.equals(schema(), check_metadata=False):
        raise SourceError(f"{path}: has other columns than format {FORMAT}; was it made by another version?")
    out: Columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if column.null_count:
            raise SourceError(f"{path}: column {name} has gaps")
        if name in NUMBERS:
            flat = column.flatten().to_numpy(zero_copy_only=False)
            out[name] = np.asarray(flat, dtype=np.float32).reshape(-1, NUMBERS[name])
            continue
        try:
            out[name] = column.to_numpy(zero_copy_only=False)
        except UnicodeDecodeError:
            raise SourceError(
                f"{path}: column {name} holds text that is not UTF-8; delete it and label again"
            ) from None
    return out


def read_manifest(path: Path) -> dict[str, Any]:
    """What a folder says of itself.

    Raises:
        SourceError: it is no such folder, or of another format.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: cannot be read ({error}): is this a folder of pseudo-labelled faces?") from None
    if not isinstance(found, dict) or found.get("kind") != KIND or found.get("format") != FORMAT:
        raise SourceError(f"{path}: is not of kind {KIND!r} and format {FORMAT}")
    return found


def read(reading: Reading) -> None:
    """Read a copy."""
    place = reading.folder.locate(MANIFEST)
    if place is None:
        reading.problem("missing file", f"{MANIFEST}: is this a folder made by mien.lab.pseudo?")
        return
    try:
        manifest = read_manifest(reading.folder.path(place))
    except SourceError as error:
        reading.problem("file that cannot be read", str(error))
        return
    purposes = manifest.get("purposes")
    train = isinstance(purposes, list) and "train" in purposes
    base = place.removesuffix(MANIFEST)
    for name in reading.folder.files(base + LABELS, frozenset({".parquet"})):
        try:
            columns = read_part(reading.folder.path(f"{base}{LABELS}/{name}"))
        except SourceError as error:
            reading.problem("table that cannot be read", str(error))
            continue
        _add(reading, columns, (base + PICTURES, str(manifest.get("source")), name), train=train)
    if not manifest.get("complete"):
        reading.note("not finished", "label again with the same arguments to complete it")


def _add(reading: Reading, columns: Columns, place: tuple[str, str, str], *, train: bool) -> None:
    pictures, source, table = place
    for row in np.flatnonzero(columns["refused"] == "").tolist():
        where = f"{columns['name'][row]} ({table} row {row + 1})"
        relative = reading.folder.inside(pictures, str(columns["picture"][row]))
        if relative is None or relative not in reading.folder:
            reading.problem("missing image", f"{columns['picture'][row]!r} of {where}")
            continue
        split = str(columns["split"][row]) if train else "test"
        odd = _odd(reading, columns, row, split)
        if odd:
            reading.problem("label out of range", f"{odd} of {where}; label again")
            continue
        subject = f"{source}/{columns['subject'][row]}"
        make = partial(_sample, columns, row, (reading.info.name, reading.folder.path(relative), split, subject))
        reading.add_block(1, make, split, subject)


def _odd(reading: Reading, columns: Columns, row: int, split: str) -> str:
    """What a kept row says that no labeller writes; "" if it is sound."""
    expression = str(columns["expression"][row])
    if split not in SPLITS:
        return f"split {split!r}, expected one of {', '.join(sorted(SPLITS))}"
    if expression and expression not in reading.labels.names:
        return f"expression {expression!r}, known: {', '.join(reading.labels.names)}"
    if not all(np.isfinite(columns[name][row]).all() for name in ("box_xyxy", "landmarks_xy")):
        return "a box or landmarks that are no numbers"
    try:
        _attributes(str(columns["attributes"][row]))
    except SourceError as error:
        return str(error)
    return ""


def _sample(columns: Columns, row: int, known: tuple[str, Path, str, str], _: int) -> Sample:
    dataset, path, split, subject = known
    expression = str(columns["expression"][row])
    numbers = ("spread", "presence", "detector_gap", "source_scale")
    attributes: dict[str, Any] = {name: float(columns[name][row, 0]) for name in numbers}
    attributes["inside_xyxy"] = columns["inside_xyxy"][row]
    attributes |= _attributes(str(columns["attributes"][row]))
    return Sample(
        dataset=dataset,
        name=str(columns["name"][row]),
        split=split,
        subject=subject,
        path=path,
        boxes_xyxy=columns["box_xyxy"][row : row + 1],
        landmarks_xy=columns["landmarks_xy"][row].reshape(98, 2),
        landmark_schema="wflw98",
        expression=ExpressionLabel(expression, LABEL_SCHEMA) if expression else None,
        truth=FaceTruth(**{n: columns[n][row].reshape(shape) for n, shape in TRUTH.items()}),
        attributes=attributes,
    )


def _attributes(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise SourceError(f"attributes {text[:60]!r}, which are no JSON ({error})") from None
    return found if isinstance(found, dict) else {}

"""The label tables of a synthetic dataset: one row per picture, fixed columns, Parquet.

Written by `mien.lab.synth.stored`, read by `mien.lab.datasets.synthetic`. Vectors are fixed-size lists of float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mien.core.schema import load_schema
from mien.errors import SourceError

FORMAT = 1
MANIFEST = "manifest.json"
LABELS, PICTURES = "labels", "pictures"
MAX_PART_BYTES = 500_000_000
TEXTS = ("name", "rig", "subject", "expression", "compound")
WHOLE_NUMBERS = ("seed", "face")
NUMBERS: dict[str, int] = {
    "box_xyxy": 4,
    "landmarks_xy": 196,
    "landmarks_visible": 98,
    "five_xy": 10,
    "five_visible": 5,
    "pose_ypr_deg": 3,
    "translation_mm": 3,
    "gaze_deg": 4,
    "gaze_visible": 2,
    "blendshapes": 52,
    "action_units": len(load_schema("facs")),
    "intensity": 1,
    "focal_px": 1,
    "attributes": 6,
}
"""Column → how many float32 a row holds."""

Columns = dict[str, npt.NDArray[Any]]


def schema() -> pa.Schema:
    """The table's columns; the names behind the vectors are in its metadata."""
    fields = [pa.field(n, pa.string(), nullable=False) for n in TEXTS]
    fields += [pa.field(n, pa.int64(), nullable=False) for n in WHOLE_NUMBERS]
    fields += [pa.field(n, pa.list_(pa.float32(), k), nullable=False) for n, k in NUMBERS.items()]
    names = {"landmarks_xy": "wflw98", "blendshapes": "arkit52", "action_units": "facs"}
    return pa.schema(fields, metadata={"format": str(FORMAT), **{f"schema.{k}": v for k, v in names.items()}})


def write_part(rows: Sequence[Mapping[str, Any]], path: Path, sizes: Mapping[str, int]) -> None:
    """Write rows as one file; it appears under its name only when it is whole.

    Args:
        rows: in the order of their pictures.
        path: of the table.
        sizes: files that belong to it → bytes, so that a lost or cut one is noticed.

    Raises:
        OSError: it cannot be written.
    """
    columns: list[pa.Array] = []
    for field in schema():
        values = [row[field.name] for row in rows]
        if field.name in NUMBERS:
            flat = np.asarray(values, dtype=np.float32).reshape(len(rows), NUMBERS[field.name])
            columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), NUMBERS[field.name]))
        else:
            columns.append(pa.array(values, field.type))
    unfinished = path.with_suffix(".unfinished")
    told = schema().with_metadata({**schema().metadata, b"sizes": json.dumps(sizes).encode()})
    with unfinished.open("wb") as file:  # the library takes no path that is not UTF-8
        pq.write_table(pa.Table.from_arrays(columns, schema=told), file)
    unfinished.replace(path)


def sizes_in(path: Path) -> dict[str, int]:
    """Files that belong to a part → bytes; empty if it is none or damaged, so that it is made again."""
    try:
        with path.open("rb") as file:
            found = pq.read_schema(file)
        sizes = json.loads((found.metadata or {}).get(b"sizes", b"{}"))
    except (OSError, pa.ArrowException, ValueError, RecursionError):
        return {}
    return sizes if isinstance(sizes, dict) else {}


def read_part(path: Path) -> Columns:
    """Column → (N,) texts or integers, or (N, K) float32.

    Raises:
        SourceError: not such a table.
    """
    try:
        if path.stat().st_size > MAX_PART_BYTES:
            raise SourceError(f"{path}: larger than a part may be ({MAX_PART_BYTES} bytes)")
        with path.open("rb") as file:
            table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path}: not a label table; delete it and go on with --resume ({error})") from None
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
        else:
            try:
                out[name] = column.to_numpy(zero_copy_only=False)
            except UnicodeDecodeError:
                raise SourceError(f"{path}: column {name} holds text that is not UTF-8; delete it") from None
    return out

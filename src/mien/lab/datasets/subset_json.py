"""A handful of faces as pictures with one `validation.json`: how small validation subsets are passed on.

Boxes: `{"images": [{"file", "source", "boxes": [[x, y, w, h], …]}, …]}`.
98 points: `{"faces": [{"file", "pts": [[x, y], …], "box": [x, y, w, h], "attributes": […]}, …]}`.
The published counts of the whole dataset do not apply to such a copy.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mien.lab.datasets.reading import Reading, xywh_to_xyxy

FILE = "validation.json"
MAX_BYTES = 100_000_000
MAX_PX = 1e6


def _entries(reading: Reading, key: str) -> list[dict[str, Any]] | None:
    """The list under `key`; None if there is no such file or it holds something else."""
    if FILE not in reading.folder:
        return None
    path = reading.folder.path(FILE)
    try:
        if path.stat().st_size > MAX_BYTES:
            reading.problem("file too large", FILE)
            return None
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reading.problem("file that cannot be read", f"{FILE}: {error}")
        return None
    entries = table.get(key) if isinstance(table, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        return None
    reading.subset(f"{FILE}: a subset of the validation or test part, {len(entries)} entries")
    return entries


def _numbers(value: object, columns: int) -> list[list[float]] | None:
    if not isinstance(value, list):
        return None
    for row in value:
        numeric = isinstance(row, list) and all(isinstance(v, int | float) and abs(v) < MAX_PX for v in row)
        if not numeric or len(row) != columns:
            return None
    return value


def _picture(reading: Reading, entry: dict[str, Any], where: str) -> tuple[str, Any] | None:
    given = str(entry.get("file", ""))
    relative = reading.folder.inside("", given)
    if relative is None:
        reading.problem("path that leaves the folder", f"{given!r} ({where})")
        return None
    return relative, reading.picture(relative, where)


def read_box_subset(reading: Reading) -> bool:
    """Add the pictures of a box subset; False if the copy is none."""
    entries = _entries(reading, "images")
    for i, entry in enumerate(entries or []):
        where = f"{FILE} image {i + 1}"
        boxes = _numbers(entry.get("boxes"), 4)
        picture = _picture(reading, entry, where)
        if boxes is None:
            reading.problem("label of another form", f"{where}: boxes must be a list of [x, y, w, h]")
        elif picture is not None:
            attributes = {"source": str(entry.get("source", ""))}
            xyxy = xywh_to_xyxy(boxes)
            reading.add(picture[0], "val", path=picture[1], boxes_xyxy=xyxy, attributes=attributes)
    return entries is not None


def read_landmark_subset(reading: Reading) -> bool:
    """Add the faces of a 98-point subset; False if the copy is none."""
    entries = _entries(reading, "faces")
    for i, entry in enumerate(entries or []):
        where = f"{FILE} face {i + 1}"
        points, box = _numbers(entry.get("pts"), 2), _numbers([entry.get("box")], 4)
        picture = _picture(reading, entry, where)
        if points is None or len(points) != 98 or box is None:
            reading.problem("label of another form", f"{where}: expected 98 points and a box")
        elif picture is not None:
            reading.add(
                f"{picture[0]}#{i}",
                "test",
                path=picture[1],
                boxes_xyxy=xywh_to_xyxy(box),
                landmarks_xy=np.array(points, np.float32),
                landmark_schema="wflw98",
                attributes={
                    "source": str(entry.get("source", "")),
                    **{str(a): 1 for a in entry.get("attributes", ()) if isinstance(a, str)},
                },
            )
    return entries is not None

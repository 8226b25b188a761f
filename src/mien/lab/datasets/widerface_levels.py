"""Which faces of WIDER FACE's validation part count as easy, medium and hard: `wider_{easy,medium,hard}_val.mat`.

The files name, per picture, the boxes (from 1) that count at that level; all others are ignored there: a detection
that meets one is neither true nor false. Hard contains medium, medium contains easy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mien.core.arrays import Int64
from mien.lab.datasets.reading import Reading

LEVELS = ("easy", "medium", "hard")
MAX_BYTES = 50_000_000


def read_levels(reading: Reading) -> dict[str, dict[str, Int64]]:
    """Level → picture (`event/file.jpg`) → numbers of the boxes that count, from 0.

    Empty, with a note, where the files are not there: scores by level cannot be computed then.
    """
    out = {}
    for level in LEVELS:
        relative = reading.folder.locate(f"wider_{level}_val.mat")
        if relative is None:
            reading.note("no difficulty levels", f"wider_{level}_val.mat is not there; AP by level needs it")
            continue
        try:
            out[level] = _read(reading, relative)
        except Exception as error:  # noqa: BLE001  scipy raises nearly everything on damaged files
            reading.problem("file that cannot be read", f"{relative}: {type(error).__name__}: {error}")
    return out


def _read(reading: Reading, relative: str) -> dict[str, Int64]:
    from scipy.io import loadmat

    path = reading.folder.path(relative)
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    table: Mapping[str, Any] = loadmat(str(path), variable_names=("event_list", "file_list", "gt_list"))
    found = {}
    for event, files, lists in zip(*(table[k].ravel() for k in ("event_list", "file_list", "gt_list")), strict=True):
        for file, numbers in zip(files.ravel(), lists.ravel(), strict=True):
            picture = f"{_text(event)}/{_text(file)}.jpg"
            found[picture] = np.asarray(numbers).ravel().astype(np.int64) - 1
    return found


def _text(cell: Any) -> str:
    """A MATLAB string, which arrives wrapped in arrays of one element."""
    while isinstance(cell, np.ndarray):
        cell = cell.ravel()[0]
    return str(cell)


def level_flags(
    levels: Mapping[str, Mapping[str, Int64]], picture: str, count: int
) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Per level a (count,) bool: the box counts there. Levels whose file does not know the picture are left out.

    Raises:
        ValueError: a number is none of the boxes.
    """
    flags = {}
    for level, by_picture in levels.items():
        if picture in by_picture:
            numbers = by_picture[picture]
            if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < count:
                raise ValueError(f"{level}: box {int(numbers.max()) + 1} of {picture}, which has {count}")
            flags[level] = np.isin(np.arange(count), numbers)
    return flags

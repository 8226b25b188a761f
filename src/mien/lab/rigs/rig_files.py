"""Reading the arrays of a rig from a folder somebody downloaded: nothing is trusted, nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mien.core.arrays import AnyArray
from mien.errors import SourceError
from mien.lab.datasets.array_files import load_archive

Shape = tuple[int | None, ...]


def read_arrays(path: Path, wanted: Mapping[str, Shape], rig: str) -> dict[str, AnyArray]:
    """The named arrays of an `.npz` file, with the shapes they must have (None = any length).

    Raises:
        SourceError: the file is missing, no `.npz`, holds Python objects, lacks an array, or an array has another
            shape or numbers that are not finite. The message names the file and the array.
    """
    if not path.is_file():
        raise SourceError(f"no {rig} rig at {path}: name the folder that holds {path.name}")
    try:
        arrays = load_archive(path)
    except SourceError as error:
        raise SourceError(f"{path} cannot be read as the {rig} rig: {error}") from error
    out: dict[str, AnyArray] = {}
    for name, shape in wanted.items():
        if name not in arrays:
            raise SourceError(f"{path} is not the {rig} rig: it has no array {name!r}")
        out[name] = _checked(arrays[name], shape, f"{path}: array {name!r}")
        if (out[name].dtype.kind == "U") != name.endswith("names"):
            raise SourceError(f"{path}: array {name!r} must hold {'text' if name.endswith('names') else 'numbers'}")
    return out


def _checked(array: AnyArray, shape: Shape, what: str) -> AnyArray:
    fits = array.ndim == len(shape) and all(w is None or w == g for w, g in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = tuple("any" if n is None else n for n in shape)
        raise SourceError(f"{what}: expected shape {wanted}, got {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise SourceError(f"{what}: some numbers are not finite")
    return array


def check_numbers(numbers: AnyArray, count: int, what: str) -> None:
    """Raise `SourceError` unless all vertex numbers are whole and lie in [0, count)."""
    if numbers.dtype.kind not in "iu":
        raise SourceError(f"{what}: vertex numbers must be whole numbers")
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        raise SourceError(f"{what}: vertex numbers must lie between 0 and {count - 1}")


def offsets_of(index: AnyArray, starts: AnyArray, i: int, what: str) -> slice:
    """The rows of target i in a table of targets, checked.

    Raises:
        SourceError: the table's starts do not fit its rows.
    """
    begin, end = int(starts[i]), int(starts[i + 1])
    if not 0 <= begin <= end <= len(index):
        raise SourceError(f"{what}: target {i} lies outside the table")
    return slice(begin, end)

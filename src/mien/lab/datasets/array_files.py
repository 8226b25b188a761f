"""numpy files from an unknown hand: never with pickled objects, limited in size, any damage is one kind of error."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import SourceError

MAX_ARRAY_BYTES = 4_000_000_000
MAX_LABEL_BYTES = 1_000_000


def load_label_array(path: Path) -> npt.NDArray[Any]:
    """A small .npy of numbers or short text.

    Raises:
        SourceError: too large, damaged, pickled, or of another type.
    """
    try:
        if path.stat().st_size > MAX_LABEL_BYTES:
            raise SourceError("too large for a label")
        with path.open("rb") as file:  # numpy leaves a path's file open when it fails
            return _checked(np.load(file, allow_pickle=False))
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(str(error)) from error


def load_archive(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Every array of an .npz.

    Raises:
        SourceError: unpacks to too much, damaged, pickled, or of other types.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_ARRAY_BYTES:
                raise SourceError(f"unpacks to more than {MAX_ARRAY_BYTES} bytes")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: _checked(arrays[name]) for name in arrays.files}
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(str(error)) from error


def _checked(array: Any) -> npt.NDArray[Any]:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufU":
        raise SourceError("holds neither numbers nor text")
    if array.dtype.kind == "U":
        # numpy does not look whether the characters exist; making a str of others fails in the interpreter itself
        order = ">" if array.dtype.byteorder == ">" else "<"
        if np.frombuffer(array.tobytes(), dtype=f"{order}u4").max(initial=0) > 127:
            raise SourceError("holds text beyond ASCII")
    return array

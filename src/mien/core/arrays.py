"""Array type names and the one place where shapes are checked.

A shape check raises `ValueError` that says what was expected and what arrived.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]
AnyArray = npt.NDArray[Any]


def as_float32(value: npt.ArrayLike, shape: tuple[int | None, ...], what: str) -> Float32:
    """Return `value` as a read-only contiguous float32 array of the given shape.

    Args:
        value: anything numpy can read.
        shape: expected shape; None = any length along this axis.
        what: name used in the error message.

    Raises:
        ValueError: wrong number of axes or wrong length.
    """
    array = np.array(value, dtype=np.float32, order="C")
    fits = array.ndim == len(shape) and all(w is None or w == g for w, g in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = tuple("any" if n is None else n for n in shape)
        raise ValueError(f"{what}: expected shape {wanted}, got {array.shape}")
    array.flags.writeable = False
    return array

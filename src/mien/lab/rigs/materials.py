"""Names of materials → numbers per triangle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.core.arrays import UInt8
from mien.lab.rigs.rig import MATERIALS


def material_codes(names: Sequence[str]) -> tuple[UInt8, tuple[str, ...]]:
    """(F,) uint8 and the names they stand for, in the order of `MATERIALS`. An unknown name raises `ValueError`."""
    unknown = set(names) - set(MATERIALS)
    if unknown:
        raise ValueError(f"unknown materials: {', '.join(sorted(unknown))}")
    used = tuple(n for n in MATERIALS if n in set(names))
    return np.array([used.index(n) for n in names], dtype=np.uint8), used

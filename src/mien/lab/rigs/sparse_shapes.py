"""Offsets of the 52 shapes, kept only for the vertices that move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32, Int64
from mien.core.schema import load_schema


@dataclass(frozen=True, slots=True, eq=False)
class SparseShapes:
    """For each entry of schema "arkit52": which vertices move and by how much.

    Attributes:
        rows: 52 arrays (N_i,) int64 of vertex numbers.
        offsets: 52 arrays (N_i, 3) float32, mm at weight 1.
    """

    rows: tuple[Int64, ...]
    offsets: tuple[Float32, ...]

    @classmethod
    def of(cls, dense: Mapping[str, Float32], threshold_mm: float = 1e-3) -> SparseShapes:
        """From name → (V, 3) offsets in mm; missing names do not move. Unknown names raise `KeyError`."""
        schema = load_schema("arkit52")
        for name in dense:
            schema.index(name)
        rows, offsets = [], []
        for name in schema.names:
            full = dense.get(name)
            moved = np.zeros(0, np.int64) if full is None else np.flatnonzero(np.abs(full).max(axis=1) > threshold_mm)
            rows.append(moved.astype(np.int64))
            offsets.append(np.zeros((0, 3), np.float32) if full is None else full[moved].astype(np.float32))
        return cls(tuple(rows), tuple(offsets))

    def add(self, vertices: Float32, weights: Float32) -> None:
        """Add the weighted offsets to (V, 3) vertices, in place."""
        for i in np.flatnonzero(weights):
            vertices[self.rows[i]] += weights[i] * self.offsets[i]

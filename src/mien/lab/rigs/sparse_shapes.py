"""Offsets of the 52 shapes, kept only for the vertices that move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32, Int64
from mien.core.schema import load_schema
from mien.runtime.loops import loop


@dataclass(frozen=True, slots=True, eq=False)
class SparseShapes:
    """For each entry of schema "arkit52": which vertices move and by how much.

    Attributes:
        starts: (53,) int64: shape i owns the rows starts[i] to starts[i + 1].
        index: (N,) int32 vertex numbers.
        offsets: (N, 3) float32, mm at weight 1.
    """

    starts: Int64
    index: npt.NDArray[np.int32]
    offsets: Float32

    @classmethod
    def joined(cls, rows: Sequence[Int64], offsets: Sequence[Float32]) -> SparseShapes:
        """From 52 arrays of vertex numbers and 52 of (N_i, 3) offsets in mm."""
        starts = np.cumsum([0, *(len(r) for r in rows)]).astype(np.int64)
        return cls(starts, np.concatenate(rows).astype(np.int32), np.concatenate(offsets).astype(np.float32))

    @classmethod
    def of(cls, dense: Mapping[str, Float32], threshold_mm: float = 1e-3) -> SparseShapes:
        """From name → (V, 3) offsets in mm; missing names do not move. Unknown names raise `KeyError`."""
        schema = load_schema("arkit52")
        for name in dense:
            schema.index(name)
        rows, offsets = [], []
        for name in schema.names:
            full = dense.get(name, np.zeros((0, 3), np.float32))
            moved = np.flatnonzero(np.abs(full).max(axis=1, initial=0.0) > threshold_mm)
            rows.append(moved.astype(np.int64))
            offsets.append(full[moved])
        return cls.joined(rows, offsets)

    def moved(self, shape: int) -> npt.NDArray[np.int32]:
        """Vertex numbers that shape number `shape` moves."""
        return self.index[self.starts[shape] : self.starts[shape + 1]]

    def add(self, vertices: Float32, weights: Float32) -> None:
        """Add the weighted offsets to (V, 3) vertices, in place."""
        _add(vertices, self.starts, self.index, self.offsets, np.ascontiguousarray(weights, dtype=np.float32))


@loop(boundscheck=False)
def _add(vertices: Float32, starts: AnyArray, index: AnyArray, offsets: Float32, weights: Float32) -> None:
    for i in range(len(weights)):
        w = weights[i]
        if w == 0.0:
            continue
        for k in range(starts[i], starts[i + 1]):
            v = index[k]
            vertices[v, 0] += w * offsets[k, 0]
            vertices[v, 1] += w * offsets[k, 1]
            vertices[v, 2] += w * offsets[k, 2]

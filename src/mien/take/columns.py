"""Columns: how Python values become Arrow arrays and come back unchanged.

A column knows its Arrow type, builds an array from a list of values and reads it back. Three things stay
apart: None (Arrow null), NaN (a float like any other) and empty (a list of length 0). What the columns of a
take are called is said in `codec.py`; here is only the machinery.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from mien.core.arrays import AnyArray, Float32


class Column(Protocol):
    """One column of a table, or one field of a struct."""

    @property
    def type(self) -> Any:
        """The Arrow type."""

    def build(self, values: Sequence[Any]) -> Any:
        """Values (None allowed) → Arrow array."""

    def read(self, array: Any) -> list[Any]:
        """Arrow array → the same values."""


@dataclass(frozen=True)
class Scalar:
    """Numbers and texts that Arrow converts by itself; floats are float64, as Python's."""

    type: Any

    def build(self, values: Sequence[Any]) -> Any:
        return pa.array(values, self.type, from_pandas=False)

    def read(self, array: Any) -> list[Any]:
        values: list[Any] = array.to_pylist()
        return values


@dataclass(frozen=True)
class Vector:
    """float32 arrays of any shape, stored flat in row-major order.

    Attributes:
        tail: what every value is reshaped to: (-1,) for a vector, (-1, 2) for points, (3, 3) for a rotation.
    """

    tail: tuple[int, ...] = (-1,)

    @property
    def type(self) -> Any:
        return pa.list_(pa.float32())

    def build(self, values: Sequence[Float32 | None]) -> Any:
        flat = [np.zeros(0, np.float32) if v is None else np.ascontiguousarray(v, np.float32).ravel() for v in values]
        data = np.concatenate(flat) if flat else np.zeros(0, np.float32)
        return pa.ListArray.from_arrays(_offsets(flat), pa.array(data, from_pandas=False), mask=_nulls(values))

    def read(self, array: Any) -> list[Float32 | None]:
        data = array.values.to_numpy(zero_copy_only=False)
        bounds = array.offsets.to_numpy()
        known = array.is_valid().to_numpy(zero_copy_only=False)
        return [
            data[a:b].reshape(self.tail) if ok else None
            for a, b, ok in zip(bounds[:-1], bounds[1:], known, strict=True)
        ]


@dataclass(frozen=True)
class ListOf:
    """Sequences of anything; read back as tuples."""

    item: Column

    @property
    def type(self) -> Any:
        return pa.list_(self.item.type)

    def build(self, values: Sequence[Sequence[Any] | None]) -> Any:
        flat = [v for value in values for v in value or ()]
        lengths = [value or () for value in values]
        return pa.ListArray.from_arrays(_offsets(lengths), self.item.build(flat), mask=_nulls(values))

    def read(self, array: Any) -> list[tuple[Any, ...] | None]:
        items = self.item.read(array.values)
        bounds = array.offsets.to_pylist()
        known = array.is_valid().to_pylist()
        return [tuple(items[a:b]) if ok else None for a, b, ok in zip(bounds[:-1], bounds[1:], known, strict=True)]


@dataclass(frozen=True)
class Counts:
    """Mappings from names to integers; order is kept."""

    @property
    def type(self) -> Any:
        return pa.map_(pa.string(), pa.int64())

    def build(self, values: Sequence[Mapping[str, int] | None]) -> Any:
        return pa.array([None if v is None else list(v.items()) for v in values], self.type)

    def read(self, array: Any) -> list[dict[str, int] | None]:
        return [None if v is None else dict(v) for v in array.to_pylist()]


@dataclass(frozen=True)
class Struct:
    """Objects with named fields.

    Attributes:
        fields: name of the field → its column.
        parts: takes an object apart: one value per field, in the order of `fields`.
        make: puts it together again from the fields' values, in the same order.
    """

    fields: Mapping[str, Column]
    parts: Callable[[Any], tuple[Any, ...]]
    make: Callable[..., Any]

    @property
    def type(self) -> Any:
        return pa.struct([pa.field(name, column.type) for name, column in self.fields.items()])

    def build(self, values: Sequence[Any]) -> Any:
        nothing = (None,) * len(self.fields)
        rows = [nothing if v is None else self.parts(v) for v in values]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.fields)
        arrays = [column.build(part) for column, part in zip(self.fields.values(), columns, strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=list(self.type), mask=_nulls(values))

    def read(self, array: Any) -> list[Any]:
        columns = [column.read(array.field(name)) for name, column in self.fields.items()]
        known = array.is_valid().to_pylist()
        return [self.make(*row) if ok else None for row, ok in zip(zip(*columns, strict=True), known, strict=True)]


def _offsets(values: Sequence[Sequence[Any] | AnyArray]) -> Any:
    bounds = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(v) for v in values], out=bounds[1:])
    return pa.array(bounds)


def _nulls(values: Sequence[Any]) -> Any:
    return pa.array([v is None for v in values], pa.bool_())

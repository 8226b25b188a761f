"""Schemas: the names and order behind every vector. They are data (`schemas/*.toml`), not code.

A vector never travels without its schema; conversions go by name, never by index.
"""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np

from mien.core.arrays import Int64


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """Names and order of one kind of vector.

    Attributes:
        name: unique name, e.g. "wflw98", "arkit52", "facs", "points5".
        kind: "landmarks", "blendshapes", "action_units" or "expression".
        names: one name per entry, in order.
        mirror: (N,) int64; entry i of a mirrored face is entry mirror[i] of the original.
        groups: named subsets (indices).
        attributes: everything else the file says.
    """

    name: str
    kind: str
    names: tuple[str, ...]
    mirror: Int64
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Schema({self.name!r}, {len(self.names)} names)"

    def __reduce__(self) -> tuple[Any, ...]:
        return load_schema, (self.name,)

    def index(self, name: str) -> int:
        """Position of `name`.

        Raises:
            KeyError: the schema has no such name; the message names the schema.
        """
        try:
            return _positions(self.name)[name]
        except KeyError:
            raise KeyError(f"schema {self.name!r} has no entry {name!r}") from None

    def __contains__(self, name: object) -> bool:
        return name in _positions(self.name)


@cache
def _positions(schema_name: str) -> Mapping[str, int]:
    return {name: i for i, name in enumerate(load_schema(schema_name).names)}


_alone = threading.RLock()


def load_schema(name: str) -> Schema:
    """Load a schema that ships with Mien by name: the same object for everybody, whichever thread asks.

    Raises:
        KeyError: there is no such schema.
        ValueError: the file contradicts itself (duplicate names, mirror that is not its own inverse).
    """
    with _alone:
        return _loaded(name)


@cache
def _loaded(name: str) -> Schema:
    file = files("mien.core") / "schemas" / f"{name}.toml"
    if not name.isidentifier() or not file.is_file():
        raise KeyError(f"there is no schema {name!r}")
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    names = tuple(table.pop("names"))
    if len(set(names)) != len(names):
        raise ValueError(f"schema {name!r}: duplicate names")
    mirror = _mirror(names, dict(table.pop("mirror_pairs", {})))
    if not np.array_equal(mirror[mirror], np.arange(len(names))):
        raise ValueError(f"schema {name!r}: mirroring twice does not give the original")
    groups = MappingProxyType({k: _group(v, names) for k, v in table.pop("groups", {}).items()})
    return Schema(table.pop("name"), table.pop("kind"), names, mirror, groups, MappingProxyType(table))


def _mirror(names: tuple[str, ...], pairs: dict[str, str]) -> Int64:
    """Pairs given in the file, else the `Left`/`Right`, `_L`/`_R` and `left_`/`right_` endings of the names."""
    position = {n: i for i, n in enumerate(names)}
    both = {**pairs, **{b: a for a, b in pairs.items()}}
    out = []
    for name in names:
        other = both.get(name)
        for a, b in (("Left", "Right"), ("_L", "_R"), ("left_", "right_")):
            if other is None and (name.endswith((a, b)) or name.startswith((a, b))):
                other = name.replace(a, b) if a in name else name.replace(b, a)
        out.append(position[other if other is not None else name])
    mirror = np.array(out, dtype=np.int64)
    mirror.flags.writeable = False
    return mirror


def _group(spec: list[Any], names: tuple[str, ...]) -> tuple[int, ...]:
    """A group is a list of names, or of indices and [first, last] ranges (inclusive)."""
    out: list[int] = []
    for item in spec:
        if isinstance(item, list):
            out.extend(range(item[0], item[1] + 1))
        else:
            out.append(names.index(item) if isinstance(item, str) else int(item))
    return tuple(out)

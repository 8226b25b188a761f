"""Recipes: TOML files that say how something is trained. Whatever a recipe says must be understood."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from mien.errors import ConfigError

T = TypeVar("T")


def read_recipe(path: Path) -> dict[str, Any]:
    """A recipe file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a recipe: {error}") from error


def settings(cls: type[T], options: Mapping[str, Any], start: T | None = None) -> T:
    """A frozen settings object from a table of a recipe; what the table does not name is as in `start`.

    Raises:
        ConfigError: there is no such setting, or one is missing.
    """
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    if unknown := set(options) - known:
        raise ConfigError(
            f"{cls.__name__}: no setting {', '.join(sorted(unknown))}; there are {', '.join(sorted(known)) or 'none'}"
        )
    given = {n: getattr(start, n) for n in known} if start is not None else {}
    given |= {k: _tuples(v) for k, v in options.items()}
    try:
        return cls(**given)
    except TypeError as error:
        raise ConfigError(f"{cls.__name__}: {error}") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value

"""Recipes: TOML files that say how something is trained. Whatever a recipe says must be understood."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from mien.errors import ConfigError
from mien.pipeline.registry import suggestion

T = TypeVar("T")

LANDMARK_KEYS = frozenset({"model", "task", "schedule", "augmentation", "data"})
CASCADE_KEYS = frozenset({"held_out", "stage"})
SSD_KEYS = frozenset({"held_out", "model", "data", "schedule"})
"""Top-level keys of the recipes of `landmarks`, `detect` and `ssd`."""

_ENTRY_KEYS = frozenset({"from", "use", "place", "title", "optional", "share", "weight"})
_ORIGIN_KEYS = {
    "dataset": frozenset({"name", "split", "count", "keep", "contour", "raised", "turned"}),
    "empty": frozenset({"held_out"}),
    "beside": frozenset({"name", "split"}),
    "rendered": frozenset({"rig", "seeds", "size_px", "backgrounds"}),
    "marked": frozenset[str](),
}


def read_recipe(path: Path, known: Iterable[str] | None = None) -> dict[str, Any]:
    """A recipe file.

    Args:
        path: TOML.
        known: every key that it may have at the top; None = whoever asks checks them.

    Raises:
        ConfigError: it cannot be read, or has a key that nothing would look at.
    """
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a recipe: {error}") from error
    if known is not None:
        _check_keys(recipe, known, str(path))
    return recipe


def check_entries(entries: Sequence[Mapping[str, Any]]) -> None:
    """Check the keys of the [[data]] entries of a landmark recipe, each by where its faces are from.

    Raises:
        ConfigError: unknown origin or use, or a key that nothing would look at.
    """
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ConfigError("data: write every entry as a table [[data]]")
    for entry in entries:
        origin, use = entry.get("from"), entry.get("use", "train")
        if origin not in _ORIGIN_KEYS:
            raise ConfigError(f"[[data]] from {origin!r}: choose one of {', '.join(_ORIGIN_KEYS)}")
        if use not in ("train", "validation", "report"):
            raise ConfigError(f"[[data]] use {use!r}: choose train, validation or report")
        _check_keys(entry, _ENTRY_KEYS | _ORIGIN_KEYS[origin], f'[[data]] from "{origin}"')


def places_of(words: Iterable[str], used: Iterable[str]) -> dict[str, str]:
    """Word → place of the command line's --set WORD=PLACE.

    Args:
        words: as given.
        used: the words that the recipe asks for.

    Raises:
        ConfigError: no "=", nothing before or after it, a word given twice, or one that the recipe does not ask for.
    """
    known, out = sorted(set(used)), dict[str, str]()
    for text in words:
        word, equals, place = text.partition("=")
        if not (word and equals and place):
            raise ConfigError(f"--set {text}: expected WORD=PLACE, such as {(known or ['word'])[0]}=FOLDER")
        if word not in known:
            raise ConfigError(f"--set {text}: the recipe asks for no {word!r}{suggestion(word, known)}")
        if word in out:
            raise ConfigError(f"--set {text}: {word!r} is given twice")
        out[word] = place
    return out


def words_of(entries: Sequence[Mapping[str, Any]]) -> set[str]:
    """The words by which [[data]] entries name their folders.

    Raises:
        ConfigError: see `check_entries`.
    """
    check_entries(entries)
    return {str(e[key]) for e in entries for key in ("place", "backgrounds") if e.get(key) is not None}


def _check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = sorted(known)
    for key in table:
        if key not in names:
            raise ConfigError(f"{where}: unknown key {key!r}{suggestion(key, names)}")


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

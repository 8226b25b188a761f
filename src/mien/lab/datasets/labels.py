"""Names of expressions: every dataset has its own order and spelling (`labels.toml`); conversion goes by common name.

An index never leaves its dataset: 3 is "happiness" in one and "surprise" in the next.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "angry": "anger",
        "disgusted": "disgust",
        "fearful": "fear",
        "afraid": "fear",
        "happy": "happiness",
        "joy": "happiness",
        "sad": "sadness",
        "surprised": "surprise",
        "other": "others",
    }
)
"""Spellings that mean a common name wherever they stand."""


@dataclass(frozen=True, slots=True)
class LabelSchema:
    """The classes of one dataset.

    Attributes:
        name: of the schema.
        names: common names, in the dataset's own order.
        ids: the number that stands for each in the dataset's files.
        spelled: the dataset's own words, in the same order.
        unlabelled: names of `names` that are no expression ("unknown", "not_a_face").
        translations: names of other schemas that become one of `names` (groupings such as "megc3").
    """

    name: str
    names: tuple[str, ...]
    ids: tuple[int, ...]
    spelled: tuple[str, ...]
    unlabelled: frozenset[str] = frozenset()
    translations: Mapping[str, str] = field(default_factory=dict)

    def of_id(self, number: int) -> str | None:
        """Common name of a number in the dataset's files; None if it stands for nothing."""
        return self.names[self.ids.index(number)] if number in self.ids else None

    def of_word(self, word: str) -> str | None:
        """Common name of the dataset's own word (case and outer blanks do not matter), or None."""
        word = word.strip().casefold()
        for own, name in zip(self.spelled, self.names, strict=True):
            if word in (own.casefold(), name):
                return name
        other = SYNONYMS.get(word)
        return other if other in self.names else None

    def index(self, name: str) -> int:
        """Position of a common name in this schema's order: the class index a network is trained with.

        Raises:
            KeyError: this schema has no such class.
        """
        if name not in self.names:
            raise KeyError(f"label schema {self.name!r} has no class {name!r}")
        return self.names.index(name)

    def convert(self, name: str) -> str | None:
        """A common name from any schema, as a class of this one; None if this schema has no place for it."""
        if name in self.unlabelled:
            return None
        for candidate in (name, SYNONYMS.get(name), self.translations.get(name)):
            if candidate in self.names:
                return candidate
        return None


@cache
def _table() -> Mapping[str, Mapping[str, object]]:
    text = (files("mien.lab.datasets") / "labels.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def label_schema_names() -> tuple[str, ...]:
    """Every schema of `labels.toml`."""
    return tuple(_table())


@cache
def load_labels(name: str) -> LabelSchema:
    """A label schema by name.

    Raises:
        KeyError: there is no such schema.
        ValueError: the file contradicts itself.
    """
    if name not in _table():
        raise KeyError(f"there is no label schema {name!r}; known: {', '.join(_table())}")
    raw: dict[str, object] = dict(_table()[name])
    names = _words(raw["names"])
    ids = raw.get("ids", list(range(len(names))))
    spelled = _words(raw.get("spelled", list(names)))
    translations = raw.get("from", {})
    unlabelled = frozenset(_words(raw.get("unlabelled", [])))
    if not isinstance(ids, list) or not isinstance(translations, dict):
        raise ValueError(f"label schema {name!r}: ids must be a list and from a table")
    if len({len(names), len(ids), len(spelled), len(set(names))}) != 1 or not unlabelled <= set(names):
        raise ValueError(f"label schema {name!r}: names, ids and spelled must be of one length, without doubles")
    return LabelSchema(name, names, tuple(int(i) for i in ids), spelled, unlabelled, MappingProxyType(translations))


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"labels.toml: expected a list of names, got {value!r}")
    return tuple(str(v) for v in value)

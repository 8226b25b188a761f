"""A configuration as a take stores it: plain data without full paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mien.core.text import storable

_FULL_PATH = re.compile(r"(?:file:)?/+[^/]|~|[A-Za-z]:[\\/]|\\\\")
"""How a full path begins: of this system, of a user's folder, of Windows, of a server."""
_LAST_PART = re.compile(r"[\\/]+")


def stored_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as a take stores it: plain data, and of a full path only its last part.

    A take is made to be passed on; where its files lay on somebody's disk is nobody else's business.
    """
    return {storable(str(key)): _stored(value) for key, value in config.items()}


def _stored(value: object) -> Any:
    if isinstance(value, Mapping):
        return stored_config(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_stored(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = storable(str(value))
    return _LAST_PART.split(text.rstrip("/\\"))[-1] if _FULL_PATH.match(text) else text

"""A configuration as a take stores it: plain data without full paths."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.core.text import storable

_FULL_PATH = re.compile(r"(?:file:)?/+[^/]|~|[A-Za-z]:[\\/]|\\\\")
"""How a full path begins: of this system, of a user's folder, of Windows, of a server."""
_LAST_PART = re.compile(r"[\\/]+")
PROFILE, PROFILE_SUM = "profile", "profile_sha256"
"""A stage's key for the file of a person's calibration, and the one under which a take keeps what was in it."""


def stored_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as a take stores it: plain data, and of a full path only its last part.

    A take is made to be passed on; where its files lay on somebody's disk is nobody else's business.
    """
    return {storable(str(key)): _stored(value) for key, value in config.items()}


def with_profile_sums(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the SHA-256 of every profile that a stage reads beside the profile's name: of the name a
    take keeps the last part only, and a profile that is calibrated anew keeps its name. Unreadable ones have none."""
    out = dict(config)
    for slot in config.get("stages", ()):
        table = config.get(slot)
        if isinstance(table, Mapping) and isinstance(name := table.get(PROFILE), str):
            try:
                content = Path(name).read_bytes()
            except (OSError, ValueError):  # a name that no file can have
                continue
            out[slot] = {**table, PROFILE_SUM: hashlib.sha256(content).hexdigest()}
    return out


def _stored(value: object) -> Any:
    if isinstance(value, Mapping):
        return stored_config(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_stored(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = storable(str(value))
    return _LAST_PART.split(text.rstrip("/\\"))[-1] if _FULL_PATH.match(text) else text

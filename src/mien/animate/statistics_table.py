"""The fitted parameters of real facial movement, as they stand in `sequence_statistics.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

FILE = "sequence_statistics.toml"


@cache
def statistics_table() -> dict[str, Any]:
    """The parsed file; not to be changed by who reads it."""
    text = (files("mien.animate") / FILE).read_text(encoding="utf-8")
    return tomllib.loads(text)

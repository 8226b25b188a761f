"""A person's calibration: the neutral face, and offset and gain of every shape and side. A readable TOML file.

A shape reads min(1, gain · (w − offset)). Gains are never so small that a full reading would not stay full: offset and
gain of 1 map 1 to 1 or beyond, so that a blink that read as closed is closed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Float32, as_float32
from mien.core.schema import load_schema
from mien.errors import ConfigError, SinkError

FORMAT = 1
MAX_BYTES = 200_000
MAX_OFFSET, MAX_GAIN = 0.5, 4.0
_POINTS = 98


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What a capture needs to know of a person.

    Attributes:
        model: id of the solver's model that the numbers belong to.
        neutral: (98, 2) float32 front view of the face at rest (`features.front_view`).
        offset, gain: (52,) float32, schema "arkit52".
        facts: where it comes from, for people: name → text or number.
        seen: shape → (rest, reach) as read without the profile; shapes that were not exercised are missing.
    """

    model: str
    neutral: Float32
    offset: Float32
    gain: Float32
    facts: Mapping[str, str | float | bool]
    seen: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        n = len(load_schema("arkit52"))
        offset, gain = (as_float32(v, (n,), f"Profile.{k}") for k, v in (("offset", self.offset), ("gain", self.gain)))
        neutral = as_float32(self.neutral, (_POINTS, 2), "Profile.neutral")
        if not (np.isfinite(neutral).all() and (np.abs(neutral) < 10).all()):
            raise ValueError("Profile.neutral: every point must be known, in units of the eye corners' distance")
        if not ((offset >= 0) & (offset <= MAX_OFFSET)).all() or not ((gain > 0) & (gain <= MAX_GAIN)).all():
            raise ValueError(f"Profile: offsets lie in 0–{MAX_OFFSET}, gains in 0–{MAX_GAIN:g}")
        if ((1 - offset) * gain < 1 - 1e-3).any():
            name = load_schema("arkit52").names[int(np.argmin((1 - offset) * gain))]
            raise ValueError(f"Profile: {name} would stop short of 1: its gain must be at least 1 / (1 - offset)")
        for field, value in (("neutral", neutral), ("offset", offset), ("gain", gain)):
            object.__setattr__(self, field, value)

    def applied(self, weights: Float32) -> Float32:
        """(52,) calibrated weights, 0–1; NaN stays NaN."""
        return np.asarray(np.clip((weights - self.offset) * self.gain, 0.0, 1.0), dtype=np.float32)


def read_profile(path: str | Path) -> Profile:
    """Read a profile.

    Raises:
        ConfigError: missing, damaged, of another format, or with numbers that no calibration gives; names the file.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"profile {path}: larger than {MAX_BYTES} bytes, which no profile is")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"profile {path} cannot be read: {error}; make one with mien calibrate") from None
    try:
        return _profile(table)
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise ConfigError(f"profile {path}: {what}; make it anew with mien calibrate") from None


def _profile(table: Mapping[str, Any]) -> Profile:
    if table["format"] != FORMAT:
        raise ValueError(f"is of format {table['format']!r}, this version reads {FORMAT}")
    names = load_schema("arkit52").names
    rows = table["shapes"]
    if unknown := set(rows) - set(names):
        raise ValueError(f"there is no shape {', '.join(sorted(map(str, unknown)))}")
    if unknown := set(table) - {"format", "model", "facts", "shapes", "neutral"}:
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}")
    offset, gain, seen = np.zeros(len(names), np.float32), np.ones(len(names), np.float32), {}
    for name, row in rows.items():
        if unknown := set(row) - {"offset", "gain", "rest", "reach"}:
            raise ValueError(f"unknown key {', '.join(sorted(unknown))} of {name}")
        i = names.index(name)
        offset[i], gain[i] = float(row["offset"]), float(row["gain"])
        if "reach" in row:
            seen[name] = (float(row["rest"]), float(row["reach"]))
    neutral = np.array(table["neutral"]["xy"], dtype=np.float32)
    return Profile(str(table["model"]), neutral, offset, gain, dict(table["facts"]), seen)


def write_profile(profile: Profile, path: Path) -> None:
    """Write a profile; `read_profile` reads the same.

    Raises:
        SinkError: it cannot be written.
    """
    lines = [
        "# How one person's face reads: made by mien calibrate, used by mien capture --profile.",
        "# A shape of weight w reads gain * (w - offset), at most 1. rest and reach: what it read before, face at rest",
        "# and at its largest. neutral: the face at rest, turned to the front, outer eye corners 1 apart.",
        "",
        f"format = {FORMAT}",
        f"model = {_quoted(profile.model)}",
        "",
        "[facts]",
        *(f"{k} = {_value(v)}" for k, v in profile.facts.items()),
    ]
    for i, name in enumerate(load_schema("arkit52").names):
        lines += ["", f"[shapes.{name}]", f"offset = {profile.offset[i]:.4f}", f"gain = {profile.gain[i]:.4f}"]
        if name in profile.seen:
            rest, reach = profile.seen[name]
            lines += [f"rest = {rest:.4f}", f"reach = {reach:.4f}"]
    points = ",\n".join(f"    [{x:.5f}, {y:.5f}]" for x, y in profile.neutral.tolist())
    lines += ["", "[neutral]", f"xy = [\n{points},\n]", ""]
    try:
        path.write_text("\n".join(lines), encoding="utf-8")
    except OSError as error:
        raise SinkError(f"profile {path} cannot be written: {error.strerror or error}") from error


def _value(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else f"{float(value):.6g}"


def _quoted(text: str) -> str:
    """A TOML basic string."""
    safe = "".join(c if c.isprintable() else "?" for c in text)
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'

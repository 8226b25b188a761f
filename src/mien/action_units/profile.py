"""A person's calibration: the face at rest, offset and gain of every shape and side, and what gestures are misread as.
A readable TOML file.

A shape reads v = min(1, gain · (w − offset)), less what the gestures under way are known to add to it on this face:
v − (1 − v) · Σ share · level of the gesture, at least 0. Gains are never so small that a full reading would not stay
full, and a full reading loses nothing: a blink that read as closed is closed. Eyes look relative to where they read
when they looked into the camera.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.action_units.visibility import looked_aside
from mien.core.arrays import Float32, as_float32
from mien.core.schema import load_schema
from mien.errors import ConfigError, SinkError

FORMAT = 3
MAX_BYTES = 200_000
MAX_OFFSET, MAX_GAIN, MAX_SHARE = 0.5, 4.0, 0.6
MAX_LOOK_DEG = 15.0
_LARGEST_LOGIT = 100.0
_POINTS = 98
EYES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Leak:
    """What a gesture is misread as on one person.

    Attributes:
        gesture: its name in the guide.
        of: shapes whose mean weight says how far the gesture is done.
        into: shape → share of it that the shape wrongly reads, 0 to `MAX_SHARE`.
    """

    gesture: str
    of: tuple[str, ...]
    into: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What a capture needs to know of a person.

    Attributes:
        model: ids of the solver's models that the numbers belong to (`LandmarkSolver.calibrates`).
        neutral: (98, 2) float32 front view of the face at rest (`features.front_view`).
        offset, gain: (52,) float32, schema "arkit52".
        facts: where it comes from, for people: name → text or number.
        seen: shape → (rest, reach) as read without the profile; shapes that were not exercised are missing.
        leaks: of the gestures that were done plainly enough to learn from.
        looks_deg: (2, 2) float32 yaw and pitch that the left and the right eye read when they look into the camera.
        own: (52,) float32 logits of the face at rest in the pixel reader (`PixelReader`); None = there is none.
    """

    model: str
    neutral: Float32
    offset: Float32
    gain: Float32
    facts: Mapping[str, str | float | bool]
    seen: Mapping[str, tuple[float, float]]
    leaks: tuple[Leak, ...] = ()
    own: Float32 | None = None
    looks_deg: Float32 = field(default_factory=lambda: np.zeros((2, 2), np.float32))
    _done: Float32 = field(init=False, repr=False)
    _taken: Float32 = field(init=False, repr=False)

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
        done, taken = _matrices(self.leaks)
        looks = as_float32(self.looks_deg, (2, 2), "Profile.looks_deg")
        if not (np.abs(looks) <= MAX_LOOK_DEG).all():
            raise ValueError(f"Profile.looks_deg: eyes that look into the camera read within {MAX_LOOK_DEG:g} degrees")
        values = {
            "neutral": neutral,
            "offset": offset,
            "gain": gain,
            "_done": done,
            "_taken": taken,
            "looks_deg": looks,
        }
        if self.own is not None:
            own = values["own"] = as_float32(self.own, (n,), "Profile.own")
            if not (np.abs(own) <= _LARGEST_LOGIT).all():
                raise ValueError("Profile.own: holds no logits of a face at rest")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def applied(self, weights: Float32) -> Float32:
        """Calibrated weights, 0–1; NaN stays NaN, and counts as not done where it belongs to a gesture.

        Args:
            weights: (…, 52) float32.
        """
        ahead = looked_aside(weights, self.looks_deg) if self.looks_deg.any() else weights
        read = np.clip((ahead - self.offset) * self.gain, 0.0, 1.0)
        extra = (np.nan_to_num(read) @ self._done.T) @ self._taken
        return np.asarray(np.clip(read - extra * (1 - read), 0.0, 1.0), dtype=np.float32)


def _matrices(leaks: Sequence[Leak]) -> tuple[Float32, Float32]:
    """(K, 52) weights → how far each gesture is done; (K, 52) what each adds to the shapes.

    Raises:
        ValueError: an unknown shape, a gesture of nothing, or a share out of its range.
    """
    names = load_schema("arkit52").names
    done, taken = np.zeros((2, len(leaks), len(names)), np.float32)
    for row, leak in enumerate(leaks):
        if unknown := ({*leak.of, *leak.into} - set(names)):
            raise ValueError(f"there is no shape {', '.join(sorted(map(str, unknown)))}")
        if not leak.of or not all(0 <= share <= MAX_SHARE for share in leak.into.values()):
            raise ValueError(f"the leak of {leak.gesture} needs shapes and shares of 0–{MAX_SHARE:g}")
        done[row, [names.index(name) for name in leak.of]] = 1 / len(leak.of)
        for name, share in leak.into.items():
            taken[row, names.index(name)] = share
    return done, taken


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
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no text, no TOML, a number without end
        raise ConfigError(f"profile {path} cannot be read: {error}; make one with mien calibrate") from None
    try:
        return _profile(table)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise ConfigError(f"profile {path}: {what}; make it anew with mien calibrate") from None


def _profile(table: Mapping[str, Any]) -> Profile:
    if table["format"] != FORMAT:
        raise ValueError(f"is of format {table['format']!r}, this version reads {FORMAT}")
    names = load_schema("arkit52").names
    rows = table["shapes"]
    if unknown := set(rows) - set(names):
        raise ValueError(f"there is no shape {', '.join(sorted(map(str, unknown)))}")
    if unknown := set(table) - {"format", "model", "facts", "shapes", "neutral", "leaks", "pixels", "looks"}:
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
    leaks = tuple(
        Leak(str(row["gesture"]), tuple(row["of"]), {k: float(v) for k, v in row["into"].items()})
        for row in table.get("leaks", ())
    )
    own = np.array(table["pixels"]["at_rest"], dtype=np.float32) if "pixels" in table else None
    looks = np.array([table["looks"][eye] for eye in EYES], dtype=np.float32)
    return Profile(str(table["model"]), neutral, offset, gain, dict(table["facts"]), seen, leaks, own, looks)


def write_profile(profile: Profile, path: Path) -> None:
    """Write a profile; `read_profile` reads the same but for rounding.

    Raises:
        SinkError: it cannot be written.
    """
    lines = [
        "# How one person's face reads: made by mien calibrate, used by mien capture --profile.",
        "# A shape of weight w reads gain * (w - offset), at most 1. rest and reach: what it read before, face at rest",
        "# and at its largest. leaks: what a gesture was misread as, as a share of it; that much is taken off again.",
        "# neutral: the face at rest, turned to the front, outer eye corners 1 apart. pixels: as the network sees it.",
        "",
        f"format = {FORMAT}",
        f"model = {_quoted(profile.model)}",
        "",
        "[facts]",
        *(f"{k} = {_value(v)}" for k, v in profile.facts.items()),
        "",
        "[looks]  # yaw and pitch, degrees, that the eyes read when they look into the camera",
        *(f"{eye} = [{pair[0]:.2f}, {pair[1]:.2f}]" for eye, pair in zip(EYES, profile.looks_deg, strict=True)),
    ]
    for i, name in enumerate(load_schema("arkit52").names):
        lines += ["", f"[shapes.{name}]", f"offset = {profile.offset[i]:.4f}", f"gain = {profile.gain[i]:.4f}"]
        if name in profile.seen:
            rest, reach = profile.seen[name]
            lines += [f"rest = {rest:.4f}", f"reach = {reach:.4f}"]
    for leak in profile.leaks:
        lines += ["", "[[leaks]]", f"gesture = {_quoted(leak.gesture)}"]
        lines += [f"of = [{', '.join(_quoted(name) for name in leak.of)}]", "[leaks.into]"]
        lines += [f"{name} = {share:.3f}" for name, share in leak.into.items()]
    if profile.own is not None:
        lines += ["", "[pixels]", f"at_rest = [{', '.join(f'{v:.4f}' for v in profile.own.tolist())}]"]
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

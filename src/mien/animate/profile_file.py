"""What may stand in a profile's file (see `profile`); an unknown key, a wrong type or a NaN is one clear error."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mien.errors import ConfigError

MAX_BYTES = 500_000
_Number = Annotated[float, Field(ge=-100.0, le=100.0)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Output(_Row):
    """One control; see `profile`."""

    parts: dict[_Name, _Number]
    offset: _Number = 0.0
    curve: tuple[tuple[_Number, _Number], ...] | None = Field(default=None, min_length=2)
    limits: tuple[_Number, _Number] = (0.0, 1.0)

    @field_validator("curve")
    @classmethod
    def _ascending(cls, curve: tuple[tuple[float, float], ...] | None) -> tuple[tuple[float, float], ...] | None:
        if curve is not None and any(b[0] <= a[0] for a, b in pairwise(curve)):
            raise ValueError("the first numbers of a curve must ascend")
        return curve

    @field_validator("limits")
    @classmethod
    def _ordered(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] >= limits[1]:
            raise ValueError("limits are [least, most]")
        return limits


class Corrective(_Row):
    """`output` += gain · a · b."""

    output: _Name
    of: tuple[_Name, _Name]
    gain: _Number = 1.0


class Inhibit(_Row):
    """`what` *= 1 − strength · by."""

    what: tuple[_Name, ...]
    by: _Name
    strength: float = Field(default=1.0, ge=0.0, le=1.0)


class Exclusive(_Row):
    """What two opposites have in common is taken from both."""

    pair: tuple[_Name, _Name]


class AtMost(_Row):
    """`output` is never above `of`."""

    output: _Name
    of: _Name


class ProfileFile(_Row):
    """The whole file."""

    description: str = ""
    inputs: Literal["arkit52", "facs"] = "arkit52"
    combine: Literal["sum", "max"] = "sum"
    outputs: dict[_Name, Output]
    corrective: tuple[Corrective, ...] = ()
    inhibit: tuple[Inhibit, ...] = ()
    exclusive: tuple[Exclusive, ...] = ()
    at_most: tuple[AtMost, ...] = ()

    @field_validator("outputs", mode="before")
    @classmethod
    def _short_forms(cls, outputs: Any) -> Any:
        if not isinstance(outputs, dict):
            return outputs
        long = {"parts", "offset", "curve", "limits"}
        return {k: v if isinstance(v, dict) and long & v.keys() else {"parts": v} for k, v in outputs.items()}

    @model_validator(mode="after")
    def _known_controls(self) -> ProfileFile:
        named = [(n, "corrective") for c in self.corrective for n in (c.output, *c.of)]
        named += [(n, "inhibit") for r in self.inhibit for n in (r.by, *r.what)]
        named += [(n, "exclusive") for e in self.exclusive for n in e.pair]
        named += [(n, "at_most") for m in self.at_most for n in (m.output, m.of)]
        for name, where in named:
            if name not in self.outputs:
                raise ValueError(f"[[{where}]] names {name}, which is no output")
        return self


def parse_profile(text: str) -> ProfileFile:
    """The file's content, checked.

    Raises:
        ValueError: it is no TOML, or not a profile (pydantic's and tomllib's errors are ValueErrors).
    """
    return ProfileFile.model_validate(tomllib.loads(text))


def read_profile_file(path: Path) -> ProfileFile:
    """Read and check a file.

    Raises:
        ConfigError: see `parse_profile`; the message names the file and the place in it.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"profile {path}: larger than {MAX_BYTES} bytes, which no profile is")
        return parse_profile(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"profile {path}: {where + ': ' if where else ''}{first['msg']}") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"profile {path} cannot be read: {reason}; mien avatar check --profile makes one") from None

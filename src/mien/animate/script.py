"""Scripts of performances: what happens when, from a TOML file or from one line of words.

    surprise 0.8 at 0.2s, micro fear 0.4 at 1.1s, then neutral

Clauses are separated by commas or "then". A clause: ["micro"] EXPRESSION or UNITS (AU1+AU2), [intensity 0-1 or a
percentage], ["at" seconds], ["for" seconds: from the onset to the offset]. Without "at" it begins where the clause
before ends. A macro-expression without "for" lasts until the next macro-expression or "neutral", else as long as such
expressions last. Micro-expressions are laid over what is there.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mien.core.schema import load_schema
from mien.errors import ConfigError, MienError, RequestError

MAX_BYTES, MAX_EVENTS, MAX_S = 1_000_000, 2000, 3600.0
_Seconds = Annotated[float, Field(ge=0.0, le=MAX_S)]
_Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Event(_Part):
    """One thing that happens. Exactly one of `expression` ("neutral" = let go) and `units` (unit → 0–5).

    Attributes:
        kind: "macro", or "micro" (0.5 s at most, laid over).
        intensity: i_v; None = drawn from real expressions.
        at_s: onset; None = where the event before ends.
        for_s: onset to offset; None = see the module.
    """

    expression: str | None = None
    units: dict[str, Annotated[float, Field(ge=0.0, le=5.0)]] | None = None
    kind: Literal["macro", "micro"] = "macro"
    intensity: _Share | None = None
    at_s: _Seconds | None = None
    for_s: Annotated[float, Field(ge=0.1, le=MAX_S)] | None = None

    @model_validator(mode="after")
    def _checked(self) -> Event:
        from mien.animate.emotion import expression_called

        if (self.expression is None) == (self.units is None):
            raise ValueError("say either an expression or units")
        if self.units is not None:
            for unit in self.units:
                if not entries(unit):
                    raise ValueError(f"there is no unit {unit!r}; write AU12 or AU12_L")
        elif self.expression != "neutral":
            try:
                object.__setattr__(self, "expression", expression_called(str(self.expression)))
            except MienError as error:
                raise ValueError(str(error)) from None
        if self.kind == "micro" and self.for_s is not None and self.for_s > 0.5:
            raise ValueError("a micro-expression lasts 0.5 s at most")
        return self


class Idle(_Part):
    """What the face does by itself, 0 = nothing, 1 = as people at rest."""

    blinks: Annotated[float, Field(ge=0.0, le=5.0)] = 1.0
    head: Annotated[float, Field(ge=0.0, le=3.0)] = 1.0
    gaze: Annotated[float, Field(ge=0.0, le=3.0)] = 1.0


class Script(_Part):
    """A whole performance.

    Attributes:
        seed: decides what is not said.
        fps: frames per second of the take; the movement is the same at every rate.
        seconds: length; None = a little beyond the last event.
        events: in order of time.
        emotions: expression → keys of its profile that are different here.
    """

    seed: Annotated[int, Field(ge=0, le=2**32)] = 0
    fps: Annotated[float, Field(ge=5.0, le=1000.0)] = 60.0
    seconds: Annotated[float, Field(gt=0.0, le=MAX_S)] | None = None
    events: tuple[Event, ...] = Field(default=(), alias="event", max_length=MAX_EVENTS)
    idle: Idle = Idle()
    emotions: dict[str, dict[str, Any]] = Field(default_factory=dict)


def entries(unit: str) -> tuple[str, ...]:
    """Entries of schema "facs" that a unit means: AU12 = both sides; none = unknown."""
    facs = load_schema("facs")
    if unit in facs:
        return (unit,)
    both = tuple(unit + end for end in ("_L", "_R"))
    return both if both[0] in facs else ()


def read_script(path: Path) -> Script:
    """A script from a TOML file.

    Raises:
        ConfigError: it cannot be read, or something in it is unknown or out of range; names the file and the place.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"script {path}: larger than {MAX_BYTES} bytes, which no script is")
        return Script.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ConfigError(f"script {path}: {_first(error)}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"script {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


_NUMBER = r"(?:\d{1,6}(?:\.\d{1,9})?|\.\d{1,9})"
"""One way to read each text, or a long row of digits would be tried in every possible division."""
_CLAUSE = re.compile(
    r"(?:(?P<kind>micro|macro)\s+)?(?P<what>[A-Za-z][A-Za-z0-9_+]*)"
    rf"(?:\s+(?P<number>{_NUMBER})\s*(?P<percent>%)?)?"
    rf"(?:\s+at\s+(?P<at>{_NUMBER})\s*s?)?(?:\s+for\s+(?P<for>{_NUMBER})\s*s?)?"
)


def parse_say(text: str, **settings: Any) -> Script:
    """A script from words; `settings`: other fields of `Script`.

    Raises:
        RequestError: a clause that cannot be understood, or a number out of range.
    """
    events = []
    for raw in re.split(r"[,;]|\bthen\b", text):
        clause = " ".join(raw.split())
        if not clause:
            continue
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            raise RequestError(
                f'--say: "{clause}" is not understood; write for example: surprise 0.8 at 0.2s, micro fear 40% at 1.1s'
            )
        events.append(_event(found, clause))
    if not events:
        raise RequestError("--say: nothing is said; write for example: surprise 0.8 at 0.2s, then neutral")
    try:
        return Script(event=tuple(events), **settings)
    except ValidationError as error:
        raise RequestError(f"--say: {_first(error)}") from None


def _event(found: re.Match[str], clause: str) -> Event:
    part = found.groupdict()
    number = None if part["number"] is None else float(part["number"]) / (100.0 if part["percent"] else 1.0)
    row: dict[str, Any] = {"kind": part["kind"] or "macro"}
    row |= {f"{k}_s": float(part[k]) for k in ("at", "for") if part[k] is not None}
    if part["what"].upper().startswith("AU") and any(c.isdigit() for c in part["what"]):
        # An intensity of units is a share of the most there is.
        row["units"] = dict.fromkeys(part["what"].upper().split("+"), 5.0 * (1.0 if number is None else number))
    else:
        row |= {"expression": part["what"].lower(), "intensity": number}
    try:
        return Event.model_validate(row)
    except ValidationError as error:
        raise RequestError(f'--say: "{clause}": {_first(error)}') from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    text = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {text}" if where else text

"""What is particular to an emotion when it is performed: strength, timing, limits, blinks, head, eyes.

One readable file per emotion (`emotions/*.toml`), one for what holds for every face (`limits.toml`). Which units an
emotion has is not in them: the graph network draws these (`expression_graph`).
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from mien.animate.expression_graph import EXPRESSIONS
from mien.errors import RequestError

_Factor = Annotated[float, Field(gt=0.0, le=5.0)]
_Intensity = Annotated[float, Field(ge=0.0, le=5.0)]
_Degrees = Annotated[float, Field(ge=-45.0, le=45.0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Timing(_Part):
    """Factors on times drawn from the statistics of real expressions."""

    rise: _Factor = 1.0
    hold: _Factor = 1.0
    fall: _Factor = 1.0


class Blinks(_Part):
    """How often one blinks, against rest."""

    often: float = Field(default=1.0, ge=0.0, le=5.0)


class Lean(_Part):
    """Degrees at full intensity; yaw and roll go to either side."""

    yaw: _Degrees = 0.0
    pitch: _Degrees = 0.0
    roll: _Degrees = 0.0


class Emotion(_Part):
    """One file of `emotions/`.

    Attributes:
        modulator: m_e of seed 002 §3.4, c'(t) = c(t) · m_e · i_v.
        asymmetry: standard deviation of left against right, share.
        limits: unit → most intensity.
    """

    description: str = ""
    also: tuple[str, ...] = ()
    modulator: float = Field(default=1.0, ge=0.0, le=1.0)
    asymmetry: float = Field(default=0.06, ge=0.0, le=0.5)
    timing: Timing = Timing()
    limits: dict[str, _Intensity] = Field(default_factory=dict)
    blinks: Blinks = Blinks()
    head: Lean = Lean()
    eyes: Lean = Lean()


class Together(_Part):
    """Units whose sum is not above `most`."""

    units: tuple[str, str]
    most: Annotated[float, Field(gt=0.0, le=10.0)]


class Micro(_Part):
    """Most intensity of a unit in a micro-expression."""

    most: _Intensity


class Speed(_Part):
    """Intensity per second."""

    units_per_s: Annotated[float, Field(gt=0.0)]


class Limits(_Part):
    """`limits.toml`: how far any face goes."""

    units: dict[str, _Intensity]
    micro: Micro
    together: tuple[Together, ...]
    speed: Speed
    head_deg: Lean
    eyes_deg: Lean


@cache
def load_limits() -> Limits:
    """The shipped limits."""
    text = (files("mien.animate") / "limits.toml").read_text(encoding="utf-8")
    return Limits.model_validate(tomllib.loads(text))


@cache
def emotions() -> Mapping[str, Emotion]:
    """The shipped profiles by expression, in the order of `EXPRESSIONS`."""
    folder = files("mien.animate") / "emotions"
    return {n: Emotion.model_validate(_table(folder / f"{n}.toml")) for n in EXPRESSIONS}


def _table(file: Any) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def expression_called(word: str) -> str:
    """The expression that a word means: its own name, or one of the others in its file.

    Raises:
        RequestError: none does.
    """
    names = {alias: name for name, one in emotions().items() for alias in (name, *one.also)}
    if word in names:
        return names[word]
    close = difflib.get_close_matches(word, names, n=1)
    more = f'; did you mean "{close[0]}"?' if close else f"; there are {', '.join(EXPRESSIONS)}"
    raise RequestError(f'there is no expression "{word}"{more}')

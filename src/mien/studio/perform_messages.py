"""What the page "Perform" asks and is answered, over REST. `viewer/src/messages.ts` holds these types too."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mien.studio.messages import NAME, Message


class PerformAsk(Message):
    """A performance without a camera, to become a take."""

    words: str = Field(min_length=1, max_length=20_000)
    """As `mien animate --say` takes them."""
    name: str = Field(pattern=NAME)
    """Of the take's folder; one that is there is never replaced."""
    over: Annotated[str, Field(max_length=1024)] | None = None
    """Take whose face it is laid over; None = a face of its own."""
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    fps: float = Field(default=60.0, ge=5.0, le=240.0)
    seconds: float | None = Field(default=None, ge=0.1, le=600.0)
    """None = until everything has happened."""


class PerformedAct(Message):
    """What the graph network made of one clause."""

    kind: Literal["macro", "micro"]
    expression: str | None
    """None = units by themselves."""
    intensity: float
    onset_s: float
    apex_s: float
    release_s: float
    offset_s: float
    units: dict[str, float]


class Performed(Message):
    """A take that was made."""

    name: str
    frames: int
    acts: list[PerformedAct]


class Moods(Message):
    """Expressions that can be asked for."""

    names: list[str]

"""What pages ask and are answered over REST: characters, profiles, takes. `viewer/src/messages.ts` has these types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from mien.animate.edits import AnyOperation
from mien.studio.messages import Message


class Shape(Message):
    """One ARKit shape in a character, see `mien.avatar.check.Match`."""

    shape: str
    kind: Literal["same", "spelling", "alias", "halves", "instead", "missing"]
    parts: dict[str, float]
    dead: bool


class Avatar(Message):
    """A character and what it can do."""

    name: str
    kind: str
    bytes: int
    builtin: bool
    present: int
    """Of the 52 shapes."""
    shapes: list[Shape]
    unused: list[str]
    expressions: list[str]
    perfect_sync: int
    mapping: dict[str, dict[str, float]]
    """Shape → morph targets or expressions → gain: as saved, else as the check found."""


class Mapping(Message):
    """Which morph targets play a shape."""

    mapping: dict[
        Annotated[str, Field(max_length=64)],
        dict[Annotated[str, Field(max_length=256)], Annotated[float, Field(ge=-4, le=4)]],
    ] = Field(max_length=64)


class GuideStep(Message):
    """One step of the calibration's guide."""

    name: str
    words: str
    seconds: float


class Profile(Message):
    """A person's calibration."""

    name: str
    facts: dict[str, Any]


class TakeEntry(Message):
    """A take in the studio's folder."""

    name: str
    """Its folder, relative to the studio's."""
    source: str
    created_utc: str
    state: str
    frames: int
    edits: int
    """How many operations are done."""
    problem: str | None = None


class Track(Message):
    """A face of a take."""

    track_id: int
    frames: int


class TakeEvent(Message):
    """An event of a take."""

    kind: str
    track_id: int
    onset_ns: int
    apex_ns: int
    offset_ns: int
    confidence: float
    action_units: list[str]
    emotion: str | None


class TakeDetail(Message):
    """A take that is opened."""

    name: str
    source: str
    created_utc: str
    state: str
    frames: int
    first_ns: int
    last_ns: int
    size_wh: tuple[int, int] | None
    pixels: bool
    tracks: list[Track]
    events: list[TakeEvent]
    video: bool
    """Whether there is an overlay video to show beside the curves."""
    video_picture: tuple[int, int] | None
    """Width and height in px of the picture's part of the video, from its left top corner; None = all of it."""
    notes: list[str]


class EditList(Message):
    """The edits of a take: those behind `done` can be done again."""

    operations: list[AnyOperation] = Field(default_factory=list, max_length=2000)
    done: int = Field(default=0, ge=0)


class ShapeWhy(Message):
    """A shape in one frame, and where it comes from; None = not measured."""

    shape: str
    raw: float | None
    edited: float | None
    confidence: float
    reason: str | None
    """Why it was not measured."""
    part: str
    """Part of the face whose landmarks it is read from."""
    part_confidence: float | None
    """Mean confidence of these landmarks."""


class UnitWhy(Message):
    """An action unit in one frame."""

    unit: str
    value: float | None
    confidence: float
    reason: str | None
    shapes: list[str]


class FrameWhy(Message):
    """Why the character looks as it does in one frame."""

    index: int
    t_ns: int
    found: bool
    shapes: list[ShapeWhy]
    units: list[UnitWhy]
    points: list[tuple[float, float, float]]
    """x, y in px and confidence."""
    yaw_pitch_roll_deg: tuple[float, float, float] | None


class ExportAsk(Message):
    """What to export."""

    outputs: list[Annotated[str, Field(max_length=32)]] = Field(min_length=1, max_length=32)
    track_id: int | None = None
    edited: bool = True


class Failure(Message):
    """Body of every answer that is no success."""

    detail: str

"""Everything that a page and the server say to each other as text. `viewer/src/messages.ts` is made from this file.

Frames go as binary messages, see `wire.py`. Times are milliseconds of the server's clock (`clock.py`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mien.animate.edits import AnyOperation

PROTOCOL = 1
NAME = r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$"
"""Of profiles and characters: becomes a file name."""


class Message(BaseModel):
    """Unknown key = error, so that a page and a server of different versions notice."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


# --- page → server ---


class Start(Message):
    """Begin a live run; one that is under way ends."""

    type: Literal["start"] = "start"
    source: str = Field(default="demo", min_length=1, max_length=1024)
    """What `mien live` takes, or "browser": the camera of this page."""
    preset: str = Field(default="balanced", min_length=1, max_length=64)
    faces: int = Field(default=1, ge=1, le=8)
    smooth: bool = True
    lost: Literal["hold", "fade"] = "hold"
    profile: str | None = Field(default=None, pattern=NAME)
    compare: bool = False
    """Read every frame that is shown without the profile, too."""
    to: list[Annotated[str, Field(max_length=256)]] = Field(default_factory=list, max_length=8)


class Stop(Message):
    """End the run, or the calibration."""

    type: Literal["stop"] = "stop"


class Privacy(Message):
    """On: no pixel of a source leaves the server."""

    type: Literal["privacy"] = "privacy"
    on: bool


class Calibrate(Message):
    """Watch a person and write a profile."""

    type: Literal["calibrate"] = "calibrate"
    name: str = Field(pattern=NAME)
    source: str = Field(default="camera:0", min_length=1, max_length=1024)
    preset: str = Field(default="balanced", min_length=1, max_length=64)
    guided: bool = True


class Ping(Message):
    """Answered at once; how a page learns the server's clock."""

    type: Literal["ping"] = "ping"
    t_ms: float


FromPage = Annotated[Start | Stop | Privacy | Calibrate | Ping, Field(discriminator="type")]
from_page: TypeAdapter[Any] = TypeAdapter(FromPage)


# --- server → page ---


class Names(Message):
    """What the numbers of a frame mean, in their order."""

    shapes: list[str]
    units: list[str]
    unit_titles: dict[str, str]
    points: list[str]
    point_groups: dict[str, list[int]]


class Choice(Message):
    """Something to choose from."""

    name: str
    what: str


class Hello(Message):
    """First message of the server."""

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL
    version: str
    names: Names
    presets: list[Choice]
    outputs: list[Choice]
    """Addresses to begin with, such as "vmc://127.0.0.1:39539"."""
    longest_picture: int
    """Bytes of one picture of a browser's camera."""


class Session(Message):
    """What the server is doing; sent when it changes."""

    type: Literal["session"] = "session"
    state: Literal["idle", "starting", "running", "calibrating", "ended", "failed"]
    asked: Start | None = None
    source: str = ""
    """Name of what is open."""
    problem: str | None = None
    privacy: bool = False
    wants_camera: bool = False
    """Whether pictures of a browser's camera are waited for."""


class Receiver(Message):
    """A program that is sent to."""

    to: str
    sent: int
    replaced: int
    unsent: int
    p50_ms: float | None
    p95_ms: float | None
    problem: str | None


class Status(Message):
    """How the run goes; once a second."""

    type: Literal["status"] = "status"
    frames: int
    fps: float
    dropped: int
    measure_ms: float
    """Median time of the pipeline for a frame."""
    latency_ms: float
    """Median time from the capture to the frame being ready to send."""
    stages_ms: dict[str, float]
    warnings: list[str]
    receivers: list[Receiver]
    pages: int


class Mark(Message):
    """An expression that was decided; times of the server's clock."""

    number: int
    """1 = the first of the run."""
    kind: str
    """ "micro" or "macro"."""
    track_id: int
    onset_ms: float
    apex_ms: float
    offset_ms: float
    decided_ms: float
    """Capture time of the frame at which it was decided."""
    confidence: float
    action_units: list[str]
    """Entries of schema "facs", the likeliest first."""
    emotion: str | None


class Marks(Message):
    """Expressions of the run; sent when it begins and when one was decided."""

    type: Literal["marks"] = "marks"
    watched: bool
    """Whether the preset looks for them."""
    began_ms: float | None
    """Capture time of the run's first frame; None = none yet."""
    counts: dict[str, int]
    """Kind → how many so far."""
    newest: list[Mark]
    """The newest first, a bounded number."""


class Pong(Message):
    """Answer to a `Ping`."""

    type: Literal["pong"] = "pong"
    t_ms: float
    """As it was sent."""
    server_ms: float


class Problem(Message):
    """A message that could not be followed."""

    type: Literal["problem"] = "problem"
    what: str


class Guidance(Message):
    """What the person who is calibrated has to do now."""

    type: Literal["guidance"] = "guidance"
    step: int
    steps: int
    name: str
    words: str
    seconds: float


class Reached(Message):
    """One shape of a calibration: what it read at rest and at its largest; None = not measured."""

    shape: str
    rest_before: float | None
    reach_before: float | None
    rest_after: float | None
    reach_after: float | None


class Calibrated(Message):
    """What came of a calibration."""

    type: Literal["calibrated"] = "calibrated"
    name: str
    frames: int
    blink_before: float | None
    blink_after: float | None
    shapes: list[Reached]


FromServer = Annotated[
    Hello | Session | Status | Marks | Pong | Problem | Guidance | Calibrated, Field(discriminator="type")
]
from_server: TypeAdapter[Any] = TypeAdapter(FromServer)


# --- REST ---


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

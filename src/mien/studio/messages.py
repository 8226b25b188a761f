"""What a page and the server say to each other as text over the WebSocket; `viewer/src/messages.ts` has these types.

What is asked over REST stands in `rest_messages.py`; frames go as binary messages, see `wire.py`. Times are
milliseconds of the server's clock (`clock.py`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

PROTOCOL = 1
NAME = r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$"
"""Of profiles and characters: becomes a file name."""
MOST_MARKS = 24
"""So many of the newest expressions are told; the counts are of all."""
MOST_UNITS, LONGEST_WORD = 64, 64
"""Of one expression: action units, and characters of a unit's or an emotion's name."""
MarkKind = Literal["micro", "macro"]


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
    expressions: list[str]


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
    kind: MarkKind
    track_id: int
    onset_ms: float
    apex_ms: float
    offset_ms: float
    decided_ms: float
    """Capture time of the frame at which it was decided."""
    confidence: float
    action_units: list[Annotated[str, Field(max_length=LONGEST_WORD)]] = Field(max_length=MOST_UNITS)
    """Entries of schema "facs", the likeliest first."""
    emotion: str | None = Field(max_length=LONGEST_WORD)


class Marks(Message):
    """Expressions of the run; sent when it begins and when one was decided."""

    type: Literal["marks"] = "marks"
    watched: bool
    """Whether the preset looks for them."""
    began_ms: float | None
    """Capture time of the run's first frame; None = none yet."""
    counts: dict[MarkKind, int]
    """Kind → how many so far."""
    newest: list[Mark] = Field(max_length=MOST_MARKS)
    """The newest first."""


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

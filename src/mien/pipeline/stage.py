"""The contracts between the parts: `Source` gives records, a `Stage` fills one more field, a `Sink` keeps them.

Fields that stages declare in `reads` and `writes` are the strings of `FIELDS`. `compose` refuses a
pipeline in which something is read before it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from mien.core.record import Clock, FrameRecord

FIELDS = frozenset(
    {
        "image",
        "faces",  # box, confidence and crop of every face
        "faces.track_id",
        "faces.keypoints",
        "faces.landmarks",
        "faces.head_pose",
        "faces.gaze",
        "faces.action_units",
        "faces.blendshapes",
        "faces.expression",
        "faces.quality",
        "events",
    }
)


class Options(BaseModel):
    """Base of every part's options: frozen, unknown key = error. Field descriptions are shown to users."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known about a source before its first frame.

    Attributes:
        name: short name for records and reports (file name, camera name); never a full path, no credentials.
        kind: "video", "photo", "images", "camera", "stream", "replay", "synthetic".
        size_wh: frame size, px, after rotation metadata was applied; None if not known yet.
        frame_rate_hz: nominal rate; None if unknown. For progress and encoders only, never for arithmetic on time.
        frame_count: number of frames if the container says so (an estimate: for progress only).
        duration_ns: length if known.
        live: True = frames come when they come (camera, stream); False = every frame can be waited for.
        clock: clock of the stamps.
    """

    name: str
    kind: str
    size_wh: tuple[int, int] | None = None
    frame_rate_hz: float | None = None
    frame_count: int | None = None
    duration_ns: int | None = None
    live: bool = False
    clock: Clock = "media"


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of a source to deliver.

    Attributes:
        start_ns: first stamp to deliver (inclusive), ns from the source's own zero.
        end_ns: last stamp to deliver (inclusive); None = to the end.
        first_index: frames before this number are skipped (used to resume). Numbers and stamps of the
            delivered frames are those of the whole source.
    """

    start_ns: int = 0
    end_ns: int | None = None
    first_index: int = 0


@runtime_checkable
class Source(Protocol):
    """Gives records with `stamp`, `size_wh` and `image`, in order of time.

    A source that meets damaged data in the middle keeps going when it can (adding a line to `warnings`)
    and raises `SourceError` when it cannot; records given before stay valid.
    """

    @property
    def info(self) -> SourceInfo:
        """Known after construction; construction raises `SourceError` if the source cannot be opened."""

    @property
    def warnings(self) -> list[str]:
        """What went wrong without ending the source; complete after iteration."""

    def __iter__(self) -> Iterator[FrameRecord]:
        """May be called once."""

    def close(self) -> None:
        """Release everything; may be called twice, and from another thread to end a blocked read."""


@runtime_checkable
class Stage(Protocol):
    """Takes a record and returns it with more fields filled. Not thread-safe; one instance serves one source.

    `reads` is what it cannot do without; what it uses where it is there, it says in its docstring. A class may have
    more: `for_still` (see `compose.build_stage`), `caution` and `looks_at` (see `cautions`).
    """

    reads: frozenset[str]
    writes: frozenset[str]

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of the models this stage runs, e.g. "mediapipe-0.10.21/face_landmark_with_attention"."""

    def step(self, record: FrameRecord) -> FrameRecord:
        """Process one frame. Must not keep or change the image."""

    def feedback(self, record: FrameRecord) -> None:
        """See the record of the frame after later stages: how an early one (tracking) learns from them. Stages up to
        the last that decides faces and points (`wiring.WHERE`) see it when that one is done, the others when all are.
        When a capture is resumed, the last recorded records are fed here first (without images)."""

    def reset(self, track_id: int | None = None) -> None:
        """Forget one face, or everything."""

    def close(self) -> None:
        """Release models; may be called twice."""


class StageBase:
    """Defaults for stages that keep no state."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()

    def __init__(self, options: Options | None = None) -> None:
        """A stage with nothing to choose is built as the others are."""

    @property
    def models(self) -> tuple[str, ...]:
        return ()

    def feedback(self, record: FrameRecord) -> None:
        return None

    def reset(self, track_id: int | None = None) -> None:
        return None

    def close(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class TakeHeader:
    """What a take says about itself; stored in every output that can hold it.

    Attributes:
        source: the source as it was opened.
        config: the resolved configuration (plain data).
        mien_version: version that wrote it.
        created_utc: ISO 8601.
        models: ids of the models that ran.
        pixels: False = landmarks-only: no output may contain a pixel of the source.
        span: part of the source that was asked for.
    """

    source: SourceInfo
    config: Mapping[str, Any] = field(default_factory=dict)
    mien_version: str = ""
    created_utc: str = ""
    models: tuple[str, ...] = ()
    pixels: bool = True
    span: Span = field(default_factory=Span)


@dataclass(frozen=True, slots=True)
class TakeSummary:
    """How a capture ended.

    Attributes:
        state: "complete", "interrupted" (by the user) or "failed" (by an error; `problem` says which).
        frames: records written.
        warnings: of the source and the pipeline.
        problem: message of the error that ended it, or None.
    """

    state: Literal["complete", "interrupted", "failed"]
    frames: int
    warnings: tuple[str, ...] = ()
    problem: str | None = None


@runtime_checkable
class Sink(Protocol):
    """Keeps records. Called from one thread: open, write for every record in order, close.

    `close` is called exactly once after a successful `open`, also after an error or Ctrl-C, and must leave
    a readable file. Raises `SinkError` when something cannot be written.
    """

    reads: frozenset[str]
    """Fields it cannot do without; "image" if it needs pixels."""

    def open(self, header: TakeHeader) -> None:
        """Create the output; raise `SinkError` now rather than after an hour."""

    def write(self, record: FrameRecord) -> None:
        """Take one record. `record.image` is present only if `reads` names it."""

    def close(self, summary: TakeSummary) -> None:
        """Finish the output."""

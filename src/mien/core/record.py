"""The one record that travels from source to sink: a stamped frame with whatever was found in it.

`None` = the stage did not run. NaN = it ran and could not measure. Empty tuple = it looked and found
nothing (`trace` says which stages ran). Records are frozen, hold no live handles, and pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from mien.core.arrays import UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import ActionUnits, Blendshapes, Box, Expression, Gaze, HeadPose, Landmarks, Quality

Clock = Literal["media", "monotonic"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and where a frame was taken.

    Attributes:
        source: short name of the source (file name, camera name); never a full path.
        index: 0-based number of the frame in its source.
        t_ns: capture time, ns: presentation time for media, host monotonic time for cameras.
        clock: which of the two.
    """

    source: str
    index: int
    t_ns: int
    clock: Clock = "media"


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in one frame; every field but the box is None until its stage has run."""

    box: Box
    track_id: int | None = None
    keypoints: Landmarks | None = None
    crop: CropTransform | None = None
    landmarks: Landmarks | None = None
    head_pose: HeadPose | None = None
    gaze: Gaze | None = None
    action_units: ActionUnits | None = None
    expression: Expression | None = None
    blendshapes: Blendshapes | None = None
    quality: Quality | None = None

    def __repr__(self) -> str:
        known = [n for n in self.__slots__ if n not in ("box", "track_id") and getattr(self, n) is not None]
        return f"Face(id {self.track_id}, {', '.join(known) or 'box only'})"


@dataclass(frozen=True, slots=True)
class Event:
    """A span in time, decided now, that may lie in the past.

    Attributes:
        kind: "micro", "macro", "blink", ...
        track_id: whose.
        onset_ns, apex_ns, offset_ns: same clock as the records' stamps.
        confidence: 0–1.
        action_units: the units it consists of, names of schema "facs".
        emotion: reading of it, or None.
    """

    kind: str
    track_id: int
    onset_ns: int
    apex_ns: int
    offset_ns: int
    confidence: float
    action_units: tuple[str, ...] = ()
    emotion: str | None = None

    def __post_init__(self) -> None:
        if not self.onset_ns <= self.apex_ns <= self.offset_ns:
            raise ValueError(
                f"Event: expected onset <= apex <= offset, got {self.onset_ns}, {self.apex_ns}, {self.offset_ns}"
            )


@dataclass(frozen=True, slots=True)
class Trace:
    """How a record came about.

    Attributes:
        stage_ns: stage name → wall time spent on this frame, ns; a stage that ran is in here.
        models: ids of the models used.
    """

    stage_ns: Mapping[str, int] = field(default_factory=dict)
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FrameRecord:
    """A frame and what was found in it.

    Attributes:
        stamp: capture time and number.
        size_wh: the image's width and height, px (kept when the image is dropped).
        image: (H, W, 3) uint8 RGB, or None after `slim()`.
        faces: empty = none found.
        events: decided at this frame.
        trace: timings and models.
    """

    stamp: Stamp
    size_wh: tuple[int, int]
    image: UInt8 | None = None
    faces: tuple[Face, ...] = ()
    events: tuple[Event, ...] = ()
    trace: Trace = field(default_factory=Trace)

    def __post_init__(self) -> None:
        if self.image is not None:
            w, h = self.size_wh
            if self.image.shape != (h, w, 3) or self.image.dtype != "uint8":
                raise ValueError(
                    f"FrameRecord.image: expected uint8 ({h}, {w}, 3), got {self.image.dtype} {self.image.shape}"
                )

    def __repr__(self) -> str:
        w, h = self.size_wh
        s = self.stamp
        return f"FrameRecord({s.source} #{s.index} at {s.t_ns / 1e9:.3f} s, {w}×{h}, {len(self.faces)} faces)"

    def slim(self) -> FrameRecord:
        """The same record without pixels: what is stored and sent."""
        return self if self.image is None else replace(self, image=None)

"""What a take says about itself when it is read once: the ground of the report and of its warnings."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mien.core.arrays import Float32, Float64, Int64
from mien.core.record import Event, Face, FrameRecord
from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S, frame_rate_hz, timecode
from mien.take.reader import Take

FAST_HZ, SMOOTH_HZ = 50.0, 24.0
TURNED_DEG = 30.0
BLURRED = 30.0
SMALL_PX = 80.0
DARK, BRIGHT = 50.0, 215.0
UNMEASURED = 0.05

_AU, _SHAPE = len(load_schema("facs")), len(load_schema("arkit52"))
COLUMNS = {
    "action_units": slice(0, _AU),
    "blendshapes": slice(_AU, _AU + _SHAPE),
    "head": slice(_AU + _SHAPE, _AU + _SHAPE + 3),
    "gaze": slice(_AU + _SHAPE + 3, _AU + _SHAPE + 7),
    "quality": slice(_AU + _SHAPE + 7, _AU + _SHAPE + 10),
    "box": slice(_AU + _SHAPE + 10, _AU + _SHAPE + 14),
}
_WIDTH = _AU + _SHAPE + 14


@dataclass(slots=True)
class Track:
    """One face through the take.

    Attributes:
        track_id: None = faces that nobody tracked.
        rows: numbers of the records (rows of the take) it is in.
        values: per row, see `COLUMNS`; NaN = not measured.
    """

    track_id: int | None
    rows: list[int] = field(default_factory=list)
    values: list[Float32] = field(default_factory=list)

    def series(self, what: str, frames: int) -> Float32:
        """(frames, N) float32 on the take's rows; NaN where the face is not there."""
        out = np.full((frames, _WIDTH), np.nan, np.float32)
        if self.rows:
            out[self.rows] = self.values
        return out[:, COLUMNS[what]]

    def seen(self, what: str) -> Float32:
        """(rows, N) float32: only where the face is there."""
        return np.asarray(self.values, np.float32).reshape(-1, _WIDTH)[:, COLUMNS[what]]


@dataclass(slots=True)
class TakeFacts:
    """Facts of a take; T = its records.

    Attributes:
        t_ns: (T,) stamps.
        faces: (T,) faces per record.
        sizes: frame sizes that occur.
        tracks: most frames first.
        stages: stage name → (records it ran on) times, ms.
        events: all.
    """

    t_ns: Int64
    faces: Int64
    sizes: list[tuple[int, int]]
    tracks: list[Track]
    stages: dict[str, Float64]
    events: list[Event]

    @property
    def rate_hz(self) -> float:
        return frame_rate_hz(self.t_ns)

    @property
    def found(self) -> float:
        """Share of the records with a face; 0 for an empty take."""
        return float((self.faces > 0).mean()) if len(self.faces) else 0.0

    @property
    def seconds(self) -> float:
        return float(self.t_ns[-1] - self.t_ns[0]) / NS_PER_S if len(self.t_ns) else 0.0


def facts_of(take: Take) -> TakeFacts:
    """Read the take once; memory grows by about half a kilobyte per face and frame."""
    t_ns: list[int] = []
    faces: list[int] = []
    sizes: dict[tuple[int, int], None] = {}
    tracks: dict[int | None, Track] = {}
    stages: dict[str, list[float]] = {}
    events: list[Event] = []
    for row, record in enumerate(take.records()):
        t_ns.append(record.stamp.t_ns)
        faces.append(len(record.faces))
        sizes.setdefault(record.size_wh)
        events.extend(record.events)
        for name, spent in record.trace.stage_ns.items():
            stages.setdefault(name, []).append(spent / 1e6)
        _take_faces(record, row, tracks)
    ranked = sorted(tracks.values(), key=lambda t: -len(t.rows))
    times = {name: np.asarray(values, np.float64) for name, values in stages.items()}
    return TakeFacts(np.array(t_ns, np.int64), np.array(faces, np.int64), list(sizes), ranked, times, events)


def _take_faces(record: FrameRecord, row: int, tracks: dict[int | None, Track]) -> None:
    for face in record.faces:
        track = tracks.setdefault(face.track_id, Track(face.track_id))
        if not track.rows or track.rows[-1] != row:
            track.rows.append(row)
            track.values.append(_values(face))


def _values(face: Face) -> Float32:
    out = np.full(_WIDTH, np.nan, np.float32)
    if face.action_units is not None:
        out[COLUMNS["action_units"]] = face.action_units.values
    if face.blendshapes is not None:
        out[COLUMNS["blendshapes"]] = face.blendshapes.values
    if face.head_pose is not None and np.isfinite(face.head_pose.rotation).all():
        out[COLUMNS["head"]] = face.head_pose.yaw_pitch_roll_deg
    if face.gaze is not None:
        out[COLUMNS["gaze"]] = [*face.gaze.left_yaw_pitch_deg, *face.gaze.right_yaw_pitch_deg]
    if face.quality is not None:
        out[COLUMNS["quality"]] = [face.quality.sharpness, face.quality.brightness, face.quality.face_px]
    out[COLUMNS["box"]] = face.box.xyxy
    return out


def warnings_from(facts: TakeFacts, take: Take) -> list[str]:
    """What a user should know before trusting the take, in words; empty = nothing stands out."""
    out = []
    summary = take.summary
    if summary.state != "complete":
        out.append(f"The capture was {summary.state}" + (f": {summary.problem}" if summary.problem else "") + ".")
    if len(facts.t_ns) == 0:
        return [*out, "The take has no frames."]
    if facts.found == 0:
        return [*out, *_rate(facts), f"No face was found in any of the {len(facts.faces)} frames."]
    return [*out, *_rate(facts), *_lost(facts), *_ids(facts), *_unmeasured(facts), *_seeing(facts)]


def _rate(facts: TakeFacts) -> list[str]:
    if len(facts.t_ns) < 3:
        return []
    out = []
    rate = facts.rate_hz
    if rate < SMOOTH_HZ - 0.5:
        out.append(f"Low frame rate ({rate:.1f} frames per second): blinks and other fast movements can be missed.")
    elif rate < FAST_HZ - 0.5:
        out.append(
            f"{rate:.2f} frames per second: enough for expressions; micro-expressions need {FAST_HZ:.0f} or more."
        )
    steps = np.diff(facts.t_ns).astype(np.float64)
    median = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    uneven = float((np.abs(steps - median) > 0.2 * median).mean())
    longest = int(np.argmax(steps))
    if uneven > 0.02 or steps[longest] > 5 * median > 0:
        out.append(
            f"Variable frame rate: {uneven:.0%} of the steps are not the usual {median / 1e6:.0f} ms; the longest is "
            f"{steps[longest] / 1e6:.0f} ms at {timecode(int(facts.t_ns[longest] - facts.t_ns[0]))}."
        )
    return out


def _lost(facts: TakeFacts) -> list[str]:
    if facts.found >= 0.95 or len(facts.faces) < 3:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], facts.faces == 0, [0]])))
    starts = facts.t_ns[edges[::2]]
    # A gap lasts until the face is there again.
    ends = facts.t_ns[np.minimum(edges[1::2], len(facts.t_ns) - 1)]
    longest = int(np.argmax(ends - starts))
    return [
        f"No face in {1 - facts.found:.0%} of the frames; the longest gap lasts "
        f"{(ends[longest] - starts[longest]) / NS_PER_S:.2f} s and begins at "
        f"{timecode(int(starts[longest] - facts.t_ns[0]))}."
    ]


def _unmeasured(facts: TakeFacts) -> list[str]:
    """What is missing of the main face: a curve that is not there looks like nothing to worry about."""
    main = facts.tracks[0]
    out = []
    for what, name in (
        ("head", "head pose"),
        ("action_units", "action units"),
        ("blendshapes", "blendshapes"),
        ("quality", "sharpness and light"),
    ):
        missing = ~np.isfinite(main.seen(what)).any(axis=1)
        if missing.all():
            out.append(f"Not measured in any frame of the face: {name}.")
        elif (share := float(missing.mean())) > UNMEASURED:
            out.append(f"Not measured in {share:.0%} of the face's frames: {name}.")
    return out


def _ids(facts: TakeFacts) -> list[str]:
    real = [t for t in facts.tracks if t.track_id is not None and len(t.rows) >= 3]
    at_once = int(facts.faces.max())
    if len(real) <= at_once:
        return []
    return [
        f"{len(real)} track ids, but never more than {at_once} face{'s' * (at_once > 1)} at once: "
        "one person may have been given several ids."
    ]


def _seeing(facts: TakeFacts) -> list[str]:
    """How well the main face can be seen."""
    main = facts.tracks[0]
    yaw = np.abs(main.seen("head")[:, 0])
    sharpness, brightness, size = main.seen("quality").T
    out = []
    if (share := _share(yaw > TURNED_DEG, yaw)) > 0.1:
        out.append(
            f"The head is turned by more than {TURNED_DEG:.0f}° in {share:.0%} of its frames: "
            "values of the far side of the face are less certain there."
        )
    if (share := _share(sharpness < BLURRED, sharpness)) > 0.2:
        out.append(f"The face is blurred in {share:.0%} of its frames: small movements cannot be seen.")
    if (share := _share(size < SMALL_PX, size)) > 0.5:
        out.append(f"The face is small ({np.nanmedian(size):.0f} px): come closer or record at a higher resolution.")
    if (share := _share(brightness < DARK, brightness)) > 0.3:
        out.append(f"The face is dark in {share:.0%} of its frames: light it from the front.")
    if (share := _share(brightness > BRIGHT, brightness)) > 0.3:
        out.append(f"The face is overexposed in {share:.0%} of its frames: reduce the light or the exposure.")
    return out


def _share(hit: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], values: Float32) -> float:
    known = np.isfinite(values)
    return float(hit[known].mean()) if known.any() else 0.0

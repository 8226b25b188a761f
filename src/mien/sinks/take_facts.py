"""What a take says about itself when it is read once: the ground of the report and of `take_judgement.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mien.core.arrays import Float32, Float64, Int64
from mien.core.record import Event, Face, FrameRecord
from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S, frame_rate_hz
from mien.expression.from_units import read_units
from mien.take.reader import Take

NEUTRAL_S = 2.0
"""Until a person was seen for so long, the solver measures mostly against an average face."""

_AU, _SHAPE, _EXPRESSION = (len(load_schema(name)) for name in ("facs", "arkit52", "expression8"))
_REST = _AU + _SHAPE + 14
COLUMNS = {
    "action_units": slice(0, _AU),
    "blendshapes": slice(_AU, _AU + _SHAPE),
    "head": slice(_AU + _SHAPE, _AU + _SHAPE + 3),
    "gaze": slice(_AU + _SHAPE + 3, _AU + _SHAPE + 7),
    "quality": slice(_AU + _SHAPE + 7, _AU + _SHAPE + 10),
    "box": slice(_AU + _SHAPE + 10, _REST),
    "expression": slice(_REST, _REST + _EXPRESSION),
    "units_expression": slice(_REST + _EXPRESSION, _REST + 2 * _EXPRESSION),
}
_WIDTH = _REST + 2 * _EXPRESSION


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

    def seen_s(self, t_ns: Int64) -> float:
        """Seconds from the first to the last record with the face; `t_ns` are the take's stamps."""
        return float(t_ns[self.rows[-1]] - t_ns[self.rows[0]]) / NS_PER_S

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
    if face.expression is not None and face.expression.schema.name == "expression8":
        out[COLUMNS["expression"]] = face.expression.values
        if face.action_units is not None:
            out[COLUMNS["units_expression"]] = read_units(face.action_units).values
    return out

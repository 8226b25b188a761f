"""What one person's face did over a whole take, as plain arrays without gaps: the input of every character.

Records are read once and let go: memory grows by the few hundred bytes a frame that are kept. Values that
were never measured become neutral, gaps are held or faded; nothing is smoothed here (see `animate.smooth`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32, Float64, Int64
from mien.core.geometry import apparent_rotation, quaternion_from_rotation
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S

FADE_NS = NS_PER_S // 2
"""How long a lost face takes to become neutral with `lost="fade"`."""

LOOK_DEG = 30.0
"""How far an eye turns at a full eyeLook weight, where gaze itself was never measured."""

UNTRACKED = 0
"""Track id under which faces without a track id are gathered."""

Lost = Literal["hold", "fade", "nan"]
_SHAPES = len(load_schema("arkit52"))
_HEAD = slice(_SHAPES, _SHAPES + 4)
_GAZE = slice(_SHAPES + 4, _SHAPES + 8)
_PLACE = slice(_SHAPES + 8, _SHAPES + 11)
_WIDTH = _SHAPES + 11


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """One track of a take on the take's own time axis; T = frames of the take.

    Attributes:
        track_id: whose; -1 = no face was ever found (then everything is neutral).
        t_ns: (T,) int64, strictly increasing.
        weights: (T, 52) float32, 0–1, schema "arkit52"; no NaN, unless a lost face was to be NaN.
        head_xyzw: (T, 4) float32 unit quaternions; rotation of the head relative to a head that looks straight
            into the camera, in the head frame (glTF: x to the subject's left, y up, z forward).
        left_eye_xyzw, right_eye_xyzw: (T, 4) float32 unit quaternions; eye relative to the head, same frame.
        head_translation_mm: (T, 3) float32; head origin in the camera frame; all NaN if never known.
        found: (T,) bool; False = the face was not seen in this frame and everything is filled in.
    """

    track_id: int
    t_ns: Int64
    weights: Float32
    head_xyzw: Float32
    left_eye_xyzw: Float32
    right_eye_xyzw: Float32
    head_translation_mm: Float32
    found: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.t_ns)


def performance(records: Iterable[FrameRecord], track_id: int | None = None, *, lost: Lost = "hold") -> Performance:
    """The performance of one track.

    Args:
        records: in order of time; a record whose stamp is not later than the one before is left out.
        track_id: whose; None = the track seen in the most frames.
        lost: what becomes of a value that is not measured: "hold" keeps the last known one, "fade" lets it
            become neutral within half a second. Before the first known value everything is neutral. "nan": held while
            the face is seen, and NaN in frames where it is not.

    Returns:
        A neutral performance with track_id -1 and `found` all False if there is no such face.
    """
    every = performances(records, lost=lost, only=track_id)
    return every[0]


def performances(records: Iterable[FrameRecord], *, lost: Lost = "hold", only: int | None = None) -> list[Performance]:
    """The performances of all tracks (or of track `only`), the one seen in the most frames first; never empty."""
    stamps = _Rows(1, np.int64)
    seen: dict[int, tuple[_Rows, _Rows]] = {}
    latest: int | None = None
    for record in records:
        if latest is not None and record.stamp.t_ns <= latest:
            continue
        latest = record.stamp.t_ns
        for face in _one_per_track(record, only):
            key = UNTRACKED if face.track_id is None else face.track_id
            frames, values = seen.setdefault(key, (_Rows(1, np.int64), _Rows(_WIDTH, np.float32)))
            frames.append([len(stamps)])
            values.append(_row(face))
        stamps.append([latest])
    t_ns = stamps.array[:, 0].astype(np.int64)
    if not seen:
        return [_filled(-1, t_ns, np.zeros(0, np.int64), np.zeros((0, _WIDTH), np.float32), lost)]
    order = sorted(seen, key=lambda k: (-len(seen[k][0]), k))
    return [_filled(k, t_ns, seen[k][0].array[:, 0], seen[k][1].array, lost) for k in order]


def tracks(records: Iterable[FrameRecord]) -> dict[int, int]:
    """Track id → number of frames it was seen in, most frames first."""
    count: Counter[int] = Counter()
    for record in records:
        count.update(UNTRACKED if f.track_id is None else f.track_id for f in _one_per_track(record, None))
    return dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))


def blanked(one: Performance) -> Performance:
    """The same with NaN in all frames in which the face was not seen."""

    def seen(values: Float32) -> Float32:
        return np.asarray(np.where(one.found[:, None], values, np.float32(np.nan)), np.float32)

    return replace(
        one,
        weights=seen(one.weights),
        head_xyzw=seen(one.head_xyzw),
        left_eye_xyzw=seen(one.left_eye_xyzw),
        right_eye_xyzw=seen(one.right_eye_xyzw),
        head_translation_mm=seen(one.head_translation_mm),
    )


class _Rows:
    """A growing (N, width) array."""

    def __init__(self, width: int, dtype: npt.DTypeLike) -> None:
        self._data = np.empty((256, width), dtype)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def append(self, row: npt.ArrayLike) -> None:
        if self._used == len(self._data):
            bigger = np.empty((self._used * 3 // 2, self._data.shape[1]), self._data.dtype)
            bigger[: self._used] = self._data
            self._data = bigger
        self._data[self._used] = row
        self._used += 1

    @property
    def array(self) -> AnyArray:
        return self._data[: self._used]


def _one_per_track(record: FrameRecord, only: int | None) -> list[Face]:
    """The record's faces, the first of each track id."""
    first: dict[int, Face] = {}
    for face in record.faces:
        key = UNTRACKED if face.track_id is None else face.track_id
        if only is None or key == only:
            first.setdefault(key, face)
    return list(first.values())


def _row(face: Face) -> Float32:
    row = np.full(_WIDTH, np.nan, np.float32)
    if face.blendshapes is not None:
        row[:_SHAPES] = np.clip(face.blendshapes.values, 0.0, 1.0)
    if face.head_pose is not None:
        if np.isfinite(face.head_pose.rotation).all():
            pose = face.head_pose
            row[_HEAD] = quaternion_from_rotation(apparent_rotation(pose.rotation, pose.translation_mm))
        if np.isfinite(face.head_pose.translation_mm).all():
            row[_PLACE] = face.head_pose.translation_mm
    if face.gaze is not None:
        left, right = face.gaze.left_yaw_pitch_deg, face.gaze.right_yaw_pitch_deg
        # Eyes move together: a hidden eye follows the one that is seen.
        row[_GAZE.start : _GAZE.start + 2] = left if np.isfinite(left).all() else right
        row[_GAZE.start + 2 : _GAZE.stop] = right if np.isfinite(right).all() else left
    return row


def _filled(track_id: int, t_ns: Int64, frames: AnyArray, rows: AnyArray, lost: str) -> Performance:
    known = np.full((len(t_ns), _WIDTH), np.nan, np.float32)
    known[frames.astype(np.int64)] = rows
    found = np.zeros(len(t_ns), bool)
    found[frames.astype(np.int64)] = True
    held, strength = _forward_fill(known, t_ns)
    if lost != "fade":
        strength = (strength > -1).astype(np.float32)
    fade = np.clip(strength, 0.0, 1.0)
    still = np.nan_to_num(held)
    head = still[:, _HEAD].astype(np.float64) * fade[:, _HEAD]
    head[:, 3] += 1.0 - fade[:, _HEAD.start]
    gaze = (still[:, _GAZE] * fade[:, _GAZE]).astype(np.float64)
    if not np.isfinite(known[:, _GAZE]).any():
        gaze = _gaze_of(still[:, :_SHAPES] * fade[:, :_SHAPES])
    place = held[:, _PLACE]
    if np.isfinite(place).any():
        first = int(np.flatnonzero(np.isfinite(place[:, 0]))[0])
        place[:first] = place[first]
    whole = Performance(
        track_id=track_id,
        t_ns=t_ns,
        weights=still[:, :_SHAPES] * fade[:, :_SHAPES],
        head_xyzw=_unit(head),
        left_eye_xyzw=_eye_xyzw(gaze[:, :2]),
        right_eye_xyzw=_eye_xyzw(gaze[:, 2:]),
        head_translation_mm=place.copy(),
        found=found,
    )
    return blanked(whole) if lost == "nan" else whole


def _forward_fill(values: Float32, t_ns: Int64) -> tuple[Float32, Float32]:
    """Last known values, and 1 where known falling to 0 as time passes (-1 where nothing was known yet)."""
    if len(values) == 0:
        return values, values
    rows = np.arange(len(values), dtype=np.int32)[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), rows, np.int32(-1)), axis=0)
    t_fades = ((t_ns - t_ns[0]) / FADE_NS).astype(np.float32)
    strength = 1.0 - (t_fades[:, None] - t_fades[np.maximum(last, 0)])
    strength = np.where(last >= 0, np.maximum(strength, 0.0), -1.0).astype(np.float32)
    return np.take_along_axis(values, np.maximum(last, 0), axis=0), strength


def _gaze_of(weights: Float32) -> Float64:
    """(T, 4) left yaw and pitch, right yaw and pitch in degrees, from the eyeLook weights: for takes without gaze."""
    schema = load_schema("arkit52")
    sides = []
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        down, inner, outer, up = (weights[:, schema.index(f"eyeLook{d}{side}")] for d in ("Down", "In", "Out", "Up"))
        sides += [outward * LOOK_DEG * (outer - inner), LOOK_DEG * (up - down)]
    gaze: Float64 = np.stack(sides, axis=1).astype(np.float64)
    return gaze


def _unit(xyzw: Float64) -> Float32:
    unit: Float32 = (xyzw / np.linalg.norm(xyzw, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _eye_xyzw(yaw_pitch_deg: Float64) -> Float32:
    """(T, 4) quaternions of R_y(yaw) · R_x(-pitch)."""
    yaw, pitch = np.radians(yaw_pitch_deg.T) / 2.0
    cy, sy, cx, sx = np.cos(yaw), np.sin(yaw), np.cos(pitch), -np.sin(pitch)
    return _unit(np.stack([cy * sx, sy * cx, -sy * sx, cy * cx], axis=1))

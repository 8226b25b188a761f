"""What the take editor shows: curves as one binary answer, and why the character looks as it does in a frame.

Curves, little-endian: uint32 length N of a JSON text, the text (padded with blanks, so that what follows begins at a
multiple of 8), then arrays one after the other as the text lists them:
{"rows": T, "arrays": [[name, columns, "f8" or "f4"], ...]}, each (T, columns).
"""

from __future__ import annotations

import json
import math
import struct
from itertools import islice
from pathlib import Path

import numpy as np

from mien.action_units.facs import unit_rules
from mien.action_units.reasons import shape_reasons, unit_reasons
from mien.action_units.visibility import region_of_shape
from mien.animate.edits import edited
from mien.animate.signal import SHAPES, STILL, signal_of, unknown
from mien.core.arrays import AnyArray, Float32
from mien.core.record import Event, Face, FrameRecord
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.recorder.edited_take import curves_of, read_edits
from mien.sinks.overlay import VIDEO_FILE
from mien.sinks.take_judgement import judged
from mien.sinks.video_segment import facts_of
from mien.studio.rest_messages import FrameWhy, ShapeWhy, TakeDetail, TakeEvent, Track, UnitWhy
from mien.take.reader import Take

_MIRROR_TURN = np.array([1, -1, -1, 1], np.float32)


def detail(name: str, take: Take) -> TakeDetail:
    """What there is to know of a take before its curves."""
    first, last, size = None, 0, None
    counts: dict[int, int] = {}
    events: list[Event] = []
    for record in take.records():
        first = record.stamp.t_ns if first is None else first
        last, size = record.stamp.t_ns, size or record.size_wh
        events += record.events
        for face in record.faces:
            if face.track_id is not None:
                counts[face.track_id] = counts.get(face.track_id, 0) + 1
    video = take.path.parent / VIDEO_FILE
    judgement = judged(take)
    return TakeDetail(
        name=name,
        source=take.header.source.name,
        created_utc=take.header.created_utc,
        state=take.summary.state,
        frames=len(take),
        first_ns=first or 0,
        last_ns=last,
        size_wh=size,
        pixels=take.header.pixels,
        tracks=[Track(track_id=t, frames=n) for t, n in sorted(counts.items(), key=lambda i: (-i[1], i[0]))],
        events=[
            TakeEvent(
                kind=e.kind,
                track_id=e.track_id,
                onset_ns=e.onset_ns,
                apex_ns=e.apex_ns,
                offset_ns=e.offset_ns,
                confidence=e.confidence,
                action_units=list(e.action_units),
                emotion=e.emotion,
            )
            for e in events
        ],
        video=video.is_file(),
        video_picture=_picture_wh(video),
        notes=[*judgement.warnings, *take.summary.warnings],
    )


def _picture_wh(video: Path) -> tuple[int, int] | None:
    known = facts_of(video).get("picture_wh") if video.is_file() else None
    return (int(known[0]), int(known[1])) if isinstance(known, list) and len(known) == 2 else None


def curves(take: Take, track_id: int) -> bytes:
    """The curves of a track, before and after its edits; see the module. Every array has one row a frame of the take.

    "t_s" seconds from the first frame; "raw" and "edited" (T, 52), edited NaN where trimmed; "confidence" (T, 52);
    "units" (T, U); "turns" (T, 12) head, left and right eye x y z w, after the edits.
    """
    raw = curves_of(take, track_id)
    after = edited(raw, read_edits(take).current, track_id)
    units, sure, turns = _rows(take, track_id, len(raw.t_ns))
    weights = np.where(after.kept[:, None], after.weights, np.float32(np.nan))
    if after.mirrored:
        turns = np.concatenate([turns[:, :4], turns[:, 8:], turns[:, 4:8]], axis=1) * np.tile(_MIRROR_TURN, 3)
    start = raw.t_ns[0] if len(raw.t_ns) else 0
    return _packed(
        {
            "t_s": ((raw.t_ns - start) / 1e9)[:, None],
            "raw": raw.weights,
            "edited": weights,
            "confidence": sure,
            "units": units,
            "turns": turns,
        }
    )


def _rows(take: Take, track_id: int, count: int) -> tuple[Float32, Float32, Float32]:
    units = np.full((count, len(load_schema("facs"))), np.nan, np.float32)
    sure = np.zeros((count, len(SHAPES)), np.float32)
    turns = np.tile(STILL, (count, 3)).astype(np.float32)
    last = [STILL, STILL, STILL]
    for row, record in enumerate(take.records()):
        face = _face(record, track_id)
        if face is not None:
            if face.action_units is not None:
                units[row] = face.action_units.values
            if face.blendshapes is not None:
                sure[row] = face.blendshapes.confidence
            signal = signal_of(record, face)
            now = (signal.head_xyzw, signal.left_eye_xyzw, signal.right_eye_xyzw)
            last = [n if np.isfinite(n).all() else b for n, b in zip(now, last, strict=True)]
        turns[row] = np.concatenate(last)
    return units, sure, turns


def _packed(arrays: dict[str, AnyArray]) -> bytes:
    rows = len(next(iter(arrays.values())))
    kinds = {name: "f8" if name == "t_s" else "f4" for name in arrays}
    head = json.dumps({"rows": rows, "arrays": [[n, a.shape[1], kinds[n]] for n, a in arrays.items()]}).encode()
    head += b" " * (-(len(head) + 4) % 8)
    body = [np.ascontiguousarray(a, f"<{kinds[n]}").tobytes() for n, a in arrays.items()]
    return b"".join([struct.pack("<I", len(head)), head, *body])


def _face(record: FrameRecord, track_id: int) -> Face | None:
    return next((f for f in record.faces if f.track_id == track_id), None)


def why(take: Take, track_id: int, index: int) -> FrameWhy:
    """What a frame shows, and where it comes from.

    Raises:
        RequestError: the take has no such frame.
    """
    record = next(islice(take.records(), index, index + 1), None)
    if index < 0 or record is None:
        raise RequestError(f"the take has {len(take)} frames; there is no frame {index}")
    after = edited(curves_of(take, track_id), read_edits(take).current, track_id)
    face = _face(record, track_id)
    if face is None:
        return FrameWhy(
            index=index, t_ns=record.stamp.t_ns, found=False, shapes=[], units=[], points=[], yaw_pitch_roll_deg=None
        )
    pose, landmarks = face.head_pose, face.landmarks
    points = [] if landmarks is None else np.column_stack([landmarks.xy, landmarks.confidence]).tolist()
    return FrameWhy(
        index=index,
        t_ns=record.stamp.t_ns,
        found=True,
        shapes=_shapes(face, after.weights[index] if after.kept[index] else unknown(52)),
        units=_units(face),
        points=[p for p in points if all(map(math.isfinite, p))],
        yaw_pitch_roll_deg=None if pose is None else tuple(pose.yaw_pitch_roll_deg.tolist()),
    )


def _shapes(face: Face, after: Float32) -> list[ShapeWhy]:
    reasons = shape_reasons(face)
    raw = unknown(52) if face.blendshapes is None else face.blendshapes.values
    sure = np.zeros(52) if face.blendshapes is None else face.blendshapes.confidence
    out = []
    for k, name in enumerate(SHAPES.names):
        region = list(region_of_shape(name))
        seen = None if face.landmarks is None else float(np.mean(face.landmarks.confidence[region]))
        out.append(
            ShapeWhy(
                shape=name,
                raw=_known(raw[k]),
                edited=_known(after[k]),
                confidence=float(sure[k]),
                reason=reasons.get(name),
                part=_part(name),
                part_confidence=seen,
            )
        )
    return out


def _part(shape: str) -> str:
    side = next((s for s in ("Left", "Right") if shape.endswith(s)), "")
    if shape.startswith("brow"):
        return f"{side.lower()} brow" if side else "brows"
    if shape.startswith(("eye", "cheekSquint")):
        return f"{side.lower()} eye"
    return "nose" if shape.startswith("nose") else "jaw and lips" if shape.startswith(("jaw", "cheekPuff")) else "lips"


def _units(face: Face) -> list[UnitWhy]:
    reasons = unit_reasons(face)
    units = face.action_units
    return [
        UnitWhy(
            unit=rule.name,
            value=None if units is None else _known(units.values[k]),
            confidence=0.0 if units is None else float(units.confidence[k]),
            reason=reasons.get(rule.name),
            shapes=[SHAPES.names[s] for s in rule.shapes],
        )
        for k, rule in enumerate(unit_rules())
    ]


def _known(value: float | np.floating[np.typing.NBitBase]) -> float | None:
    return float(value) if math.isfinite(value) else None

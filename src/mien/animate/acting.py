"""Generated performances as records: a face of its own before an imagined camera, or laid over a recorded one.

Action units are read from the shapes by the same table that reads captured faces, so that both agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mien.action_units.facs import action_units
from mien.action_units.visibility import look_shapes
from mien.animate.generate import Generated
from mien.core.arrays import Float32, Float64
from mien.core.geometry import rotation_from_euler
from mien.core.measures import ActionUnits, Blendshapes, Box, Gaze, HeadPose
from mien.core.record import Event, Face, FrameRecord, Stamp
from mien.core.schema import load_schema

SIZE_WH = (1280, 720)
"""Of the imagined camera, whose focal length is its width."""
TRACK_ID = 1
_AWAY_MM = 620.0
_FACE_MM = (150.0, 190.0)
_ARKIT, _FACS = load_schema("arkit52"), load_schema("facs")
_EXCLUSIVE = (("mouthSmileLeft", "mouthFrownLeft"), ("mouthSmileRight", "mouthFrownRight"), ("jawLeft", "jawRight"))
_LIP_GAP = {
    "jawOpen": 0.213,
    "mouthClose": -0.212,
    "mouthFunnel": 0.103,
    "tongueOut": 0.091,
    "mouthLowerDownLeft": 0.033,
    "mouthLowerDownRight": 0.033,
    "mouthUpperUpLeft": 0.027,
    "mouthUpperUpRight": 0.027,
    "mouthRollLower": -0.027,
    "mouthRollUpper": -0.024,
    "noseSneerLeft": 0.01,
    "noseSneerRight": 0.01,
}
"""Height of the opening between the lips of the built-in character at full weight, in units of the distance between its
outer eye corners: what AU25 is read from."""


def records(made: Generated, name: str) -> Iterator[FrameRecord]:
    """One record per frame; an event stands at the first frame behind its offset, or at the last one."""
    waiting = list(made.events)
    last = len(made) - 1
    for i, t_ns in enumerate(made.t_ns.tolist()):
        ended = [e for e in waiting if e.offset_ns <= t_ns or i == last]
        waiting = [e for e in waiting if e not in ended]
        yield FrameRecord(Stamp(name, i, t_ns), SIZE_WH, faces=(_face(made, i),), events=tuple(ended))


def laid_over(take: Sequence[FrameRecord], made: Generated, track_id: int) -> Iterator[FrameRecord]:
    """The records of a take with the acts laid over one face; T records, T frames.

    Shapes add up without passing 1; of a smile over a frown the difference is left. A shape that was not measured (NaN)
    becomes what the act makes it while the act lasts, else stays NaN. Action units that are read from shapes are read
    anew where the act moves them. Head, eyes, points and the face's own blinks are those of the take.
    """
    waiting = list(made.events)
    for i, record in enumerate(take):
        t_ns = int(made.t_ns[i])
        ended = [e for e in waiting if e.offset_ns <= t_ns or i == len(made) - 1]
        waiting = [e for e in waiting if e not in ended]
        shift = record.stamp.t_ns - t_ns
        events = tuple(_shifted(e, shift, track_id) for e in ended)
        faces = tuple(_over(f, made.weights[i]) if (f.track_id or 0) == track_id else f for f in record.faces)
        yield replace(record, faces=faces, events=(*record.events, *events))


def _face(made: Generated, i: int) -> Face:
    gaze = Gaze(made.gaze_deg[i, 0], made.gaze_deg[i, 1], np.ones(2, np.float32))
    weights = made.weights[i].copy()
    looks, _ = look_shapes(gaze)
    seen = np.isfinite(looks)
    weights[seen] = looks[seen]
    shapes = Blendshapes.of(weights, np.ones(len(weights), np.float32))
    place = made.head_mm[i] + np.array([0.0, 0.0, _AWAY_MM], np.float32)
    rotation = rotation_from_euler(*(float(v) for v in made.head_deg[i])).astype(np.float32)
    pose = HeadPose(rotation, place, 0.0, 1.0)
    return Face(
        _box(place),
        TRACK_ID,
        head_pose=pose,
        gaze=gaze,
        action_units=units_of(shapes),
        blendshapes=shapes,
    )


def units_of(shapes: Blendshapes) -> ActionUnits:
    """What a reader of captured faces would read from these shapes."""
    return action_units(shapes, {"lip_gap": (max(float(_gap_row() @ np.nan_to_num(shapes.values)), 0.0), 1.0)})


def _gap_row() -> Float64:
    row = np.zeros(len(_ARKIT))
    for name, gap in _LIP_GAP.items():
        row[_ARKIT.index(name)] = gap
    return row


def _box(place_mm: Float32) -> Box:
    scale = SIZE_WH[0] / float(place_mm[2])
    x = (SIZE_WH[0] - 1) / 2 + scale * float(place_mm[0])
    y = (SIZE_WH[1] - 1) / 2 + scale * (float(place_mm[1]) + 30.0)
    w, h = (scale * side / 2 for side in _FACE_MM)
    return Box(np.array([x - w, y - h, x + w, y + h], np.float32), 1.0)


def _over(face: Face, added: Float32) -> Face:
    """The face with shapes laid over."""
    moved = added > 1e-4
    if not moved.any():
        return face
    before = face.blendshapes
    old = np.full(len(added), np.nan, np.float32) if before is None else before.values
    out = 1.0 - (1.0 - np.nan_to_num(old)) * (1.0 - added)
    for one, other in _EXCLUSIVE:
        i, j = _ARKIT.index(one), _ARKIT.index(other)
        common = min(out[i], out[j]) if moved[i] or moved[j] else 0.0
        out[[i, j]] -= common
    unknown = np.isnan(old) & ~moved
    sure = np.zeros(len(added), np.float32) if before is None else before.confidence
    shapes = Blendshapes.of(np.where(unknown, np.nan, out), np.where(moved, np.maximum(sure, 0.5), sure))
    return replace(face, blendshapes=shapes, action_units=_units_over(face, shapes))


def _units_over(face: Face, shapes: Blendshapes) -> ActionUnits:
    read = units_of(shapes)
    if face.action_units is None:
        return read
    old, new = face.action_units.values, read.values
    gap = _FACS.index("AU25")  # measured from the picture's lips there, estimated here
    keep = np.isnan(new)
    keep[gap] = not new[gap] > old[gap]
    return ActionUnits.of(np.where(keep, old, new), np.where(keep, face.action_units.confidence, read.confidence))


def _shifted(event: Event, by_ns: int, track_id: int) -> Event:
    times = (event.onset_ns + by_ns, event.apex_ns + by_ns, event.offset_ns + by_ns)
    return Event(event.kind, track_id, *times, event.confidence, event.action_units, event.emotion)

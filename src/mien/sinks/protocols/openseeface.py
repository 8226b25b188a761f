"""OpenSeeFace's UDP records (1785 bytes per face, port 11573), which VSeeFace and others read.

What it carries is not what Mien measures: 66 landmarks and two pupils (taken from the 98), head rotation, how open the
eyes are, and 14 features, which are made from the shapes here. The 3-D points are zero but for pupils and eyeball
centres, from which receivers compute the gaze; their scale is arbitrary. OpenSeeFace computes its pose in an image
whose rows and columns are exchanged. Rotations are written so that its Unity example, with its stated conversions,
turns as the subject does; this was derived by reading and not tried against a receiver.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
from pydantic import Field

from mien.animate.signal import SHAPES, FaceSignal
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.landmarks.metric_face import load_metric_face
from mien.pipeline import stage
from mien.sinks.protocols.packets import BadPacket, WallClock, checked, known, wall_clock
from mien.sinks.protocols.vmc import mirrored

PORT = 11573
SIZE = 1785
_RECORD = struct.Struct("<di4fBf4f3f3f68f136f210f14f")
_FRONT = struct.Struct("<di4fBf4f3f3f")
"""The record up to its points, which are plain float32."""
_INNER_CORNERS = (60, 64)
"""Of the 68 points, those that OpenSeeFace does not have."""
_WFLW = load_schema("wflw98")
POINTS = tuple(p for i, p in enumerate(_WFLW.groups["ibug68"]) if i not in _INNER_CORNERS) + _WFLW.groups["pupils"]
"""68 indices of "wflw98": OpenSeeFace's 66 landmarks, right and left pupil."""
_ROWS = np.array(POINTS)
_HALF = float(np.sqrt(0.5))


class Options(stage.Options):
    """Options of OpenSeeFace."""

    mirror: bool = Field(default=False, description="turn yaw and roll round, as a mirror would")


class OpenSeeFaceEncoder:
    """Signals → one record each."""

    def __init__(self, options: Options | None = None, clock: WallClock | None = None) -> None:
        self._options = options or Options()
        self._clock = clock or wall_clock()

    def encode(self, signal: FaceSignal) -> list[bytes]:
        weight = dict(zip(SHAPES.names, signal.shares, strict=True))
        xyzw, (yaw, pitch, roll) = signal.turns[0], signal.angles[0]
        if self._options.mirror:
            xyzw, yaw, roll = (xyzw[0], -xyzw[1], -xyzw[2], xyzw[3]), -yaw, -roll
        x, y, z = (known(v) / 10 for v in signal.head_mm.tolist())
        rest = np.zeros(68 + 136 + 210 + 14, "<f4")
        if signal.points_xy is not None and signal.points_confidence is not None:
            rest[:68] = signal.points_confidence[_ROWS]
            rest[68:204] = signal.points_xy[_ROWS].ravel()
            rest[rest != rest] = 0
        if signal.found:
            rest[402:414] = _eyes_3d(signal)
        rest[414:] = _features(weight)
        return [
            _FRONT.pack(
                self._clock(signal.t_ns),
                signal.track_id,
                float(signal.size_wh[0]),
                float(signal.size_wh[1]),
                1 - weight["eyeBlinkRight"],
                1 - weight["eyeBlinkLeft"],
                int(signal.found),
                0.0,
                *raw_quaternion(xyzw),
                (pitch - 180) % 360,
                -yaw,
                90 - roll,
                y,
                x,
                z,
            )
            + rest.tobytes()
        ]


class OpenSeeFaceDecoder:
    """Records → signals. Of the shapes only blinks and the open mouth are known afterwards."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def decode(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        if not data or len(data) % SIZE:
            raise BadPacket("not a multiple of 1785 bytes")
        return [self._signal(values, t_ns) for values in _RECORD.iter_unpack(data)]

    def _signal(self, v: tuple[float, ...], t_ns: int) -> FaceSignal:
        numbers = checked(v[2:], "a value", 1e7)
        face_id, success = int(v[1]), v[6]
        if success not in (0, 1):
            raise BadPacket("neither found nor lost")
        weights = np.full(52, np.nan, np.float32)
        for name, value in (("Right", v[4]), ("Left", v[5])):
            weights[SHAPES.index(f"eyeBlink{name}")] = min(max(1 - value, 0.0), 1.0)
        weights[SHAPES.index("jawOpen")] = min(max(numbers[-2], 0.0), 1.0)
        points, confidence = np.full((98, 2), np.nan, np.float32), np.zeros(98, np.float32)
        points[list(POINTS)] = np.array(v[86:222], np.float32).reshape(68, 2)
        confidence[list(POINTS)] = np.clip(v[18:86], 0, 1)
        head = head_of_raw(v[8:12])
        if self._options.mirror:
            head = np.array([head[0], -head[1], -head[2], head[3]], np.float32)
        return FaceSignal(
            t_ns,
            face_id,
            bool(success),
            weights=weights,
            head_xyzw=head,
            head_mm=np.array([v[16], v[15], v[17]], np.float32) * 10,
            size_wh=(int(max(v[2], 0)), int(max(v[3], 0))),
            points_xy=points,
            points_confidence=confidence,
        )


def raw_quaternion(xyzw: Iterable[float]) -> tuple[float, float, float, float]:
    """The raw quaternion of a head turn.

    The Unity example takes (-y, -x, z, w) of it and calls a quarter turn about z straight ahead.
    """
    x, y, z, w = mirrored(xyzw)
    # (x, y, z, w) · quarter turn about z
    cx, cy, cz, cw = _HALF * (x + y), _HALF * (y - x), _HALF * (z + w), _HALF * (w - z)
    return -cy, -cx, cz, cw


def head_of_raw(raw: tuple[float, ...]) -> Float32:
    """The inverse of `raw_quaternion`.

    Raises:
        BadPacket: it is no rotation.
    """
    length = float(np.linalg.norm(raw))
    if not 0.5 < length < 2.0:
        raise BadPacket("no rotation")
    rx, ry, rz, rw = (v / length for v in raw)
    cx, cy, cz, cw = -ry, -rx, rz, rw
    turned = (_HALF * (cx - cy), _HALF * (cx + cy), _HALF * (cz - cw), _HALF * (cz + cw))
    q = np.array(mirrored(np.array(turned, np.float32)), np.float32)
    return q if q[3] >= 0 else -q


def _eyes_3d(signal: FaceSignal) -> list[float]:
    """The last four of the 70 points in space, of which no others are sent: pupils (right, left) and eyeball centres
    (right, left), cm; stored as (x, -y, -z)."""
    face = load_metric_face()
    x, y, z = (float(v) / 10 for v in face.left_eye_mm)
    radius = face.eye_radius_mm / 10
    pupils: list[float] = []
    centres: list[float] = []
    _, left, right = signal.turns
    for centre, (a, b, c, d) in (((-x, y, z), right), ((x, y, z), left)):
        forward = (2 * (a * c + b * d), 2 * (b * c - a * d), 1 - 2 * (a * a + b * b))
        pupils += [p + radius * f for p, f in zip(centre, forward, strict=True)]
        centres += centre
    signs = (1, -1, -1)
    return [v * signs[i % 3] for i, v in enumerate(pupils + centres)]


def _features(w: dict[str, float]) -> list[float]:
    """The 14 features, about -1 to 1, from the shapes. "Quirk" and "steepness" of the brows are the differences between
    their ends."""
    eyes = [w[f"eyeWide{s}"] - w[f"eyeBlink{s}"] for s in ("Left", "Right")]
    brows = []
    for s in ("Left", "Right"):
        inner, outer, down = w["browInnerUp"], w[f"browOuterUp{s}"], w[f"browDown{s}"]
        brows += [outer - inner, (inner + outer) / 2 - down, outer - inner]
    corners = []
    for s in ("Left", "Right"):
        corners += [w[f"mouthSmile{s}"] - w[f"mouthFrown{s}"], w[f"mouthStretch{s}"] - w["mouthPucker"]]
    wide = (w["mouthStretchLeft"] + w["mouthStretchRight"]) / 2 - w["mouthPucker"]
    return [*eyes, *brows, *corners, w["jawOpen"], wide]

"""What one face does at one moment: what is sent to other programs, and what comes from them.

A protocol carries only some of it; what it does not carry is NaN when it arrives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mien.core.arrays import Float32
from mien.core.geometry import apparent_rotation, local_rotation, quaternion_from_rotation
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema

SHAPES = load_schema("arkit52")
STILL: Float32 = np.array([0, 0, 0, 1], np.float32)
"""The quaternion that turns nothing."""
STILL.flags.writeable = False


def unknown(count: int) -> Float32:
    """(count,) NaN: 3 for a place, 4 for a turn, 52 for weights."""
    return np.full(count, np.nan, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FaceSignal:
    """One face at one moment.

    Attributes:
        t_ns: when it was captured; the host's monotonic clock while live.
        track_id: whose.
        found: False = the face is not seen now; the rest is what was last known.
        weights: (52,) float32, 0–1, schema "arkit52"; NaN = not measured or not carried.
        head_xyzw: (4,) float32 unit quaternion, turn of the head relative to the line of sight, head frame
            (glTF: x to the subject's left, y up, z forward); NaN = not known.
        left_eye_xyzw, right_eye_xyzw: (4,) float32, turns of the eyes relative to the head.
        head_mm: (3,) float32, head origin in the camera frame (x right, y down, z into the scene); NaN = not known.
        size_wh: of the picture, px; (0, 0) = there is none.
        points_xy: (98, 2) float32, px, schema "wflw98"; NaN = not known; None = no landmarks.
        points_confidence: (98,) float32, 0–1; None = no landmarks.
    """

    t_ns: int
    track_id: int = 0
    found: bool = True
    weights: Float32 = field(default_factory=lambda: unknown(52))
    head_xyzw: Float32 = field(default_factory=lambda: unknown(4))
    left_eye_xyzw: Float32 = field(default_factory=lambda: unknown(4))
    right_eye_xyzw: Float32 = field(default_factory=lambda: unknown(4))
    head_mm: Float32 = field(default_factory=lambda: unknown(3))
    size_wh: tuple[int, int] = (0, 0)
    points_xy: Float32 | None = None
    points_confidence: Float32 | None = None
    _once: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def shares(self) -> list[float]:
        """The 52 weights for a wire: 0–1, what is not known is 0. One list for everyone who asks: do not change it.

        Worked out once and in plain Python: the first NumPy call behind a pause costs more than the rest of a packet.
        """
        kept: list[float] | None = self._once.get("shares")
        if kept is None:
            kept = self._once["shares"] = [min(v, 1.0) if v > 0.0 else 0.0 for v in self.weights.tolist()]
        return kept

    @property
    def turns(self) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """The quaternions of head, left and right eye as numbers; what is not known turns nothing."""
        kept: tuple[tuple[float, ...], ...] | None = self._once.get("turns")
        if kept is None:
            three = (self.head_xyzw, self.left_eye_xyzw, self.right_eye_xyzw)
            kept = self._once["turns"] = tuple(_turn_or_none(q.tolist()) for q in three)
        return kept[0], kept[1], kept[2]

    @property
    def angles(self) -> tuple[tuple[float, float, float], ...]:
        """Yaw, pitch and roll in degrees of head, left and right eye (`angles_deg`); what is not known is 0."""
        kept: tuple[tuple[float, float, float], ...] | None = self._once.get("angles")
        if kept is None:
            kept = self._once["angles"] = tuple(angles_deg(q) for q in self.turns)
        return kept


def _turn_or_none(xyzw: list[float]) -> tuple[float, ...]:
    return tuple(xyzw) if xyzw[3] == xyzw[3] else (0.0, 0.0, 0.0, 1.0)


def signal_of(record: FrameRecord, face: Face) -> FaceSignal:
    """The signal of a face of a finished record: as measured, nothing held or smoothed."""
    weights = unknown(52) if face.blendshapes is None else np.clip(face.blendshapes.values, 0, 1)
    head, place = unknown(4), unknown(3)
    if face.head_pose is not None:
        place = face.head_pose.translation_mm
        if np.isfinite(face.head_pose.rotation).all():
            head = quaternion_from_rotation(apparent_rotation(face.head_pose.rotation, place))
    left = right = unknown(4)
    if face.gaze is not None:
        left, right = (_eye(a) for a in (face.gaze.left_yaw_pitch_deg, face.gaze.right_yaw_pitch_deg))
    points = face.landmarks if face.landmarks is not None and face.landmarks.schema.name == "wflw98" else None
    return FaceSignal(
        t_ns=record.stamp.t_ns,
        track_id=face.track_id or 0,
        weights=weights,
        head_xyzw=head,
        left_eye_xyzw=left,
        right_eye_xyzw=right,
        head_mm=place,
        size_wh=record.size_wh,
        points_xy=None if points is None else points.xy,
        points_confidence=None if points is None else points.confidence,
    )


def _eye(yaw_pitch_deg: Float32) -> Float32:
    if not np.isfinite(yaw_pitch_deg).all():
        return unknown(4)
    return quaternion_from_rotation(local_rotation(float(yaw_pitch_deg[0]), float(yaw_pitch_deg[1])))


def angles_deg(xyzw: Sequence[float] | Float32) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees of a unit quaternion (`core.geometry`: R_y(yaw) · R_x(-pitch) · R_z(roll))."""
    x, y, z, w = xyzw if isinstance(xyzw, tuple) else map(float, xyzw)
    yaw = math.atan2(2 * (x * z + y * w), 1 - 2 * (x * x + y * y))
    pitch = math.asin(max(-1.0, min(1.0, 2 * (y * z - x * w))))
    roll = math.atan2(2 * (x * y + z * w), 1 - 2 * (x * x + z * z))
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def turn_of(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> Float32:
    """(4,) unit quaternion with w >= 0 of yaw, pitch and roll: the inverse of `angles_deg`."""
    a, b, c = (math.radians(v) / 2 for v in (yaw_deg, -pitch_deg, roll_deg))
    (sy, cy), (sx, cx), (sz, cz) = ((math.sin(v), math.cos(v)) for v in (a, b, c))
    # The product of the quaternions about y, x and z, in this order.
    q = np.array(
        [
            cy * sx * cz + sy * cx * sz,
            sy * cx * cz - cy * sx * sz,
            cy * cx * sz - sy * sx * cz,
            cy * cx * cz + sy * sx * sz,
        ]
    )
    unit: Float32 = (q if q[3] >= 0 else -q).astype(np.float32)
    return unit

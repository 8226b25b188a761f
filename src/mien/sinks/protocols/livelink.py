"""Live Link Face's UDP packet, version 6: 61 values per frame to Unreal's Live Link, port 11111.

The signs of the eyes are those of real recordings; those of the head are not documented and can be turned round, as in
the CSV (`exporters.livelink_csv`). A face that is not seen is a packet that ends before its values.
"""

from __future__ import annotations

import math
import struct
import time
import uuid

import numpy as np
from pydantic import Field

from mien.animate.signal import FaceSignal, turn_of
from mien.core.arrays import Float32
from mien.pipeline import stage
from mien.sinks.exporters.livelink_csv import Sign
from mien.sinks.protocols.packets import BadPacket, WallClock, checked, wall_clock

PORT = 11111
VERSION = 6
VALUES = 61
_LONGEST_NAME = 256


class Options(stage.Options):
    """Options of Live Link in both directions."""

    subject: str = Field(default="Mien", min_length=1, max_length=64, description="name of the Live Link subject")
    fps: int = Field(default=60, ge=1, le=240, description="base of the time code")
    device: str = Field(default="", max_length=64, description="device id; empty = one made for this machine")
    head_yaw_sign: Sign = Field(default=-1, description="-1: HeadYaw + = to the subject's right")
    head_pitch_sign: Sign = Field(default=-1, description="-1: HeadPitch + = down")
    head_roll_sign: Sign = Field(default=1, description="1: HeadRoll + = to the subject's right shoulder")
    eye_yaw_sign: Sign = Field(default=-1, description="-1: eye yaw + = to the subject's right, as in the app")
    eye_pitch_sign: Sign = Field(default=-1, description="-1: eye pitch + = down, as in the app")


class LiveLinkEncoder:
    """Signals → packets.

    Args:
        options: see `Options`.
        clock: monotonic ns → Unix seconds.
    """

    def __init__(self, options: Options | None = None, clock: WallClock | None = None) -> None:
        self._options = options or Options()
        self._clock = clock or wall_clock()
        device = self._options.device or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"mien-{uuid.getnode()}")).upper()
        self._head = bytes([VERSION]) + _sized(device) + _sized(self._options.subject)

    def encode(self, signal: FaceSignal) -> list[bytes]:
        o = self._options
        local = time.localtime(seconds := self._clock(signal.t_ns))
        since_midnight = local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec + seconds % 1
        sub, frame = math.modf(since_midnight * o.fps)
        # As float32 a sub-frame of almost 1 would be 1.
        stamp = struct.pack(">ifii", int(frame), min(sub, 0.999999), o.fps, 1)
        if not signal.found:
            return [self._head + stamp]
        head, eye = (o.head_yaw_sign, o.head_pitch_sign, o.head_roll_sign), (o.eye_yaw_sign, o.eye_pitch_sign, 1)
        turns = [
            math.radians(angle) * sign
            for angles, signs in zip(signal.angles, (head, eye, eye), strict=True)
            for angle, sign in zip(angles, signs, strict=True)
        ]
        return [self._head + stamp + bytes([VALUES]) + struct.pack(">61f", *signal.shares, *turns)]


class LiveLinkDecoder:
    """Packets → signals; subjects become track ids in the order in which they appear (at most 64)."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._subjects: dict[bytes, int] = {}

    def decode(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        o = self._options
        if not data or data[0] != VERSION:
            raise BadPacket("no Live Link packet of version 6")
        _, at = _text(data, 1)
        subject, at = _text(data, at)
        if len(self._subjects) >= 64 and subject not in self._subjects:
            raise BadPacket("too many subjects")
        if len(data) < at + 16:
            raise BadPacket("cut off")
        _, sub, rate, base = struct.unpack_from(">ifii", data, at)
        if not 0 <= sub <= 1 or rate <= 0 or base <= 0:
            raise BadPacket("wrong time code")
        rest = data[at + 16 :]
        track_id = self._subjects.setdefault(subject, len(self._subjects))
        if not rest:
            return [FaceSignal(t_ns, track_id, found=False)]
        if rest[0] != VALUES or len(rest) != 1 + 4 * VALUES:
            raise BadPacket("not 61 values")
        values = checked(struct.unpack_from(">61f", rest, 1), "a value", 100.0)
        return [
            FaceSignal(
                t_ns,
                track_id,
                weights=np.clip(np.array(values[:52], np.float32), 0, 1),
                head_xyzw=_turn(values[52:55], (o.head_yaw_sign, o.head_pitch_sign, o.head_roll_sign)),
                left_eye_xyzw=_turn(values[55:58], (o.eye_yaw_sign, o.eye_pitch_sign, 1)),
                right_eye_xyzw=_turn(values[58:61], (o.eye_yaw_sign, o.eye_pitch_sign, 1)),
            )
        ]


def _sized(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack(">i", len(data)) + data


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    size = int.from_bytes(data[at : at + 4], "big", signed=True)
    if len(data) < at + 4 or not 0 < size <= _LONGEST_NAME or len(data) < at + 4 + size:
        raise BadPacket("cut off")
    return data[at + 4 : at + 4 + size], at + 4 + size


def _turn(radians: list[float], signs: tuple[int, int, int]) -> Float32:
    return turn_of(*(math.degrees(a) * s for a, s in zip(radians, signs, strict=True)))

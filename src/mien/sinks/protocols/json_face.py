"""Plain JSON, one text per face and frame: for one's own programs, over a WebSocket.

    {"type": "face", "version": 1, "t_ns": 12, "track_id": 0, "found": true, "weights": {"jawOpen": 0.25, ...},
     "head_xyzw": [0, 0, 0, 1], "left_eye_xyzw": null, "right_eye_xyzw": null, "head_mm": [1.5, 0, 600]}

Weights that are not known are left out; turns and places that are not known are null. Conventions are Mien's own
(docs/conventions.md); `t_ns` is the sender's monotonic clock.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mien.animate.signal import SHAPES, FaceSignal
from mien.core.arrays import Float32
from mien.pipeline import stage
from mien.sinks.protocols.packets import BadPacket, checked

PORT = 8765


class Options(stage.Options):
    """There is nothing to choose."""


class JsonEncoder:
    """Signals → one text each."""

    def __init__(self, options: Options | None = None) -> None:
        self._names = SHAPES.names

    def encode(self, signal: FaceSignal) -> list[bytes]:
        weights = zip(self._names, signal.weights.tolist(), strict=True)
        table = {
            "type": "face",
            "version": 1,
            "t_ns": signal.t_ns,
            "track_id": signal.track_id,
            "found": signal.found,
            "weights": {n: round(v, 5) for n, v in weights if v == v},
            "head_xyzw": _listed(signal.head_xyzw),
            "left_eye_xyzw": _listed(signal.left_eye_xyzw),
            "right_eye_xyzw": _listed(signal.right_eye_xyzw),
            "head_mm": _listed(signal.head_mm),
        }
        return [json.dumps(table, separators=(",", ":"), allow_nan=False).encode()]


class JsonDecoder:
    """Texts → signals. Unknown keys and shapes are ignored; the signal's time is that of arrival."""

    def __init__(self, options: Options | None = None) -> None:
        pass

    def decode(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        table = parsed_object(data)
        if table.get("type") != "face" or table.get("version") != 1:
            raise BadPacket("no face of version 1")
        weights, track_id = table.get("weights"), table.get("track_id", 0)
        if not isinstance(weights, dict) or not isinstance(track_id, int) or not -1 <= track_id < 2**31:
            raise BadPacket("wrong kinds")
        values = np.full(52, np.nan, np.float32)
        for name, value in weights.items():
            if name in SHAPES:
                values[SHAPES.index(name)] = np.clip(numbers([value], 1)[0], 0, 1)
        head, left, right = (_turn(table.get(k)) for k in ("head_xyzw", "left_eye_xyzw", "right_eye_xyzw"))
        place = table.get("head_mm")
        return [
            FaceSignal(
                t_ns,
                track_id,
                table.get("found") is True,
                values,
                head,
                left,
                right,
                np.full(3, np.nan, np.float32) if place is None else np.array(numbers(place, 3), np.float32),
            )
        ]


def parsed_object(data: bytes) -> dict[str, Any]:
    """The JSON object of a text.

    Raises:
        BadPacket: it is none.
    """
    try:
        table = json.loads(data)
    except (ValueError, RecursionError):
        raise BadPacket("no JSON") from None
    if not isinstance(table, dict):
        raise BadPacket("no JSON object")
    return table


def numbers(values: Any, count: int) -> list[float]:
    """`count` finite numbers of a JSON list.

    Raises:
        BadPacket: it is no such list.
    """
    if not isinstance(values, list) or len(values) != count:
        raise BadPacket("wrong number of values")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise BadPacket("a value is no number")
    try:
        return checked((float(v) for v in values), "a value", 1e7)
    except OverflowError:
        raise BadPacket("a value is no number") from None


def _listed(values: Float32) -> list[float] | None:
    out = [round(v, 6) for v in values.tolist()]
    return out if all(v == v for v in out) else None


def _turn(values: Any) -> Float32:
    if values is None:
        return np.full(4, np.nan, np.float32)
    q = np.array(numbers(values, 4), np.float32)
    length = float(np.linalg.norm(q))
    if not 0.5 < length < 2.0:
        raise BadPacket("no rotation")
    unit: Float32 = q / np.float32(length)
    return unit if unit[3] >= 0 else -unit

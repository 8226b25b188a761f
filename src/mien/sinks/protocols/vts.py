"""VTube Studio: its plug-in API (JSON over a WebSocket, port 8001) as sender, its phone app's raw tracking as receiver.

Messages only; who connects, asks for the token and sends is `sinks.live.vts_client`. By default VTube Studio's own
tracking parameters are injected, which every model maps; `arkit` adds the ARKit shapes as custom parameters (50 of
the 52: two names are taken by its own parameters, which get these values). Signs of the angles are those of its
documentation's pictures as understood here, and options.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from mien.animate.signal import SHAPES, FaceSignal, turn_of
from mien.pipeline import stage
from mien.sinks.exporters.livelink_csv import Sign
from mien.sinks.protocols.json_face import numbers, parsed_object
from mien.sinks.protocols.packets import BY_PLAIN_NAME, BadPacket, known

PORT = 8001
PHONE_PORT = 21412
API = {"apiName": "VTubeStudioPublicAPI", "apiVersion": "1.0"}
PLUGIN = {"pluginName": "Mien face capture", "pluginDeveloper": "Mien"}
TAKEN = frozenset({"TongueOut", "CheekPuff"})
"""ARKit names that are default parameters already: they are injected, never created."""
_NAMES = [n[0].upper() + n[1:] for n in SHAPES.names]
EYE_DEG = 30.0
"""Turn of an eye that is a full EyeLeftX or EyeLeftY."""
MM_PER_UNIT = 20.0
"""Movement of the head that is 1 of FacePositionX, -Y or -Z: the range of ±15 is then ±30 cm."""
REST_MM = 600.0
"""Distance of the face that counts as FacePositionZ 0."""


class Options(stage.Options):
    """Options of VTube Studio."""

    arkit: bool = Field(default=False, description="also create and inject the ARKit shapes as custom parameters")
    yaw_sign: Sign = Field(default=1, description="1: FaceAngleX + = to the subject's left")
    pitch_sign: Sign = Field(default=1, description="1: FaceAngleY + = up")
    roll_sign: Sign = Field(default=1, description="1: FaceAngleZ + = to the subject's right shoulder")
    phone: str = Field(default="", description="as receiver: address of the phone with VTube Studio's app")
    token_file: str = Field(default="", description="where the token is kept; empty = in the user's configuration")


def request(kind: str, data: Mapping[str, Any] | None = None, request_id: str = "mien") -> bytes:
    """One request in VTube Studio's envelope."""
    table: dict[str, Any] = {**API, "requestID": request_id, "messageType": kind}
    if data is not None:
        table["data"] = dict(data)
    return json.dumps(table, separators=(",", ":"), allow_nan=False).encode()


def response(data: bytes) -> tuple[str, dict[str, Any]]:
    """Type and data of an answer.

    Raises:
        BadPacket: it is none of this API.
    """
    table = parsed_object(data)
    kind, inner = table.get("messageType"), table.get("data", {})
    if table.get("apiName") != API["apiName"] or not isinstance(kind, str) or not isinstance(inner, dict):
        raise BadPacket("no VTube Studio message")
    return kind, inner


def custom_parameters() -> list[dict[str, Any]]:
    """`ParameterCreationRequest` data of the ARKit shapes that are not default parameters."""
    return [
        {"parameterName": n, "explanation": "ARKit shape, by Mien", "min": 0.0, "max": 1.0, "defaultValue": 0.0}
        for n in _NAMES
        if n not in TAKEN
    ]


class VtsEncoder:
    """Signals → one `InjectParameterDataRequest` each."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def encode(self, signal: FaceSignal) -> list[bytes]:
        values = self._own(signal)
        if self._options.arkit:
            values |= dict(zip(_NAMES, signal.shares, strict=True))
        data = {
            "faceFound": signal.found,
            "mode": "set",
            "parameterValues": [{"id": n, "value": round(v, 5)} for n, v in values.items()],
        }
        return [request("InjectParameterDataRequest", data)]

    def _own(self, signal: FaceSignal) -> dict[str, float]:
        o = self._options
        w = dict(zip(SHAPES.names, signal.shares, strict=True))
        (yaw, pitch, roll), *eye_angles = signal.angles
        x, y, z = (known(v) for v in signal.head_mm.tolist())
        smile = (w["mouthSmileLeft"] + w["mouthSmileRight"] - w["mouthFrownLeft"] - w["mouthFrownRight"]) / 2
        brows = {s: w["browInnerUp"] / 2 + w[f"browOuterUp{s}"] / 2 - w[f"browDown{s}"] for s in ("Left", "Right")}
        eyes: dict[str, float] = {}
        for s, (eye_yaw, eye_pitch, _) in zip(("Left", "Right"), eye_angles, strict=True):
            eyes[f"Eye{s}X"] = _within(eye_yaw * o.yaw_sign / EYE_DEG, -1, 1)
            eyes[f"Eye{s}Y"] = _within(eye_pitch * o.pitch_sign / EYE_DEG, -1, 1)
            eyes[f"EyeOpen{s}"] = _within(1 - w[f"eyeBlink{s}"], 0, 1)
        return {
            "FaceAngleX": yaw * o.yaw_sign,
            "FaceAngleY": pitch * o.pitch_sign,
            "FaceAngleZ": roll * o.roll_sign,
            "FacePositionX": _within(x * o.yaw_sign / MM_PER_UNIT, -15, 15),
            "FacePositionY": _within(-y / MM_PER_UNIT, -15, 15),
            "FacePositionZ": _within((REST_MM - z) / MM_PER_UNIT, -10, 10) if z else 0.0,
            "MouthSmile": _within(0.5 + smile / 2, 0, 1),
            "MouthOpen": _within(w["jawOpen"] - w["mouthClose"], 0, 1),
            "MouthX": _within(w["mouthLeft"] - w["mouthRight"], -1, 1) * o.yaw_sign,
            "Brows": _within(0.5 + (brows["Left"] + brows["Right"]) / 4, 0, 1),
            "BrowLeftY": _within(0.5 + brows["Left"] / 2, 0, 1),
            "BrowRightY": _within(0.5 + brows["Right"] / 2, 0, 1),
            "TongueOut": w["tongueOut"],
            "CheekPuff": w["cheekPuff"],
            "FaceAngry": _within((w["browDownLeft"] + w["browDownRight"]) / 2, 0, 1),
            **eyes,
        }


class VtsDecoder:
    """`InjectParameterDataRequest`s → signals: the shapes and turns that can be read off them."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def decode(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        o = self._options
        kind, inner = response(data)
        values = inner.get("parameterValues")
        if kind != "InjectParameterDataRequest" or not isinstance(values, list):
            raise BadPacket("no parameters")
        found: dict[str, float] = {}
        for entry in values:
            if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
                raise BadPacket("wrong kinds")
            found[entry["id"]] = numbers([entry.get("value")], 1)[0]
        weights = np.full(52, np.nan, np.float32)
        for name, value in found.items():
            if name.lower() in BY_PLAIN_NAME:
                weights[BY_PLAIN_NAME[name.lower()]] = _within(value, 0, 1)
        for s in ("Left", "Right"):
            blink = SHAPES.index(f"eyeBlink{s}")
            if f"EyeOpen{s}" in found and np.isnan(weights[blink]):
                weights[blink] = _within(1 - found[f"EyeOpen{s}"], 0, 1)
        if "MouthOpen" in found and np.isnan(weights[SHAPES.index("jawOpen")]):
            weights[SHAPES.index("jawOpen")] = _within(found["MouthOpen"], 0, 1)
        head = [found.get(f"FaceAngle{a}", np.nan) for a in "XYZ"]
        eyes = [(found.get(f"Eye{s}X", np.nan), found.get(f"Eye{s}Y", np.nan)) for s in ("Left", "Right")]
        left, right = (turn_of(x * EYE_DEG * o.yaw_sign, y * EYE_DEG * o.pitch_sign) for x, y in eyes)
        return [
            FaceSignal(
                t_ns,
                found=inner.get("faceFound") is not False,
                weights=weights,
                head_xyzw=turn_of(head[0] * o.yaw_sign, head[1] * o.pitch_sign, head[2] * o.roll_sign),
                left_eye_xyzw=left,
                right_eye_xyzw=right,
            )
        ]


def phone_request(port: int, seconds: float = 10.0) -> bytes:
    """What the phone app wants to hear again before `seconds` are over; it then sends to `port`."""
    table = {"messageType": "iOSTrackingDataRequest", "time": seconds, "sentBy": "Mien", "ports": [port]}
    return json.dumps(table, separators=(",", ":")).encode()


class VtsPhoneDecoder:
    """The phone app's raw tracking → signals. Its signs are not documented: x pitch, y yaw, z roll, as options say."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def decode(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        o = self._options
        table = parsed_object(data)
        shapes, found = table.get("BlendShapes"), table.get("FaceFound")
        if not isinstance(shapes, list) or not isinstance(found, bool):
            raise BadPacket("no tracking data")
        weights = np.full(52, np.nan, np.float32)
        for entry in shapes:
            if not isinstance(entry, dict) or not isinstance(entry.get("k"), str):
                raise BadPacket("wrong kinds")
            index = BY_PLAIN_NAME.get(entry["k"].lower().replace("_l", "left").replace("_r", "right"))
            if index is not None:
                weights[index] = _within(numbers([entry.get("v")], 1)[0], 0, 1)
        head, left, right = (_xyz(table.get(k)) for k in ("Rotation", "EyeLeft", "EyeRight"))
        turned = turn_of(head[1] * o.yaw_sign, head[0] * o.pitch_sign, head[2] * o.roll_sign)
        eyes = [turn_of(e[1] * o.yaw_sign, e[0] * o.pitch_sign) for e in (left, right)]
        return [FaceSignal(t_ns, 0, found, weights, turned, eyes[0], eyes[1])]


def _xyz(table: Any) -> list[float]:
    if not isinstance(table, dict):
        return [float("nan")] * 3
    return numbers([table.get(a) for a in "xyz"], 3)


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)

"""iFacialMocap's text over UDP (port 49983), and Facemotion3d's, which differs in names and separator.

A PC program says hello to the phone and gets frames back; Mien can be either end. Weights are whole per cents. Head and
eyes are Euler angles in degrees (x, y, z) whose signs the app does not document: here they are turns about the head's
own axes (x to the subject's left, y up, z forward), each can be turned round. The place is metres, y up, z backwards.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from mien.animate.signal import SHAPES, FaceSignal, turn_of
from mien.core.arrays import Float32
from mien.pipeline import stage
from mien.sinks.exporters.livelink_csv import Sign
from mien.sinks.protocols.packets import BadPacket, checked, known

PORT = 49983
HELLO = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"
HELLO_V2 = b"|sendDataVersion=v2"
HELLO_FACEMOTION = b"FACEMOTION3D_OtherStreaming"
_WHOLE = ("mouthLeft", "mouthRight", "jawLeft", "jawRight")


def wire_name(shape: str) -> str:
    """iFacialMocap's name of an ARKit shape: eyeBlinkLeft → eyeBlink_L; jawLeft stays."""
    if shape in _WHOLE:
        return shape
    return (
        shape.removesuffix("Left") + "_L"
        if shape.endswith("Left")
        else (shape.removesuffix("Right") + "_R" if shape.endswith("Right") else shape)
    )


_NAMES = [wire_name(n) for n in SHAPES.names]
_INDEX = {**{n: i for i, n in enumerate(SHAPES.names)}, **{n: i for i, n in enumerate(_NAMES)}}
"""Facemotion3d's full names are understood too."""


class Options(stage.Options):
    """Options of iFacialMocap in both directions."""

    version: Literal[1, 2] = Field(default=1, description="2: & between name and value instead of -")
    pitch_sign: Sign = Field(default=-1, description="-1: x + = looks down")
    yaw_sign: Sign = Field(default=1, description="1: y + = to the subject's left")
    roll_sign: Sign = Field(default=1, description="1: z + = to the subject's right shoulder")
    answer: bool = Field(default=False, description="as sender: listen for a hello and send to whoever says it")
    phone: str = Field(default="", description="as receiver: address of the phone that is to be asked")


class IfacialmocapEncoder:
    """Signals → one text each."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def encode(self, signal: FaceSignal) -> list[bytes]:
        between = "&" if self._options.version == 2 else "-"
        shapes = "|".join([f"{n}{between}{round(v * 100)}" for n, v in zip(_NAMES, signal.shares, strict=True)])
        x, y, z = (known(v) / 1000 for v in signal.head_mm.tolist())
        turn, left_turn, right_turn = map(self._angles, signal.angles)
        head = ",".join(f"{v:.4f}" for v in (*turn, x, -y, -z))
        right, left = (",".join(f"{v:.4f}" for v in angles) for angles in (right_turn, left_turn))
        return [f"{shapes}|=head#{head}|rightEye#{right}|leftEye#{left}|".encode("ascii")]

    def _angles(self, angles: tuple[float, float, float]) -> tuple[float, float, float]:
        o = self._options
        yaw, pitch, roll = angles
        return pitch * o.pitch_sign + 0.0, yaw * o.yaw_sign + 0.0, roll * o.roll_sign + 0.0


class IfacialmocapDecoder:
    """Texts → signals. Unknown tokens are ignored; the order of tokens means nothing."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def decode(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise BadPacket("no text") from None
        shapes, equals, tail = text.partition("=")
        weights = self._weights(shapes)
        turns = self._turns(tail) if equals else {}
        if np.isnan(weights).all():
            raise BadPacket("no shape that is known")
        head = turns.get("head", [])
        unknown = np.full(4, np.nan, np.float32)
        place = np.full(3, np.nan, np.float32)
        if len(head) == 6 and any(head[3:]):
            place = np.array([head[3], -head[4], -head[5]], np.float32) * 1000
        return [
            FaceSignal(
                t_ns,
                weights=weights,
                head_xyzw=self._turn(head) if head else unknown,
                left_eye_xyzw=self._turn(turns["leftEye"]) if "leftEye" in turns else unknown,
                right_eye_xyzw=self._turn(turns["rightEye"]) if "rightEye" in turns else unknown,
                head_mm=place,
            )
        ]

    def _weights(self, text: str) -> Float32:
        weights = np.full(52, np.nan, np.float32)
        for token in text.split("|"):
            name, between, value = token.partition("&") if "&" in token else token.partition("-")
            if between and name in _INDEX:
                weights[_INDEX[name]] = min(max(_number(value) / 100, 0.0), 1.0)
        return weights

    def _turns(self, text: str) -> dict[str, list[float]]:
        out = {}
        for token in text.split("|"):
            name, sharp, values = token.partition("#")
            if sharp and name in ("head", "leftEye", "rightEye"):
                numbers = [_number(v) for v in values.split(",")]
                if len(numbers) not in (3, 6):
                    raise BadPacket("a turn has not three numbers")
                out[name] = numbers
        return out

    def _turn(self, xyz: list[float]) -> Float32:
        o = self._options
        return turn_of(xyz[1] * o.yaw_sign, xyz[0] * o.pitch_sign, xyz[2] * o.roll_sign)


def _number(text: str) -> float:
    try:
        return checked([float(text)], "a value")[0]
    except ValueError:
        raise BadPacket("a value is no number") from None

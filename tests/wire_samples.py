"""Good packets of every wire, and such as lie: for the tests of decoders and of `mien receive`."""

from __future__ import annotations

import json
import struct

import numpy as np

from mien.animate.signal import FaceSignal, turn_of
from mien.sinks.protocols.osc import BUNDLE, message
from mien.sinks.protocols.table import parse_target

WIRES = ("vmc", "livelink", "ifacialmocap", "osf", "vts", "ws")
PHONE = {
    "Timestamp": 1,
    "Hotkey": -1,
    "FaceFound": True,
    "Rotation": {"x": 1.0, "y": 2.0, "z": 3.0},
    "Position": {"x": 0.0, "y": 0.0, "z": 0.0},
    "BlendShapes": [{"k": "JawOpen", "v": 0.5}, {"k": "eyeBlink_L", "v": 0.25}],
    "EyeLeft": {"x": 4.0, "y": 5.0, "z": 0.0},
    "EyeRight": {"x": 4.0, "y": 5.0, "z": 0.0},
}


def sample(wire: str) -> list[bytes]:
    """The packets of one frame with everything in it."""
    if wire == "vts":
        return [json.dumps(PHONE).encode()]
    signal = FaceSignal(
        5_000_000_000,
        weights=np.full(52, 0.5, np.float32),
        head_xyzw=turn_of(3, 2, 1),
        left_eye_xyzw=turn_of(1, 1),
        right_eye_xyzw=turn_of(1, 1),
        head_mm=np.array([1, 2, 600], np.float32),
        size_wh=(640, 480),
        points_xy=np.ones((98, 2), np.float32),
        points_confidence=np.ones(98, np.float32),
    )
    packets: list[bytes] = parse_target(f"{wire}://").encoder().encode(signal)
    return packets


def hostile(wire: str) -> dict[str, bytes]:
    """What is wrong → a datagram or message that is to be dropped; none is longer than a datagram can be."""
    common = {"nothing": b"", "noise": bytes(range(256)) * 4, "zeros": bytes(1784), "text": b"hello there"}
    return (
        common
        | {"vmc": _vmc, "livelink": _livelink, "ifacialmocap": _ifacialmocap, "osf": _osf}.get(
            wire, _phone if wire == "vts" else _json
        )()
    )


def _vmc() -> dict[str, bytes]:
    nested = message("/x")
    for _ in range(50):
        nested = BUNDLE + struct.pack(">i", len(nested)) + nested

    def bundle(*packed: bytes) -> bytes:
        return BUNDLE + b"".join(struct.pack(">i", len(one)) + one for one in packed)

    bone = message("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    nan = float("nan")
    return {
        "size 2 GB": BUNDLE + b"\x7f\xff\xff\xff" + message("/VMC/Ext/Blend/Apply"),
        "size -1": BUNDLE + b"\xff\xff\xff\xff" + message("/VMC/Ext/Blend/Apply"),
        "size 0": BUNDLE + bytes(4),
        "cut off": sample("vmc")[0][:-3],
        "too deep": nested,
        "60 000 types": b"/x\0\0," + b"f" * 60_000 + bytes(3),
        "no end of text": b"/" + b"x" * 999,
        "NaN weight": bundle(message("/VMC/Ext/Blend/Val", "JawOpen", nan)),
        "infinite weight": bundle(message("/VMC/Ext/Blend/Val", "JawOpen", float("inf"))),
        "NaN bone": bundle(message("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, 0.0, nan, 0.0, 0.0, 1.0)),
        "no rotation": bundle(bone),
    }


def _livelink() -> dict[str, bytes]:
    (good,) = sample("livelink")
    values = len(good) - 245  # the count, and what follows

    def at(offset: int, data: bytes) -> bytes:
        return good[:offset] + data + good[offset + len(data) :]

    return {
        "version 5": at(0, b"\x05"),
        "device id of 2 GB": at(1, b"\x7f\xff\xff\xff"),
        "device id of -1": at(1, b"\xff\xff\xff\xff"),
        "subject of 2 GB": at(41, b"\x7f\xff\xff\xff"),
        "255 values": at(values, b"\xff"),
        "no values": at(values, b"\x00"),
        "cut off": good[:-1],
        "longer": good + b"\0",
        "NaN": at(len(good) - 4, struct.pack(">f", float("nan"))),
        "infinite": at(values + 1, struct.pack(">f", float("inf"))),
        "NaN in the time": at(values - 12, struct.pack(">f", float("nan"))),
        "rate 0": at(values - 8, bytes(4)),
    }


def _ifacialmocap() -> dict[str, bytes]:
    return {
        "NaN": b"jawOpen-nan|=head#0,0,0,0,0,0|",
        "infinite": b"jawOpen-inf|",
        "1e999": b"jawOpen-1e999|",
        "NaN head": b"jawOpen-5|=head#nan,0,0,0,0,0|",
        "head of 10 000 numbers": b"jawOpen-5|=head#" + b"0," * 10_000 + b"0|",
        "head of two": b"jawOpen-5|=head#1,2|",
        "6 000 unknown": b"nothing-1|" * 6_000,
        "60 000 bars": b"|" * 60_000,
        "60 000 digits": b"jawOpen-" + b"9" * 60_000,
        "no UTF-8": b"jawOpen-5|\xff\xfe",
    }


def _osf() -> dict[str, bytes]:
    (good,) = sample("osf")
    nan = struct.pack("<f", float("nan"))
    return {
        "cut off": good[:-1],
        "longer": good + b"\0",
        "36 faces of noise": b"\xff" * (1785 * 36),
        "the second is noise": good + b"\xff" * 1785,
        "NaN rotation": good[:33] + nan + good[37:],
        "no rotation": good[:33] + bytes(16) + good[49:],
        "NaN point": good[:345] + nan + good[349:],
        "infinite feature": good[:-4] + struct.pack("<f", float("inf")),
        "neither found nor lost": good[:28] + b"\x07" + good[29:],
    }


def _phone() -> dict[str, bytes]:
    text = json.dumps(PHONE)
    return {
        "cut off": text.encode()[:-1],
        "NaN": text.replace("0.5", "NaN").encode(),
        "infinite": text.replace("0.5", "-Infinity").encode(),
        "1e400": text.replace("0.5", "1e400").encode(),
        "NaN turn": text.replace("2.0", "NaN").encode(),
        "20 000 brackets": b"[" * 20_000,
        "5 000 digits": text.replace("0.5", "9" * 5_000).encode(),
        "shapes that are none": text.replace('{"k": "JawOpen", "v": 0.5}', "[1]").encode(),
        "shapes as a number": json.dumps({**PHONE, "BlendShapes": 1e9}).encode(),
        "3 000 shapes and one wrong": json.dumps(
            {**PHONE, "BlendShapes": [{"k": "x", "v": 1}] * 2_500 + [{"k": "JawOpen"}]}
        ).encode(),
        "no face told": json.dumps({**PHONE, "FaceFound": 1}).encode(),
        "no UTF-8": b'{"BlendShapes": "\xff"}',
    }


def _json() -> dict[str, bytes]:
    text = sample("ws")[0].decode()
    return {
        "cut off": text.encode()[:-1],
        "NaN": text.replace('"jawOpen":0.5', '"jawOpen":NaN').encode(),
        "infinite": text.replace('"jawOpen":0.5', '"jawOpen":Infinity').encode(),
        "1e400": text.replace('"jawOpen":0.5', '"jawOpen":1e400').encode(),
        "5 000 digits": text.replace('"jawOpen":0.5', '"jawOpen":' + "9" * 5_000).encode(),
        "20 000 brackets": b"[" * 20_000,
        "a turn of 10 000": text.replace('"head_xyzw":[', '"head_xyzw":[' + "0," * 10_000).encode(),
        "no rotation": text.replace('"head_mm":[', '"left_eye_xyzw":[0,0,0,0],"head_mm":[').encode(),
        "version 2": text.replace('"version":1', '"version":2').encode(),
        "face 1e9": text.replace('"track_id":0', '"track_id":99999999999').encode(),
        "weights as a list": text.replace('"weights":{', '"weights":[],"w":{').encode(),
        "no UTF-8": b'{"type":"face\xff"}',
    }

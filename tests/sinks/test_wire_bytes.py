"""Wires whose bytes or texts are written down here by hand, from their descriptions and not from the encoders."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.animate.signal import SHAPES, FaceSignal, angles_deg, turn_of
from mien.core.geometry import rotation_from_quaternion
from mien.landmarks.metric_face import load_metric_face
from mien.sinks.protocols import json_face, openseeface, vmc, vts
from mien.sinks.protocols.table import parse_target

SIN, COS, HALF = 0.5, 0.8660254, 0.70710678
"""Of half of 60 degrees; of 45 degrees."""
LEFT_60 = np.array([0, SIN, 0, COS], np.float32)
"""A head turned by 60 degrees to its own left."""


def weights_of(rest: float = 0.0, **shapes: float) -> Any:
    out = np.full(52, rest, np.float32)
    for name, value in shapes.items():
        out[SHAPES.index(name)] = value
    return out


def known(signal: FaceSignal) -> dict[str, float]:
    return {n: round(float(v), 4) for n, v in zip(SHAPES.names, signal.weights, strict=True) if v == v}


# ---- OpenSeeFace: the table of offsets, field after field


def openseeface_record(points: Any, confidence: Any) -> bytes:
    """1785 bytes: time 1.5 s, face 3, 640x480, the left eye a quarter shut, the jaw half open, 60° to the left."""
    out = struct.pack("<d", 1.5) + struct.pack("<i", 3)
    out += struct.pack("<ff", 640, 480) + struct.pack("<ff", 1.0, 0.75)  # right eye before left
    out += b"\x01" + struct.pack("<f", 0.0)
    # Its Unity example takes (-y, -x, z, w) and calls a quarter turn about z straight ahead; Unity turns x round.
    out += struct.pack("<4f", HALF * SIN, HALF * SIN, HALF * COS, HALF * COS)
    out += struct.pack("<3f", 180.0, -60.0, 90.0)
    out += struct.pack("<3f", -2.0, 1.0, 60.0)  # cm; rows before columns
    assert len(out) == 73
    ibug = [*range(0, 33, 2), *range(33, 38), *range(42, 47), *range(51, 60)]  # WFLW's: jaw, brows, nose
    ibug += [60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75, *range(76, 88)]  # eyes, outer lips
    ibug += [89, 90, 91, 93, 94, 95]  # inner lips without their corners
    rows = [*ibug, 96, 97]  # pupils: right, left
    assert len(rows) == 68
    out += b"".join(struct.pack("<f", confidence[r]) for r in rows)
    assert len(out) == 345
    out += b"".join(struct.pack("<ff", *points[r]) for r in rows)
    assert len(out) == 889
    out += bytes(66 * 12)
    x, y, z = (float(v) / 10 for v in load_metric_face().left_eye_mm)
    ahead = z + load_metric_face().eye_radius_mm / 10
    for side, depth in ((-x, ahead), (x, ahead), (-x, z), (x, z)):
        out += struct.pack("<3f", side, -y, -depth)
    assert len(out) == 1729
    # eye l, r; per brow steepness, up/down, quirk; per corner up/down, in/out; mouth open, wide
    out += struct.pack("<14f", -0.25, 0, 0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0.5, 0)
    return out


def openseeface_signal() -> FaceSignal:
    points = np.arange(196, dtype=np.float32).reshape(98, 2)
    return FaceSignal(
        7,
        3,
        weights=weights_of(eyeBlinkLeft=0.25, jawOpen=0.5, mouthSmileLeft=0.5),
        head_xyzw=LEFT_60,
        head_mm=np.array([10, -20, 600], np.float32),
        size_wh=(640, 480),
        points_xy=points,
        points_confidence=(np.arange(98) / 128).astype(np.float32),
    )


def test_openseeface_writes_the_record_made_by_hand() -> None:
    signal = openseeface_signal()
    (got,) = openseeface.OpenSeeFaceEncoder(clock=lambda t_ns: 1.5).encode(signal)
    wanted = openseeface_record(signal.points_xy, signal.points_confidence)
    assert len(got) == len(wanted) == 1785
    assert got[:33] == wanted[:33]
    assert struct.unpack_from("<10f", got, 33) == pytest.approx(struct.unpack_from("<10f", wanted, 33), abs=1e-5)
    assert got[73:1681] == wanted[73:1681], "confidences, points, and the points in space that are zero"
    rest = (len(wanted) - 1681) // 4
    assert struct.unpack_from(f"<{rest}f", got, 1681) == pytest.approx(
        struct.unpack_from(f"<{rest}f", wanted, 1681), abs=1e-5
    )


def test_openseeface_reads_the_record_made_by_hand() -> None:
    signal = openseeface_signal()
    record = openseeface_record(signal.points_xy, signal.points_confidence)
    first, second = openseeface.OpenSeeFaceDecoder().decode(record + record, 9)
    assert (first.t_ns, first.track_id, first.found, first.size_wh) == (9, 3, True, (640, 480))
    assert known(first) == {"eyeBlinkLeft": 0.25, "eyeBlinkRight": 0.0, "jawOpen": 0.5}
    assert angles_deg(first.head_xyzw) == pytest.approx([60, 0, 0], abs=1e-3)
    np.testing.assert_allclose(first.head_mm, [10, -20, 600], atol=1e-3)
    assert first.points_xy is not None
    seen = np.isfinite(first.points_xy).all(axis=1)
    assert seen.sum() == 68
    np.testing.assert_array_equal(first.points_xy[seen], signal.points_xy[seen])  # type: ignore[index]
    np.testing.assert_array_equal(first.points_confidence[seen], signal.points_confidence[seen])  # type: ignore[index]
    np.testing.assert_array_equal(second.head_xyzw, first.head_xyzw)


# ---- JSON over a WebSocket

JSON_TEXT = (
    b'{"type":"face","version":1,"t_ns":5000000000,"track_id":2,"found":true,'
    b'"weights":{"jawOpen":0.25,"mouthClose":0.125,"tongueOut":1.0},"head_xyzw":[0.0,0.5,0.0,0.866025],'
    b'"left_eye_xyzw":null,"right_eye_xyzw":[0.0,0.0,0.0,1.0],"head_mm":[1.5,-20.0,600.0]}'
)


def test_json_is_this_text_and_is_read_from_it() -> None:
    signal = FaceSignal(
        5_000_000_000,
        2,
        weights=weights_of(np.nan, jawOpen=0.25, mouthClose=0.125, tongueOut=1.0),
        head_xyzw=LEFT_60,
        right_eye_xyzw=np.array([0, 0, 0, 1], np.float32),
        head_mm=np.array([1.5, -20, 600], np.float32),
    )
    assert json_face.JsonEncoder().encode(signal) == [JSON_TEXT]
    (got,) = json_face.JsonDecoder().decode(JSON_TEXT, 11)
    assert (got.t_ns, got.track_id, got.found) == (11, 2, True)
    assert known(got) == {"jawOpen": 0.25, "mouthClose": 0.125, "tongueOut": 1.0}
    np.testing.assert_allclose(got.head_xyzw, LEFT_60, atol=1e-6)
    assert np.isnan(got.left_eye_xyzw).all()
    assert got.right_eye_xyzw.tolist() == [0, 0, 0, 1]
    assert got.head_mm.tolist() == [1.5, -20, 600]


# ---- VMC: the bone of the head

BONE = (
    b"/VMC/Ext/Bone/Pos\0\0\0"
    b",sfffffff\0\0\0"
    b"Head\0\0\0\0"
    b"\x00\x00\x00\x00\x3d\xcc\xcc\xcd\x00\x00\x00\x00"  # 0, 0.1, 0 m
    b"\x3f\x00\x00\x00\x3f\x00\x00\x00\xbf\x00\x00\x00\x3f\x00\x00\x00"  # 0.5, 0.5, -0.5, 0.5: Unity turns x round
)


def test_vmc_bones_are_these_bytes() -> None:
    assert len(BONE) == 0x44
    turned = np.array([0.5, -0.5, 0.5, 0.5], np.float32)
    signal = FaceSignal(1, weights=weights_of(), head_xyzw=turned)
    first = vmc.VmcEncoder().encode(signal)[0]
    head = b"#bundle\0" + b"\0\0\0\0\0\0\0\1" + b"\0\0\0\x44" + BONE
    assert first.startswith(head)
    apply = b"/VMC/Ext/Blend/Apply\0\0\0\0,\0\0\0"
    (got,) = vmc.VmcDecoder().decode(head + b"\0\0\0\x1c" + apply, 1)
    np.testing.assert_allclose(got.head_xyzw, turned, atol=1e-6)
    assert np.isnan(got.left_eye_xyzw).all()
    decoder = vmc.VmcDecoder()
    assert decoder.decode(BONE, 1) == [], "a message without a bundle; it waits for Apply"
    np.testing.assert_allclose(decoder.decode(apply, 2)[0].head_xyzw, turned, atol=1e-6)


# ---- VTube Studio: what is asked of the program, and what its phone app sends

VTS_TEXT = (
    '{"apiName":"VTubeStudioPublicAPI","apiVersion":"1.0","requestID":"mien",'
    '"messageType":"InjectParameterDataRequest","data":{"faceFound":true,"mode":"set","parameterValues":['
    '{"id":"FaceAngleX","value":60.0},{"id":"FaceAngleY","value":0.0},{"id":"FaceAngleZ","value":0.0},'
    '{"id":"FacePositionX","value":0.5},{"id":"FacePositionY","value":1.0},{"id":"FacePositionZ","value":5.0},'
    '{"id":"MouthSmile","value":0.625},{"id":"MouthOpen","value":0.5},{"id":"MouthX","value":0.0},'
    '{"id":"Brows","value":0.5},{"id":"BrowLeftY","value":0.5},{"id":"BrowRightY","value":0.5},'
    '{"id":"TongueOut","value":0.0},{"id":"CheekPuff","value":0.0},{"id":"FaceAngry","value":0.0},'
    '{"id":"EyeLeftX","value":0.0},{"id":"EyeLeftY","value":0.0},{"id":"EyeOpenLeft","value":0.75},'
    '{"id":"EyeRightX","value":0.0},{"id":"EyeRightY","value":0.0},{"id":"EyeOpenRight","value":1.0}]}}'
)


def test_vts_requests_are_these_texts() -> None:
    signal = replace(openseeface_signal(), head_mm=np.array([10, -20, 500], np.float32), head_xyzw=turn_of(60, 0))
    (got,) = vts.VtsEncoder().encode(signal)
    assert got.decode().replace("-0.0}", "0.0}") == VTS_TEXT
    (back,) = vts.VtsDecoder().decode(VTS_TEXT.encode(), 4)
    assert angles_deg(back.head_xyzw) == pytest.approx([60, 0, 0], abs=1e-3)
    assert known(back) == {"eyeBlinkLeft": 0.25, "eyeBlinkRight": 0, "jawOpen": 0.5, "tongueOut": 0, "cheekPuff": 0}
    head = b'{"apiName":"VTubeStudioPublicAPI","apiVersion":"1.0","requestID":"mien","messageType":'
    assert vts.request("AuthenticationTokenRequest", vts.PLUGIN) == (
        head + b'"AuthenticationTokenRequest","data":{"pluginName":"Mien face capture","pluginDeveloper":"Mien"}}'
    )
    assert vts.request("ParameterCreationRequest", vts.custom_parameters()[0]) == (
        head
        + b'"ParameterCreationRequest","data":{"parameterName":"EyeBlinkLeft","explanation":"ARKit shape, by Mien",'
        b'"min":0.0,"max":1.0,"defaultValue":0.0}}'
    )
    assert vts.request("APIStateRequest") == head + b'"APIStateRequest"}'


PHONE_TEXT = (
    b'{"Timestamp":1690000000000,"Hotkey":-1,"FaceFound":true,"Rotation":{"x":-7.5,"y":60.0,"z":3.0},'
    b'"VNyanPos":{},"Position":{"x":0.1,"y":0.2,"z":-5.0},"BlendShapes":[{"k":"EyeBlinkLeft","v":0.25},'
    b'{"k":"jawOpen","v":0.5},{"k":"mouthSmile_R","v":1.0},{"k":"somethingNew","v":7}],'
    b'"EyeLeft":{"x":4.0,"y":-5.0,"z":0.0},"EyeRight":{"x":4.0,"y":-6.0,"z":0.0}}'
)


def test_the_phone_s_datagram_is_read_as_written() -> None:
    decoder = parse_target("vts://0.0.0.0?phone=192.168.1.9").decoder()
    assert isinstance(decoder, vts.VtsPhoneDecoder), "what `mien receive vts://` runs"
    (got,) = decoder.decode(PHONE_TEXT, 21)
    assert (got.t_ns, got.found) == (21, True)
    assert known(got) == {"eyeBlinkLeft": 0.25, "jawOpen": 0.5, "mouthSmileRight": 1.0}
    assert angles_deg(got.head_xyzw) == pytest.approx([60, -7.5, 3], abs=1e-3)
    assert angles_deg(got.left_eye_xyzw) == pytest.approx([-5, 4, 0], abs=1e-3)
    assert angles_deg(got.right_eye_xyzw) == pytest.approx([-6, 4, 0], abs=1e-3)
    assert vts.phone_request(21413, 5.0) == (
        b'{"messageType":"iOSTrackingDataRequest","time":5.0,"sentBy":"Mien","ports":[21413]}'
    )


def spelt(name: str, way: int) -> str:
    """A shape as apps spell it: eyeBlinkLeft, EyeBlinkLeft, eyeBlink_L."""
    if way == 2 and name not in ("mouthLeft", "mouthRight", "jawLeft", "jawRight"):
        return name.replace("Left", "_L").replace("Right", "_R")
    return name if way == 0 else name[0].upper() + name[1:]


def phone_text(signal: FaceSignal, way: int) -> bytes:
    """What the phone would send of a signal; weights and turns that are not known are not in it."""
    table: dict[str, Any] = {"Timestamp": signal.t_ns, "Hotkey": -1, "FaceFound": signal.found}
    pairs = zip(SHAPES.names, signal.weights.tolist(), strict=True)
    table["BlendShapes"] = [{"k": spelt(n, way), "v": v} for n, v in pairs if v == v]
    for key, turn in (
        ("Rotation", signal.head_xyzw),
        ("EyeLeft", signal.left_eye_xyzw),
        ("EyeRight", signal.right_eye_xyzw),
    ):
        if np.isfinite(turn).all():
            yaw, pitch, roll = angles_deg(turn)
            table[key] = {"x": pitch, "y": yaw, "z": roll if key == "Rotation" else 0.0}
    return json.dumps(table).encode()


turns = st.none() | st.tuples(st.floats(-80, 80), st.floats(-80, 80), st.floats(-80, 80))
glances = st.none() | st.tuples(st.floats(-40, 40), st.floats(-40, 40))
shares = st.one_of(st.floats(0, 1, width=32), st.just(float("nan")))


@given(
    weights=st.lists(shares, min_size=52, max_size=52),
    head=turns,
    eyes=st.tuples(glances, glances),
    found=st.booleans(),
    way=st.integers(0, 2),
)
@settings(max_examples=40, deadline=None)
def test_what_a_phone_sends_arrives(weights: list[float], head: Any, eyes: Any, found: bool, way: int) -> None:
    unknown = np.full(4, np.nan, np.float32)
    three = [unknown if angles is None else turn_of(*angles) for angles in (head, *eyes)]
    signal = FaceSignal(5, 0, found, np.array(weights, np.float32), *three)
    (got,) = vts.VtsPhoneDecoder().decode(phone_text(signal, way), 6)
    assert (got.t_ns, got.found) == (6, found)
    np.testing.assert_allclose(got.weights, signal.weights, atol=1e-6)
    for name in ("head_xyzw", "left_eye_xyzw", "right_eye_xyzw"):
        one, other = getattr(got, name), getattr(signal, name)
        assert np.isfinite(one).all() == np.isfinite(other).all()
        if np.isfinite(other).all():
            np.testing.assert_allclose(rotation_from_quaternion(one), rotation_from_quaternion(other), atol=1e-4)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "v", "x", "y", "z"]), inner),
    max_leaves=6,
)


@given(
    table=st.fixed_dictionaries(
        {},
        optional={
            key: anything | st.just(good)
            for key, good in {
                "FaceFound": True,
                "BlendShapes": [{"k": "JawOpen", "v": 0.5}],
                "Rotation": {"x": 1.0, "y": 2.0, "z": 3.0},
                "EyeLeft": {"x": 1.0, "y": 2.0, "z": 3.0},
                "EyeRight": None,
            }.items()
        },
    )
)
@settings(max_examples=150, deadline=None)
def test_any_phone_text_is_read_or_dropped(table: dict[str, Any]) -> None:
    from mien.sinks.protocols.packets import Intake

    intake = Intake(vts.VtsPhoneDecoder())
    for got in intake.take(json.dumps(table).encode(), 1):
        assert ((got.weights >= 0) & (got.weights <= 1) | np.isnan(got.weights)).all()
        for turn in (got.head_xyzw, got.left_eye_xyzw, got.right_eye_xyzw):
            assert np.isnan(turn).all() or abs(np.linalg.norm(turn) - 1) < 1e-4
    assert intake.packets + sum(intake.dropped.values()) == 1

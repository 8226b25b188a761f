"""Wire protocols: bytes written down by hand from their descriptions, both directions, and hostile packets."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from mien.animate.signal import SHAPES, FaceSignal, angles_deg, turn_of
from mien.core.geometry import local_rotation, rotation_from_quaternion
from mien.sinks.protocols import ifacialmocap, json_face, livelink, openseeface, osc, vmc, vts
from mien.sinks.protocols.packets import BadPacket, Decoder, Encoder, Intake

T_NS = 5_000_000_000
PAIRS: dict[str, tuple[Callable[[], Encoder], Callable[[], Decoder], float]] = {
    "livelink": (livelink.LiveLinkEncoder, livelink.LiveLinkDecoder, 1e-6),
    "vmc": (vmc.VmcEncoder, vmc.VmcDecoder, 1e-6),
    "ifacialmocap": (ifacialmocap.IfacialmocapEncoder, ifacialmocap.IfacialmocapDecoder, 0.005001),
    "ifacialmocap2": (
        lambda: ifacialmocap.IfacialmocapEncoder(ifacialmocap.Options(version=2)),
        ifacialmocap.IfacialmocapDecoder,
        0.005001,
    ),
    "openseeface": (openseeface.OpenSeeFaceEncoder, openseeface.OpenSeeFaceDecoder, 1e-5),
    "json": (json_face.JsonEncoder, json_face.JsonDecoder, 1e-5),
    "vts": (lambda: vts.VtsEncoder(vts.Options(arkit=True)), vts.VtsDecoder, 1e-5),
}
each = pytest.mark.parametrize("name", PAIRS)

angle = st.floats(-80, 80, width=32)


@st.composite
def signals(draw: st.DrawFn) -> FaceSignal:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.random(52).astype(np.float32) if draw(st.booleans()) else np.zeros(52, np.float32)
    points = (rng.random((98, 2)) * 100).astype(np.float32)
    return FaceSignal(
        T_NS,
        0,
        weights=weights,
        head_xyzw=turn_of(draw(angle), draw(angle), draw(angle)),
        left_eye_xyzw=turn_of(draw(st.floats(-29, 29)), draw(st.floats(-29, 29))),
        right_eye_xyzw=turn_of(draw(st.floats(-29, 29)), draw(st.floats(-29, 29))),
        head_mm=np.array([10, -20, 600], np.float32),
        size_wh=(640, 480),
        points_xy=points,
        points_confidence=rng.random(98).astype(np.float32),
    )


def same_turn(one: Any, other: Any, atol: float) -> None:
    np.testing.assert_allclose(rotation_from_quaternion(one), rotation_from_quaternion(other), atol=atol)


@each
@given(signal=signals())
@settings(max_examples=25, deadline=None)
def test_what_is_sent_arrives(name: str, signal: FaceSignal) -> None:
    encoder, decoder, atol = PAIRS[name][0](), PAIRS[name][1](), PAIRS[name][2]
    arrived = [s for packet in encoder.encode(signal) for s in decoder.decode(packet, 77)]
    (got,) = arrived
    assert got.t_ns == 77
    assert got.found
    known = np.isfinite(got.weights)
    carried = 3 if name == "openseeface" else 52
    assert known.sum() == carried
    np.testing.assert_allclose(got.weights[known], signal.weights[known], atol=atol)
    same_turn(got.head_xyzw, signal.head_xyzw, 1e-4)
    if name != "openseeface":
        same_turn(got.left_eye_xyzw, signal.left_eye_xyzw, 1e-4)
        same_turn(got.right_eye_xyzw, signal.right_eye_xyzw, 1e-4)
    else:
        assert got.points_xy is not None
        there = list(openseeface.POINTS)
        np.testing.assert_array_equal(got.points_xy[there], signal.points_xy[there])  # type: ignore[index]
    if name in ("openseeface", "json") or name.startswith("ifacial"):
        np.testing.assert_allclose(got.head_mm, signal.head_mm, atol=0.06)


@each
def test_unknown_values_are_sent_as_neutral_and_never_as_nan(name: str) -> None:
    encoder, decoder = PAIRS[name][0](), PAIRS[name][1]()
    for found in (True, False):
        packets = encoder.encode(FaceSignal(T_NS, found=found))
        for packet in packets:
            assert len(packet) <= 65_507
            for got in decoder.decode(packet, 1):
                assert not np.nansum(got.weights)


@each
@given(data=st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_dropped_and_counted(name: str, data: bytes) -> None:
    intake = Intake(PAIRS[name][1]())
    intake.take(data, 1)
    assert intake.packets + sum(intake.dropped.values()) == 1


@each
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_broken_packets_never_fail_and_never_carry_nonsense(name: str, at: int, byte: int, cut: int) -> None:
    signal = FaceSignal(T_NS, weights=np.full(52, 0.5, np.float32), head_xyzw=turn_of(3, 2, 1))
    intake = Intake(PAIRS[name][1]())
    for packet in PAIRS[name][0]().encode(signal):
        broken = bytearray(packet)
        broken[at % len(packet)] = byte
        for data in (bytes(broken), packet[: cut % len(packet)], packet + b"\0" * 4):
            for got in intake.take(data, 1):
                assert not np.isinf(got.weights).any()
                with np.errstate(invalid="ignore"):
                    assert ((got.weights >= 0) & (got.weights <= 1) | np.isnan(got.weights)).all()


def test_angles_are_those_of_the_conventions() -> None:
    for angles in ((20, 10, 5), (-70, 40, -30), (0, -80, 0), (0, 0, 0)):
        np.testing.assert_allclose(rotation_from_quaternion(turn_of(*angles)), local_rotation(*angles), atol=1e-6)
        np.testing.assert_allclose(angles_deg(turn_of(*angles)), angles, atol=1e-3)


def only(**shapes: float) -> FaceSignal:
    weights = np.zeros(52, np.float32)
    for name, value in shapes.items():
        weights[SHAPES.index(name)] = value
    return FaceSignal(T_NS, weights=weights)


# ---- Live Link Face, version 6


def hand_made_livelink(values: list[float]) -> bytes:
    device, subject = b"C0FFEE00-0000-0000-0000-000000000001", b"Anna"
    out = b"\x06" + b"\x00\x00\x00\x24" + device + b"\x00\x00\x00\x04" + subject
    # 01:00:00.5 after midnight at 60 Hz: frame 216030 (0x00034BDE), no sub-frame, 60/1
    out += b"\x00\x03\x4b\xde" + b"\x00\x00\x00\x00" + b"\x00\x00\x00\x3c" + b"\x00\x00\x00\x01"
    if values:
        out += b"\x3d" + b"".join(struct.pack(">f", v) for v in values)
    return out


def test_livelink_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livelink.time, "localtime", livelink.time.gmtime)
    options = livelink.Options(subject="Anna", device="C0FFEE00-0000-0000-0000-000000000001")
    encoder = livelink.LiveLinkEncoder(options, clock=lambda t_ns: 86_400 * 3 + 3600.5)
    signal = replace(only(jawOpen=0.5, eyeBlinkLeft=1.0), head_xyzw=turn_of(90, 0, 0))
    (packet,) = encoder.encode(signal)
    wanted = [0.0] * 61
    wanted[0], wanted[17], wanted[52] = 1.0, 0.5, -np.pi / 2
    assert len(packet) == 306 + 4
    assert packet[:65] == hand_made_livelink([])
    assert packet[65] == 61
    assert struct.unpack(">61f", packet[66:]) == pytest.approx(wanted, abs=1e-6)
    assert encoder.encode(replace(signal, found=False)) == [hand_made_livelink([])]


def test_livelink_reads_what_the_app_sends() -> None:
    decoder = livelink.LiveLinkDecoder()
    values = [0.0] * 61
    values[17], values[56] = 0.25, 0.126  # jawOpen; the left eye's pitch: down
    (got,) = decoder.decode(hand_made_livelink(values), 9)
    assert got.weights[SHAPES.index("jawOpen")] == 0.25
    assert angles_deg(got.left_eye_xyzw)[1] == pytest.approx(-np.degrees(0.126), abs=1e-3)
    (lost,) = decoder.decode(hand_made_livelink([]), 9)
    assert not lost.found
    for wrong in ([0.0] * 60, [float("nan")] + [0.0] * 60):
        with pytest.raises(BadPacket):
            decoder.decode(hand_made_livelink(wrong), 9)
    with pytest.raises(BadPacket, match="version 6"):
        decoder.decode(b"\x05" + hand_made_livelink(values)[1:], 9)


# ---- VMC


def test_vmc_message_bytes() -> None:
    by_hand = b"/VMC/Ext/Blend/Val\0\0" + b",sf\0" + b"JawOpen\0" + b"\x3e\x80\x00\x00"
    assert osc.message("/VMC/Ext/Blend/Val", "JawOpen", 0.25) == by_hand
    assert osc.message("/VMC/Ext/Blend/Apply") == b"/VMC/Ext/Blend/Apply\0\0\0\0" + b",\0\0\0"
    assert osc.message("/VMC/Ext/OK", 1) == b"/VMC/Ext/OK\0" + b",i\0\0" + b"\0\0\0\1"
    bundle = b"#bundle\0" + b"\0" * 7 + b"\1" + b"\0\0\0\x24" + by_hand
    assert osc.bundles([by_hand], 1500) == [bundle]
    assert list(osc.parsed(bundle)) == [("/VMC/Ext/Blend/Val", ("JawOpen", 0.25))]


def heard(packets: list[bytes]) -> list[tuple[str, list[Any]]]:
    """What python-osc makes of them."""
    out = []
    for packet in packets:
        assert OscBundle.dgram_is_bundle(packet)
        for one in OscBundle(packet):
            assert isinstance(one, OscMessage)
            out.append((one.address, one.params))
    return out


def test_vmc_is_read_by_python_osc() -> None:
    signal = replace(only(jawOpen=0.25), head_xyzw=turn_of(20, 10, 0))
    packets = vmc.VmcEncoder().encode(signal)
    assert all(len(p) <= 1500 for p in packets)
    messages = heard(packets)
    assert [a for a, _ in messages[-3:]] == ["/VMC/Ext/Blend/Apply", "/VMC/Ext/OK", "/VMC/Ext/T"]
    blends = {p[0]: p[1] for a, p in messages if a == "/VMC/Ext/Blend/Val"}
    assert len(blends) == 52
    assert blends["JawOpen"] == 0.25
    bones = {p[0]: p[1:] for a, p in messages if a == "/VMC/Ext/Bone/Pos"}
    assert set(bones) == {"Head", "LeftEye", "RightEye"}
    x, y, z, w = turn_of(20, 10, 0)
    assert bones["Head"][3:] == pytest.approx([x, -y, -z, w])


def test_vmc_presets_have_the_names_of_vrm0() -> None:
    signal = only(eyeBlinkLeft=0.5, mouthSmileLeft=1.0, mouthSmileRight=1.0)
    blends = {
        p[0]: p[1]
        for a, p in heard(vmc.VmcEncoder(vmc.Options(names="vrm0", bones=False)).encode(signal))
        if a.endswith("Val")
    }
    assert {n: v for n, v in blends.items() if v} == {"Blink_L": 0.5, "Joy": 1.0}
    assert "Blink_R" in blends
    names = {p[0] for a, p in heard(vmc.VmcEncoder(vmc.Options(names="vrm1")).encode(signal)) if a.endswith("Val")}
    assert {"blinkLeft", "happy", "aa", "surprised"} <= names


def test_vmc_receiver_ignores_what_it_does_not_know() -> None:
    decoder = vmc.VmcDecoder()
    messages = [
        osc.message("/VMC/Ext/Cam", "c", *[0.0] * 8),
        osc.message("/VMC/Ext/Blend/Val", "JAWOPEN", 0.5, 3),
        osc.message("/VMC/Ext/Blend/Val", "browInnerUp", 1),
        osc.message("/VMC/Ext/Blend/Val", "Blink_L", 0.75),
        osc.message("/VMC/Ext/Blend/Val"),
        osc.message("/VMC/Ext/Blend/Apply"),
    ]
    (got,) = decoder.decode(osc.bundles(messages, 1500)[0], 1)
    known = {n: float(v) for n, v in zip(SHAPES.names, got.weights, strict=True) if v == v}
    assert known == {"jawOpen": 0.5, "eyeBlinkLeft": 0.75}


def test_nested_bundles_end_somewhere() -> None:
    packet = osc.message("/x")
    for _ in range(50):
        packet = osc.BUNDLE + struct.pack(">i", len(packet)) + packet
    with pytest.raises(BadPacket):
        list(osc.parsed(packet))


# ---- iFacialMocap


def test_ifacialmocap_text() -> None:
    signal = replace(
        only(jawOpen=0.12, mouthSmileRight=0.5, jawLeft=1.0),
        head_xyzw=turn_of(-6.02, 21.48, -6.35),
        head_mm=np.array([-30, 110, 640], np.float32),
    )
    (packet,) = ifacialmocap.IfacialmocapEncoder().encode(signal)
    shapes, tail = packet.decode().split("=")
    assert {"jawOpen-12", "mouthSmile_R-50", "jawLeft-100", "eyeBlink_L-0"} <= set(shapes.split("|"))
    assert len(shapes.strip("|").split("|")) == 52
    assert tail == (
        "head#-21.4800,-6.0200,-6.3500,-0.0300,-0.1100,-0.6400|rightEye#0.0000,0.0000,0.0000|"
        "leftEye#0.0000,0.0000,0.0000|"
    )
    assert b"jawOpen&12|" in ifacialmocap.IfacialmocapEncoder(ifacialmocap.Options(version=2)).encode(signal)[0]


def test_ifacialmocap_reads_the_pages_example_and_facemotion() -> None:
    decoder = ifacialmocap.IfacialmocapDecoder()
    text = (
        b"mouthSmile_R-0|eyeLookOut_L-3|jawOpen-12|trackingStatus-1|cheekPuff--4|"
        b"=head#-21.48,-6.02,-6.35,-0.03,-0.11,-0.64|rightEye#6.03,3.45,0.25|leftEye#6.03,3.56,0.18|"
    )
    (got,) = decoder.decode(text, 1)
    known = {n: round(float(v), 3) for n, v in zip(SHAPES.names, got.weights, strict=True) if v == v}
    assert known == {"mouthSmileRight": 0, "eyeLookOutLeft": 0.03, "jawOpen": 0.12, "cheekPuff": 0}
    assert angles_deg(got.head_xyzw) == pytest.approx([-6.02, 21.48, -6.35], abs=1e-3)
    np.testing.assert_allclose(got.head_mm, [-30, 110, 640], atol=1e-3)
    (got,) = decoder.decode(b"eyeBlinkLeft&30|FM_SAD&5|=head#0,0,0,0,0,0|", 1)
    assert got.weights[0] == np.float32(0.3)
    for wrong in (b"jawOpen-nan|", b"jawOpen-1e999|", b"hello", b"jawOpen-1|=head#1,2|", b"\xff\xfe"):
        with pytest.raises(BadPacket):
            decoder.decode(wrong, 1)


# ---- OpenSeeFace


def test_openseeface_bytes() -> None:
    encoder = openseeface.OpenSeeFaceEncoder(clock=lambda t_ns: 1.5)
    points = np.arange(196, dtype=np.float32).reshape(98, 2)
    signal = replace(
        only(eyeBlinkLeft=0.25, jawOpen=0.5),
        track_id=3,
        size_wh=(640, 480),
        points_xy=points,
        points_confidence=np.ones(98, np.float32),
    )
    (packet,) = encoder.encode(signal)
    assert len(packet) == 1785
    assert packet[:16] == b"\0\0\0\0\0\0\xf8\x3f" + b"\3\0\0\0" + b"\0\0\x20\x44"  # 1.5, 3, 640
    assert struct.unpack_from("<3f", packet, 16) == (480.0, 1.0, 0.75)
    assert packet[28] == 1
    assert struct.unpack_from("<4f", packet, 33) == pytest.approx([0, 0, 0.5**0.5, 0.5**0.5])
    assert struct.unpack_from("<3f", packet, 49) == pytest.approx([180, 0, 90])
    assert struct.unpack_from("<2f", packet, 345) == tuple(points[0]), "the jaw's end on the subject's right"
    assert struct.unpack_from("<2f", packet, 345 + 8 * 66) == tuple(points[96]), "the right pupil"
    eye, pupil = (np.array(struct.unpack_from("<3f", packet, 889 + 12 * i)) for i in (68, 66))
    assert (eye - pupil)[2] > 0, "looks ahead: z is turned round"
    features = struct.unpack_from("<14f", packet, 1729)
    assert features[0] == -0.25
    assert features[12] == 0.5
    lost = encoder.encode(replace(signal, found=False))[0]
    assert lost[28] == 0
    assert not any(lost[889:1729])


def test_openseeface_several_faces() -> None:
    encoder, decoder = openseeface.OpenSeeFaceEncoder(), openseeface.OpenSeeFaceDecoder()
    two = b"".join(encoder.encode(replace(only(), track_id=i))[0] for i in (4, 9))
    assert [s.track_id for s in decoder.decode(two, 1)] == [4, 9]
    with pytest.raises(BadPacket, match="1785"):
        decoder.decode(two[:-1], 1)


# ---- VTube Studio


def test_vts_envelope_and_values() -> None:
    signal = replace(only(eyeBlinkRight=0.25, jawOpen=0.5, tongueOut=1.0), head_xyzw=turn_of(12, -7, 3))
    table = json.loads(vts.VtsEncoder().encode(signal)[0])
    assert (table["apiName"], table["apiVersion"]) == ("VTubeStudioPublicAPI", "1.0")
    assert 1 <= len(table["requestID"]) <= 64
    assert table["messageType"] == "InjectParameterDataRequest"
    assert table["data"]["faceFound"] is True
    values = {p["id"]: p["value"] for p in table["data"]["parameterValues"]}
    assert [values[f"FaceAngle{a}"] for a in "XYZ"] == pytest.approx([12, -7, 3], abs=1e-3)
    assert (values["EyeOpenRight"], values["EyeOpenLeft"], values["MouthOpen"], values["TongueOut"]) == (
        0.75,
        1,
        0.5,
        1,
    )
    default = "FacePositionX FacePositionY FacePositionZ FaceAngleX FaceAngleY FaceAngleZ MouthSmile MouthOpen Brows"
    default += " TongueOut EyeOpenLeft EyeOpenRight EyeLeftX EyeLeftY EyeRightX EyeRightY CheekPuff FaceAngry"
    default += " BrowLeftY BrowRightY MouthX"
    assert set(values) == set(default.split())
    made = vts.custom_parameters()
    assert len(made) == 50
    assert not {p["parameterName"] for p in made} & {"TongueOut", "CheekPuff"}
    assert all(4 <= len(p["parameterName"]) <= 32 and p["parameterName"].isalnum() for p in made)


def test_vts_phone() -> None:
    decoder = vts.VtsPhoneDecoder()
    table = {
        "Timestamp": 1,
        "Hotkey": -1,
        "FaceFound": True,
        "Rotation": {"x": 1, "y": 2, "z": 3},
        "BlendShapes": [{"k": "JawOpen", "v": 0.5}, {"k": "eyeBlink_L", "v": 2}, {"k": "else", "v": 0}],
        "EyeLeft": {"x": 4, "y": 5, "z": 0},
        "EyeRight": {"x": 4, "y": 5, "z": 0},
    }
    (got,) = decoder.decode(json.dumps(table).encode(), 1)
    assert (got.weights[SHAPES.index("jawOpen")], got.weights[0]) == (0.5, 1.0)
    assert angles_deg(got.head_xyzw) == pytest.approx([2, 1, 3], abs=1e-3)
    asked = json.loads(vts.phone_request(5000))
    assert asked == {"messageType": "iOSTrackingDataRequest", "time": 10.0, "sentBy": "Mien", "ports": [5000]}
    for wrong in ({**table, "Rotation": {"x": "a"}}, {**table, "BlendShapes": [[1]]}, {"FaceFound": True}):
        with pytest.raises(BadPacket):
            decoder.decode(json.dumps(wrong).encode(), 1)


def test_json_refuses_python_s_own_numbers() -> None:
    decoder = json_face.JsonDecoder()
    for wrong in (b'{"type":"face","version":1,"weights":{"jawOpen":NaN}}', b"[" * 100_000, b"1" * 5000):
        with pytest.raises(BadPacket):
            decoder.decode(wrong, 1)


def test_long_packets_are_not_read() -> None:
    intake = Intake(json_face.JsonDecoder())
    assert intake.take(b"{" + b" " * 70_000 + b"}", 1) == []
    assert intake.dropped == {"too long": 1}

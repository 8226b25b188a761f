"""The binary message of a frame: every number at the place that the layout says."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from mien.animate.signal import signal_of
from mien.core.measures import Box, Expression
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.studio.wire import FACE_FLOATS, HEAD, MOODS, POINTS, SIGNAL_FLOATS, UNITS, FrameNews, pack_frame
from small_takes import HIGH, JAW, WIDE, face, weights_at

RECORD = FrameRecord(Stamp("c", 7, 123), (WIDE, HIGH), None, (face(weights_at(6, 25), 10.0),))
NEWS = FrameNews(captured_ms=1.5, packed_ms=2.5, dropped=3, fps=29.5, picture=b"\xff\xd8jpeg")


def floats(data: bytes, at: int, count: int) -> np.ndarray:
    return np.frombuffer(data, "<f4", count, at)


def test_the_head_is_48_bytes_and_says_what_follows() -> None:
    data = pack_frame(RECORD, signal_of(RECORD, RECORD.faces[0]), NEWS)
    assert HEAD.size == 48
    assert data[:8] == b"MIEN\x03\x03\x01\x00"
    assert struct.unpack_from("<dd", data, 8) == (1.5, 2.5)
    assert struct.unpack_from("<IIHHIfi", data, 24) == (7, 3, WIDE, HIGH, len(NEWS.picture), 29.5, 1)
    assert len(data) == 48 + 4 * (SIGNAL_FLOATS + FACE_FLOATS) + len(NEWS.picture)
    assert data.endswith(NEWS.picture)


def test_signal_and_face_are_where_the_layout_says() -> None:
    one = RECORD.faces[0]
    signal = signal_of(RECORD, one)
    data = pack_frame(RECORD, signal, NEWS)
    sent = floats(data, 48, SIGNAL_FLOATS)
    assert sent[:52] == pytest.approx(signal.weights)
    assert sent[JAW] == pytest.approx(0.25)
    assert sent[52:56] == pytest.approx(signal.head_xyzw)
    assert sent[64:67] == pytest.approx([10, 0, 600])
    row = floats(data, 48 + 4 * SIGNAL_FLOATS, FACE_FLOATS)
    assert row[:6] == pytest.approx([1, 0.9, 30, 20, 110, 100])
    assert row[6:9] == pytest.approx(one.head_pose.yaw_pitch_roll_deg)  # type: ignore[union-attr]
    # The head's origin is 10 mm right of the axis, 600 mm away; the focal length is the longer side.
    assert row[9:11] == pytest.approx([(WIDE - 1) / 2 + WIDE * 10 / 600, (HIGH - 1) / 2], abs=1e-3)
    assert row[17:21] == pytest.approx([5, 1, 4, 1])
    assert row[21 : 21 + UNITS] == pytest.approx(1.5)
    assert row[21 + 2 * UNITS :][: 2 * POINTS].reshape(98, 2) == pytest.approx(one.landmarks.xy)  # type: ignore[union-attr]
    assert row[21 + 2 * UNITS + 2 * POINTS :][:POINTS] == pytest.approx(0.8)
    assert np.isnan(row[21 + 2 * UNITS + 3 * POINTS :]).all(), "no expression was read"


def test_an_expression_of_seven_classes_finds_its_places_among_eight() -> None:
    seven = load_schema("expression7")
    read = Expression(np.where(np.array(seven.names) == "happiness", 0.7, 0.05).astype(np.float32), np.ones(7), seven)
    happy = replace(RECORD, faces=(replace(RECORD.faces[0], expression=read),))
    data = pack_frame(happy, signal_of(happy, happy.faces[0]), NEWS)
    sent = floats(data, 48 + 4 * SIGNAL_FLOATS, FACE_FLOATS)[21 + 2 * UNITS + 3 * POINTS :]
    assert len(sent) == MOODS + 2
    eight = dict(zip(load_schema("expression8").names, sent[:MOODS].tolist(), strict=True))
    assert (eight["happiness"], eight["anger"]) == (pytest.approx(0.7), pytest.approx(0.05))
    assert np.isnan(eight["contempt"])
    assert sent[MOODS] > 0.4, "pleasant"


def test_what_is_not_known_is_nan_and_no_picture_sets_no_flag() -> None:
    bare = replace(RECORD, faces=(Face(Box([0, 0, 9, 9], 0.5)),))
    signal = replace(signal_of(bare, bare.faces[0]), found=False)
    data = pack_frame(bare, signal, replace(NEWS, picture=b""))
    assert data[5] == 0
    row = floats(data, 48 + 4 * SIGNAL_FLOATS, FACE_FLOATS)
    assert row[0] == -1
    assert np.isnan(row[6:]).all()
    behind = replace(RECORD.faces[0].head_pose, translation_mm=[0, 0, -5])  # type: ignore[type-var]
    turned = replace(RECORD, faces=(replace(RECORD.faces[0], head_pose=behind),))
    row = floats(pack_frame(turned, signal, NEWS), 48 + 4 * SIGNAL_FLOATS, FACE_FLOATS)
    assert np.isnan(row[9:17]).all(), "a head behind the camera has no axes in the picture"


def test_names_and_numbers_agree_with_the_schemas() -> None:
    assert [len(load_schema(n)) for n in ("facs", "wflw98", "expression8")] == [UNITS, POINTS, MOODS]


def test_weights_without_the_profile_follow_the_faces() -> None:
    signal = signal_of(RECORD, RECORD.faces[0])
    plain = np.linspace(0, 1, 52, dtype=np.float32)
    data = pack_frame(RECORD, signal, replace(NEWS, plain=plain))
    assert data[5] == 7
    assert len(data) == 48 + 4 * (SIGNAL_FLOATS + FACE_FLOATS + 52) + len(NEWS.picture)
    assert floats(data, 48 + 4 * (SIGNAL_FLOATS + FACE_FLOATS), 52) == pytest.approx(plain)
    assert data.endswith(NEWS.picture)

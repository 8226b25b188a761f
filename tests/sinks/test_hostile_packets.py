"""Packets that are cut off, lie about counts or carry no numbers: dropped and counted, wire by wire.

The same through sockets: tests/recorder/test_receive_hostile.py.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from mien.animate.signal import FaceSignal
from mien.sinks.protocols.packets import LARGEST_PACKET, Intake
from mien.sinks.protocols.table import parse_target
from wire_samples import WIRES, hostile, sample

each = pytest.mark.parametrize("wire", WIRES)


def intake_of(wire: str) -> Intake:
    return Intake(parse_target(f"{wire}://").decoder())


def sane(signal: FaceSignal) -> bool:
    """Nothing but numbers within their limits and NaN for what is not known."""
    turns = (signal.head_xyzw, signal.left_eye_xyzw, signal.right_eye_xyzw)
    weights = signal.weights
    within = bool(((weights >= 0) & (weights <= 1) | np.isnan(weights)).all())
    unit = all(np.isnan(q).all() or abs(float(np.linalg.norm(q)) - 1) < 1e-3 for q in turns)
    return within and unit and not np.isinf(signal.head_mm).any()


def ends_of(bundle: bytes) -> set[int]:
    """Where a bundle may end: behind its head and behind each of its elements."""
    at, out = 16, {16}
    while at < len(bundle):
        at += 4 + struct.unpack_from(">i", bundle, at)[0]
        out.add(at)
    return out


@each
def test_cut_off_at_every_length(wire: str) -> None:
    for packet in sample(wire):
        good = set[int]()
        for length in range(len(packet)):
            intake = intake_of(wire)
            signals = intake.take(packet[:length], 1)
            assert all(sane(s) for s in signals)
            assert intake.packets + sum(intake.dropped.values()) == 1
            if intake.packets:
                good.add(length)
            if wire == "livelink":
                assert not any(s.found for s in signals), "a packet without values says that nobody is seen"
        if wire == "livelink":
            assert good == {len(packet) - 245}
        elif wire == "vmc":
            assert good == ends_of(packet) - {len(packet)}
        elif wire == "ifacialmocap":
            assert 0 < len(good) < len(packet), "text: whatever is whole is read"
        else:
            assert not good, "a record or a JSON object is whole or nothing"


@each
def test_each_lie_is_dropped_by_name(wire: str) -> None:
    for what, packet in hostile(wire).items():
        intake = intake_of(wire)
        assert intake.take(packet, 1) == [], what
        assert (intake.packets, sum(intake.dropped.values())) == (0, 1), what


@each
def test_a_lie_does_not_spoil_what_follows(wire: str) -> None:
    alone = [s for packet in sample(wire) for s in intake_of(wire).take(packet, 1)]
    intake = intake_of(wire)
    for packet in hostile(wire).values():
        intake.take(packet, 1)
    after = [s for packet in sample(wire) for s in intake.take(packet, 1)]
    if wire != "vmc":  # its weights come over several packets, and only the last completes them
        assert len(alone) == len(after) == 1
        np.testing.assert_array_equal(after[0].weights, alone[0].weights)
    assert sane(after[-1])
    assert after[-1].found


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e30])
def test_openseeface_no_number_in_any_field(value: float) -> None:
    (record,) = sample("osf")
    for offset in (12, 16, 20, 24, 29, *range(33, 1785, 4)):
        broken = record[:offset] + struct.pack("<f", value) + record[offset + 4 :]
        intake = intake_of("osf")
        assert intake.take(broken, 1) == [], offset
        assert sum(intake.dropped.values()) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e30])
def test_livelink_no_number_in_any_value(value: float) -> None:
    (packet,) = sample("livelink")
    for offset in range(len(packet) - 244, len(packet), 4):
        broken = packet[:offset] + struct.pack(">f", value) + packet[offset + 4 :]
        assert intake_of("livelink").take(broken, 1) == [], offset


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 400, '"1"', "true", "null", "[]"])
def test_json_texts_no_number_in_any_value(value: str) -> None:
    for wire in ("ws", "vts"):
        (text,) = sample(wire)
        table: Any = json.loads(text)
        for path in paths(table):
            intake = intake_of(wire)
            signals = intake.take(replaced(table, path, value), 1)
            assert all(sane(s) for s in signals), path
            if path[0] not in ("t_ns", "Timestamp", "Hotkey", "track_id", "Position"):
                assert signals == [], (path, value)


def paths(table: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where numbers are."""
    if isinstance(table, dict | list):
        items = table.items() if isinstance(table, dict) else enumerate(table)
        return [p for key, inner in items for p in paths(inner, (*path, key))]
    number = isinstance(table, int | float) and not isinstance(table, bool)
    return [path] if number and path[0] != "version" else []


def replaced(table: Any, path: tuple[Any, ...], value: str) -> bytes:
    """The text with something else in one place."""
    whole = json.loads(json.dumps(table))
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = "@@"
    return json.dumps(whole).replace('"@@"', value).encode()


@each
def test_the_longest_packet_is_read_and_a_longer_one_is_not(wire: str) -> None:
    intake = intake_of(wire)
    intake.take(bytes(LARGEST_PACKET), 1)
    intake.take(bytes(LARGEST_PACKET + 1), 1)
    assert intake.dropped["too long"] == 1
    assert sum(intake.dropped.values()) + intake.packets == 2

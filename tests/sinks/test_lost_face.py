"""A lost face: told to be unknown in a performance, live, on every wire and in JSON, where that is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from acted_takes import ActedTake, acted_take

from mien.animate.live import LiveFace
from mien.animate.performance import performance
from mien.sinks.exporters import json_clip
from mien.sinks.protocols.packets import Intake
from mien.sinks.protocols.table import parse_target
from wire_samples import WIRES

LOST = slice(10, 20)


@pytest.fixture(scope="module")
def take() -> ActedTake:
    """Thirty frames; in the middle ten nobody is seen."""
    whole = acted_take("30", 30)
    return ActedTake(tuple(replace(r, faces=()) if 10 <= i < 20 else r for i, r in enumerate(whole.acted)))


def test_a_performance_says_nan(take: ActedTake) -> None:
    held, nan = performance(take.records()), performance(take.records(), lost="nan")
    np.testing.assert_array_equal(nan.found, held.found)
    assert not nan.found[LOST].any()
    for name in ("weights", "head_xyzw", "left_eye_xyzw", "right_eye_xyzw", "head_translation_mm"):
        one, other = getattr(nan, name), getattr(held, name)
        assert np.isnan(one[LOST]).all(), name
        np.testing.assert_array_equal(one[nan.found], other[nan.found])
        assert np.isfinite(one[nan.found]).all(), name


@pytest.mark.parametrize("calm", [True, False])
def test_live_says_nan_and_goes_on_behind_it(take: ActedTake, calm: bool) -> None:
    face, hold = LiveFace(calm=calm, lost="nan"), LiveFace(calm=calm, lost="hold")
    signals = [face.signal(r) for r in take.records()]
    held = [hold.signal(r) for r in take.records()]
    for i, (signal, other) in enumerate(zip(signals, held, strict=True)):
        assert signal.t_ns == take.acted[i].stamp.t_ns
        assert signal.found == other.found == (not 10 <= i < 20)
        values = (signal.weights, signal.head_xyzw, signal.left_eye_xyzw, signal.right_eye_xyzw)
        if signal.found:
            assert all(np.isfinite(v).all() for v in values)
            np.testing.assert_array_equal(signal.weights, other.weights)
        else:
            assert all(np.isnan(v).all() for v in (*values, signal.head_mm))
            assert signal.track_id == other.track_id, "still whose face it was"
    assert not LiveFace(lost="nan").signal(take.acted[10]).found, "nobody was ever seen"


@pytest.mark.parametrize("wire", WIRES)
def test_no_wire_sends_nan(wire: str, take: ActedTake) -> None:
    face, encoder = LiveFace(lost="nan"), parse_target(f"{wire}://").encoder()
    lost = [face.signal(r) for r in take.records()][15]
    packets = encoder.encode(lost)
    if wire == "vts":
        assert json.loads(packets[0])["data"]["faceFound"] is False
        return
    intake = Intake(parse_target(f"{wire}://").decoder())
    got = [s for packet in packets for s in intake.take(packet, 1)]
    assert not intake.dropped
    assert len(got) == 1
    assert not np.nansum(got[0].weights), "receivers that cannot be told get zeros"
    if wire in ("livelink", "osf", "ws"):
        assert not got[0].found


def test_json_says_null(take: ActedTake, tmp_path: Path) -> None:
    options = json_clip.JsonOptions(lost="nan")
    (path,) = json_clip.export(take, tmp_path / "take.json", options=options)
    frames = json.loads(path.read_text())["frames"]
    assert [f["found"] for f in frames] == [not 10 <= i < 20 for i in range(30)]
    for frame in frames:
        for key in ("weights", "head_xyzw", "left_eye_xyzw", "right_eye_xyzw", "head_mm"):
            assert (frame[key] is None) == (not frame["found"]), key
    (path,) = json_clip.export(take, tmp_path / "held.json")
    held = json.loads(path.read_text())["frames"]
    assert all(f["weights"] == held[9]["weights"] for f in held[LOST])

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_takes import face, record, store

from mien.pipeline.registry import EXPORTERS, load
from mien.sinks.exporters.livelink_csv import LiveLinkOptions, export, timecode

HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,"
    "MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,"
    "BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,"
    "HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)


def seconds(code: str) -> float:
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d):(\d\d)\.(\d\d\d)", code)
    assert match, code
    h, m, s, ff, sub = map(int, match.groups())
    assert ff < 60
    return h * 3600 + m * 60 + s + (ff + sub / 1000) / 60


def read(path: Path) -> list[dict[str, float]]:
    """By header name, as a reader must."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = []
        for row in csv.DictReader(file, strict=True):
            assert None not in row
            assert row["BlendShapeCount"] == "61"
            numbers = {k: v for k, v in row.items() if k not in ("Timecode", "BlendShapeCount")}
            assert len(numbers) == 61
            assert all(re.fullmatch(r"-?\d+\.\d{10}", v) for v in numbers.values())
            rows.append({"t": seconds(row["Timecode"]), **{k: float(v) for k, v in numbers.items()}})
    return rows


def test_header_is_the_apps(tmp_path: Path) -> None:
    export(store(tmp_path, [record(0, face())]), tmp_path / "livelink.csv")
    assert (tmp_path / "livelink.csv").read_text().splitlines()[0] == HEADER


def test_values_arrive_under_their_names(tmp_path: Path) -> None:
    shapes = {"jawOpen": 0.5, "jawLeft": 0.25, "mouthRight": 0.75, "tongueOut": 0.125, "eyeBlinkLeft": 1.5}
    export(store(tmp_path, [record(i, face(shapes=shapes)) for i in range(3)]), tmp_path / "a.csv")
    rows = read(tmp_path / "a.csv")
    for row in rows:
        known = {k: v for k, v in row.items() if v and k != "t"}
        assert known == {"JawOpen": 0.5, "JawLeft": 0.25, "MouthRight": 0.75, "TongueOut": 0.125, "EyeBlinkLeft": 1.0}
    assert [r["t"] for r in rows] == pytest.approx([0, 0.04, 0.08], abs=1e-5)
    swapped = LiveLinkOptions(swap_mouth_sides=True)
    export(store(tmp_path / "b", [record(0, face(shapes=shapes))]), tmp_path / "b.csv", options=swapped)
    (row,) = read(tmp_path / "b.csv")
    assert (row["MouthLeft"], row["MouthRight"], row["JawLeft"]) == (0.75, 0, 0.25)


def test_rotations_are_radians_with_the_apps_signs(tmp_path: Path) -> None:
    one = face(head=(20, 10, 5), left=(15, -8), right=(-4, 6))
    take = store(tmp_path, [record(0, one)])
    export(take, tmp_path / "a.csv")
    (row,) = read(tmp_path / "a.csv")
    deg = {k: np.degrees(v) for k, v in row.items()}
    assert [deg["HeadYaw"], deg["HeadPitch"], deg["HeadRoll"]] == pytest.approx([-20, -10, 5], abs=1e-3)
    assert deg["LeftEyeYaw"] == pytest.approx(-15, abs=1e-3), "the left eye looking out has a negative yaw"
    assert deg["LeftEyePitch"] == pytest.approx(8, abs=1e-3), "down is positive"
    assert [deg["RightEyeYaw"], deg["RightEyePitch"]] == pytest.approx([4, -6], abs=1e-3)
    turned = LiveLinkOptions(head_yaw_sign=1, head_pitch_sign=1, head_roll_sign=-1, eye_yaw_sign=1, eye_pitch_sign=1)
    export(take, tmp_path / "b.csv", options=turned)
    (other,) = read(tmp_path / "b.csv")
    names = ("HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "RightEyePitch")
    assert [other[n] for n in names] == [-row[n] for n in names]


def test_other_faces_get_files_of_their_own(tmp_path: Path) -> None:
    records = [record(0, face(4)), record(1, face(4), face(9, shapes={"jawOpen": 1.0})), record(2)]
    take = store(tmp_path, records)
    assert export(take, tmp_path / "livelink.csv") == [tmp_path / "livelink.csv", tmp_path / "livelink.9.csv"]
    assert [len(read(tmp_path / n)) for n in ("livelink.csv", "livelink.9.csv")] == [3, 3]
    assert read(tmp_path / "livelink.9.csv")[2]["JawOpen"] == 1.0, "a lost face is held"
    assert export(take, tmp_path / "one.csv", track_id=9) == [tmp_path / "one.csv"]
    assert read(tmp_path / "one.csv")[1]["JawOpen"] == 1.0


def test_weights_are_as_measured_unless_asked_otherwise(tmp_path: Path) -> None:
    seen = [face(1, shapes={"jawOpen": 0.1 + 0.2 * (i % 2), "mouthClose": 0.5}) for i in range(9)]
    records = [*(record(i, f) for i, f in enumerate(seen)), *(record(9 + i) for i in range(20))]
    take = store(tmp_path, records)
    export(take, tmp_path / "raw.csv")
    raw = read(tmp_path / "raw.csv")
    assert [r["JawOpen"] for r in raw[:4]] == pytest.approx([0.1, 0.3, 0.1, 0.3])
    assert {r["MouthClose"] for r in raw} == {0.5}, "also above jawOpen: this is data, not a character"
    assert raw[-1]["JawOpen"] == pytest.approx(0.1)
    export(take, tmp_path / "b.csv", options=LiveLinkOptions(smooth=True, lost="fade"))
    calm = read(tmp_path / "b.csv")
    assert np.ptp([r["JawOpen"] for r in calm[:8]]) < 0.19
    assert calm[-1]["JawOpen"] < 0.01


def test_no_face_is_a_neutral_file(tmp_path: Path) -> None:
    export(store(tmp_path, [record(0), record(1)]), tmp_path / "a.csv")
    assert all(v == 0 for row in read(tmp_path / "a.csv") for k, v in row.items() if k != "t")


@given(st.integers(0, 90 * 3600 * 10**9))
def test_timecode_keeps_time_to_a_thousandth_of_a_frame(t_ns: int) -> None:
    assert seconds(timecode(t_ns)) == pytest.approx(t_ns / 1e9, abs=1 / 120_000 + 1e-9)


def test_a_30_hz_take_steps_by_two() -> None:
    assert [timecode(round(i * 1e9 / 30)) for i in range(3)] == [
        "00:00:00:00.000",
        "00:00:00:02.000",
        "00:00:00:04.000",
    ]


def test_options_are_found_by_the_registry() -> None:
    assert load(EXPORTERS["livelink"].target).Options is LiveLinkOptions


def test_a_short_false_finding_gets_no_file(tmp_path: Path) -> None:
    records = [record(i, face(1), *[face(2)] * (i < 5), *[face(3)] * (i < 4)) for i in range(100)]
    made = export(store(tmp_path, records), tmp_path / "livelink.csv")
    assert [p.name for p in made] == ["livelink.csv", "livelink.2.csv"]
    assert not (tmp_path / "livelink.3.csv").exists()
    assert export(store(tmp_path / "b", records), tmp_path / "three.csv", track_id=3) == [tmp_path / "three.csv"]


def test_the_head_is_turned_relative_to_the_line_of_sight(tmp_path: Path) -> None:
    """Seen from the front at the picture's edge: no turn here, a turn in the camera's frame of take.csv."""
    beside = face(head=(-45, 0, 0), place_mm=(600, 0, 600))
    export(store(tmp_path, [record(0, beside)]), tmp_path / "a.csv")
    (row,) = read(tmp_path / "a.csv")
    assert row["HeadYaw"] == pytest.approx(0, abs=1e-4)

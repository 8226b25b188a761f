from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_takes import HEADER, face, record, store

from mien.core.geometry import rotation_from_euler
from mien.core.measures import ActionUnits, HeadPose, Landmarks
from mien.core.schema import load_schema
from mien.errors import SinkError
from mien.pipeline.stage import SourceInfo
from mien.sinks.exporters.openface_csv import export

WFLW = load_schema("wflw98")
DIGITS = (
    ("frame|face_id|success", r"\d+"),
    ("timestamp", r"\d+\.\d{3}"),
    ("confidence", r"[01]\.\d{2}"),
    ("gaze_[01]_[xyz]", r"-?[01]\.\d{6}"),
    ("gaze_angle_[xy]|pose_R[xyz]", r"-?\d\.\d{3}"),
    ("pose_T[xyz]|[xy]_\\d+", r"-?\d+\.\d"),
    ("AU\\d\\d_[rc]", r"\d\.\d{2}"),
)


def read(path: Path) -> list[dict[str, float]]:
    """A strict reader: every row complete, every cell with its column's digits."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    header, body = rows[0], rows[1:]
    assert len(set(header)) == len(header)
    forms = [next(form for names, form in DIGITS if re.fullmatch(names, column)) for column in header]
    for row in body:
        assert len(row) == len(header)
        for cell, form in zip(row, forms, strict=True):
            assert re.fullmatch(form, cell), (cell, form)
    return [dict(zip(header, map(float, row), strict=True)) for row in body]


def test_columns_are_openface_2_2s_in_its_order(tmp_path: Path) -> None:
    take = store(tmp_path, [record(0, face())])
    assert export(take, tmp_path / "take.csv") == [tmp_path / "take.csv"]
    header = (tmp_path / "take.csv").read_text().splitlines()[0].split(",")
    aus = ["01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26"]
    assert header == [
        *["frame", "face_id", "timestamp", "confidence", "success"],
        *["gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_1_x", "gaze_1_y", "gaze_1_z", "gaze_angle_x", "gaze_angle_y"],
        *["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"],
        *(f"x_{i}" for i in range(68)),
        *(f"y_{i}" for i in range(68)),
        *(f"AU{a}_r" for a in [*aus, "45"]),
        *(f"AU{a}_c" for a in [*aus, "28", "45"]),
    ]


def test_rows_cover_every_face_and_every_frame(tmp_path: Path) -> None:
    take = store(tmp_path, [record(0), record(1, face(7), face(2)), record(2, face(None))])
    export(take, tmp_path / "take.csv")
    rows = read(tmp_path / "take.csv")
    assert [(r["frame"], r["face_id"], r["success"]) for r in rows] == [(1, 0, 0), (2, 2, 1), (2, 7, 1), (3, 0, 1)]
    assert [r["timestamp"] for r in rows] == [0.0, 0.04, 0.04, 0.08]
    assert rows[0]["confidence"] == 0
    assert all(v == 0 for k, v in rows[0].items() if k not in ("frame", "timestamp"))
    assert rows[1]["confidence"] == 0.75
    export(take, tmp_path / "one.csv", track_id=7)
    assert [(r["frame"], r["face_id"], r["success"]) for r in read(tmp_path / "one.csv")] == [
        (1, 7, 0),
        (2, 7, 1),
        (3, 7, 0),
    ]


def test_units_take_the_stronger_side_and_nan_becomes_zero(tmp_path: Path) -> None:
    values = np.zeros(42, np.float32)
    schema = load_schema("facs")
    values[schema.index("AU12_L")], values[schema.index("AU12_R")] = 1.0, 3.25
    values[schema.index("AU28")] = 1.5
    values[[schema.index("AU4_L"), schema.index("AU4_R")]] = np.nan
    one = replace(face(), action_units=ActionUnits.of(values, np.ones(42)))
    export(store(tmp_path, [record(0, one)]), tmp_path / "take.csv")
    (row,) = read(tmp_path / "take.csv")
    assert (row["AU12_r"], row["AU12_c"], row["AU28_c"], row["AU04_r"], row["AU04_c"]) == (3.25, 1, 1, 0, 0)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (20, 0, 0), (0, 15, 0), (0, 0, 10), (25, -10, 5)])
def test_pose_angles_rebuild_the_rotation(tmp_path: Path, yaw: float, pitch: float, roll: float) -> None:
    export(store(tmp_path, [record(0, face(head=(yaw, pitch, roll), place_mm=(10, 20, 600)))]), tmp_path / "take.csv")
    (row,) = read(tmp_path / "take.csv")
    a, b, c = (row[f"pose_R{axis}"] for axis in "xyz")
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    frontal = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(rx @ ry @ rz @ frontal, rotation_from_euler(yaw, pitch, roll), atol=2e-3)
    assert [row[f"pose_T{axis}"] for axis in "xyz"] == [10, 20, 600]
    if (yaw, pitch, roll) == (20, 0, 0):
        assert b < 0, "Ry + = turned to the subject's right"
    if (yaw, pitch, roll) == (0, 15, 0):
        assert a < 0, "Rx + = looks down"


def test_gaze_is_a_direction_in_the_camera(tmp_path: Path) -> None:
    looks = [face(), face(left=(20, 0), right=(20, 0)), face(left=(0, -15), right=(0, -15)), face(left=(30, 0))]
    closed = face(left=(np.nan, np.nan), right=(10, 0))
    export(store(tmp_path, [record(i, f) for i, f in enumerate([*looks, closed])]), tmp_path / "take.csv")
    ahead, left, down, differ, hidden = read(tmp_path / "take.csv")
    assert (ahead["gaze_0_x"], ahead["gaze_0_y"], ahead["gaze_0_z"]) == (0, 0, -1)
    assert (ahead["gaze_angle_x"], ahead["gaze_angle_y"]) == (0, 0)
    assert left["gaze_angle_x"] == pytest.approx(np.radians(20), abs=1e-3), "the subject's left is positive"
    assert down["gaze_angle_y"] == pytest.approx(np.radians(15), abs=1e-3), "down is positive"
    assert differ["gaze_0_x"] == 0, "eye 0 is on the left of the image: the subject's right"
    assert differ["gaze_1_x"] == pytest.approx(0.5, abs=1e-5)
    assert (hidden["gaze_1_x"], hidden["gaze_1_z"]) == (0, 0)
    assert hidden["gaze_angle_x"] == pytest.approx(np.radians(10), abs=1e-3)


NAN_POSE = HeadPose(np.full((3, 3), np.nan), np.full(3, np.nan), np.nan, 0.0)
LOST = {
    "landmarks": replace(face(), landmarks=None),
    "a point": replace(face(), landmarks=Landmarks(np.r_[[[np.nan] * 2], np.ones((97, 2))], np.ones(98), WFLW)),
    "pose": replace(face(), head_pose=NAN_POSE),
    "units": replace(face(), action_units=ActionUnits.of(np.full(42, np.nan), np.zeros(42))),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_face_that_could_not_be_measured_is_no_success(tmp_path: Path, lost: str) -> None:
    export(store(tmp_path, [record(0, LOST[lost]), record(1, face(left=(np.nan,) * 2))]), tmp_path / "take.csv")
    failed, blinked = read(tmp_path / "take.csv")
    assert (failed["success"], blinked["success"]) == (0, 1)
    if lost == "pose":
        assert [failed[f"pose_{k}"] for k in ("Tz", "Rx", "Ry", "Rz")] == [0, 0, 0, 0]


def test_landmarks_are_the_68_of_ibug(tmp_path: Path) -> None:
    one = face()
    export(store(tmp_path, [record(0, one)]), tmp_path / "take.csv")
    (row,) = read(tmp_path / "take.csv")
    for ibug, name in ((8, "contour_chin"), (30, "nose_tip"), (36, "right_eye_outer"), (45, "left_eye_outer")):
        assert one.landmarks is not None
        np.testing.assert_allclose([row[f"x_{ibug}"], row[f"y_{ibug}"]], one.landmarks[name], atol=0.051)
    np.testing.assert_allclose(row["x_48"], one.landmarks["mouth_right"][0], atol=0.051)


def test_blocks_that_nothing_measured_are_left_out(tmp_path: Path) -> None:
    bare = replace(face(), gaze=None, action_units=None)
    export(store(tmp_path, [record(0, bare)]), tmp_path / "take.csv")
    header = (tmp_path / "take.csv").read_text().splitlines()[0]
    assert "pose_Tx" in header
    assert "x_67" in header
    assert "gaze" not in header
    assert "AU" not in header


def test_a_camera_starts_at_zero(tmp_path: Path) -> None:
    late = [record(i, face(), t_ns=10**15 + i * 10**9) for i in range(2)]
    live = [replace(r, stamp=replace(r.stamp, clock="monotonic")) for r in late]
    take = store(tmp_path, live, source=SourceInfo("camera", "camera", clock="monotonic"))
    export(take, tmp_path / "take.csv")
    assert [r["timestamp"] for r in read(tmp_path / "take.csv")] == [0, 1]


def test_a_file_that_cannot_be_written_is_a_sink_error(tmp_path: Path) -> None:
    take = store(tmp_path, [record(0)])
    with pytest.raises(SinkError, match=r"take\.csv"):
        export(take, tmp_path / "missing" / "take.csv")
    assert HEADER.source.name == take.header.source.name

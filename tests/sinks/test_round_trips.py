"""Every exporter's file is read back and compared with the take, at six frame rates: weights, times, head."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import readers
from acted_takes import RATES, START_NS, ActedTake, acted_take, record_at
from readers import Curve
from sample_takes import HEADER, face, store
from scipy.spatial.transform import Rotation
from test_livelink_csv import seconds

from mien.core.schema import load_schema
from mien.pipeline.registry import EXPORTERS, load
from mien.sinks.exporters import blender, bvh, glb, json_clip, livelink_csv, openface_csv, unity, unreal, usd, vrma

sys.path.insert(0, str(Path(__file__).parents[1] / "avatar"))
from small_rigs import write_rig

SHAPES = load_schema("arkit52").names
UPPER = {n[0].upper() + n[1:]: n for n in SHAPES}
RIG = {"Fcl_EYE_Close_L": "eyeBlinkLeft", "jaw_open": "jawOpen", "MouthSmile_R": "mouthSmileRight"}
FRAMES = 12
Read = tuple[dict[str, Curve], Curve | None]
"""Shape → its curve, and the head's turn (x, y, z, w in Mien's axes)."""


def read_glb(take: ActedTake, folder: Path, few: dict[str, Any], interpolation: str) -> Read:
    options = glb.GlbOptions(interpolation=interpolation, smooth=False, **few)
    (path,) = glb.export(take, folder / "a.glb", options=options)
    found = readers.gltf_channels(path)
    return _split(found["head", "weights"], readers.target_names(path, "head")), found["head", "rotation"]


def read_own(take: ActedTake, folder: Path, few: dict[str, Any], interpolation: str) -> Read:
    rig, profile = write_rig(folder / "mine.glb"), folder / "p.toml"
    profile.write_text("[outputs]\n" + "".join(f"{n} = {{ {s} = 1.0 }}\n" for n, s in RIG.items()))
    own = {"avatar": str(rig), "profile": str(profile)}
    options = glb.GlbOptions(interpolation=interpolation, smooth=False, **own, **few)
    (path,) = glb.export(take, folder / "a.glb", options=options)
    found = readers.gltf_channels(path)
    shapes = _split(found["face", "weights"], readers.target_names(path, "face"))
    neck = Rotation.from_quat(readers.rotation_of(path, 0))
    turn = found["Head", "rotation"]

    def world(q: Any) -> Any:
        return (neck * Rotation.from_quat(q) * neck.inv()).as_quat()

    head = Curve(take.times_s, world(_unit(turn.at(take.times_s)))) if few else Curve(turn.times_s, world(turn.values))
    return {RIG[n]: c for n, c in shapes.items() if n in RIG}, head


def read_vrma(take: ActedTake, folder: Path, few: dict[str, Any]) -> Read:
    (path,) = vrma.export(take, folder / "a.vrma", options=vrma.VrmaOptions(expressions="arkit", **few))
    found = readers.gltf_channels(path)
    shapes = {}
    for (node, kind), curve in found.items():
        if kind == "translation":
            assert not curve.values[:, 1:].any()
            shapes[node.removeprefix("expression.")] = Curve(curve.times_s, curve.values[:, 0])
    return shapes, found["head", "rotation"]


def read_unity(take: ActedTake, folder: Path, few: dict[str, Any]) -> Read:
    (path,) = unity.export(take, folder / "a.anim", options=unity.UnityOptions(head_path="Head", **few))
    found = readers.unity_curves(path)
    shapes = {}
    for n in SHAPES:
        c = found["", f"blendShape.{n}"]
        shapes[n] = Curve(c.times_s, c.values / 100, *(s / 100 for s in (c.before, c.behind) if s is not None))
    times = take.times_s
    x, y, z = (found["Head", f"localEulerAnglesRaw.{a}"].at(times) for a in "xyz")
    # Unity turns about z, then x, then y, left-handed: its x points the other way.
    q = Rotation.from_euler("YXZ", np.stack([y, x, z], axis=1), degrees=True).as_quat() * [1, -1, -1, 1]
    return shapes, Curve(times, q)


def read_unreal(take: ActedTake, folder: Path, few: dict[str, Any], part: int) -> Read:
    made = unreal.export(take, folder / "take.unreal.json", options=unreal.UnrealOptions(**few))
    read = (readers.unreal_curves, readers.unreal_table, readers.unreal_script)[part]
    return {UPPER[n]: c for n, c in read(made[part]).items()}, None


def read_blender(take: ActedTake, folder: Path, few: dict[str, Any], kind: str) -> Read:
    options = blender.BlenderOptions(head="Head", **few)
    (path,) = blender.export(take, folder / "a.blender.py", options=options)
    found = readers.blender_curves(path, kind, SHAPES)
    turn = found.pop("Head")
    w, x, y, z = (turn.at(take.times_s) if few else turn.values).T
    return found, Curve(take.times_s, np.stack([x, z, -y, w], axis=1))


def read_usd(take: ActedTake, folder: Path, few: dict[str, Any]) -> Read:
    from pxr import Usd, UsdSkel

    (path,) = usd.export(take, folder / "a.usdc")
    stage = Usd.Stage.Open(str(path))
    animation = UsdSkel.Animation(stage.GetPrimAtPath("/Mien/Take"))
    weights, rotations = animation.GetBlendShapeWeightsAttr(), animation.GetRotationsAttr()
    codes = weights.GetTimeSamples()
    times = np.array(codes) / stage.GetTimeCodesPerSecond()
    values = np.array([weights.Get(c) for c in codes])
    joint = list(animation.GetJointsAttr().Get()).index("root/head")
    turns = [rotations.Get(c)[joint] for c in codes]
    head = Curve(times, np.array([[*q.GetImaginary(), q.GetReal()] for q in turns]))
    return _split(Curve(times, values), list(animation.GetBlendShapesAttr().Get())), head


def read_json(take: ActedTake, folder: Path, few: dict[str, Any]) -> Read:
    (path,) = json_clip.export(take, folder / "a.json")
    table = json.loads(path.read_text())
    times = np.array([f["time_s"] for f in table["frames"]])
    head = Curve(times, np.array([f["head_xyzw"] for f in table["frames"]]))
    return _split(Curve(times, np.array([f["weights"] for f in table["frames"]])), table["names"]), head


def read_livelink(take: ActedTake, folder: Path, few: dict[str, Any]) -> Read:
    stored = store(folder, list(take.acted))
    (path,) = livelink_csv.export(stored, folder / "a.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    times = np.array([seconds(r["Timecode"]) for r in rows]) - START_NS / 1e9
    shapes = {s: Curve(times, np.array([float(r[n]) for r in rows])) for n, s in UPPER.items()}
    yaw, pitch, roll = (np.array([float(r[f"Head{n}"]) for r in rows]) for n in ("Yaw", "Pitch", "Roll"))
    # Mien's own yaw is + to the subject's left, its pitch + up: here both are the other way round.
    return shapes, Curve(times, Rotation.from_euler("YXZ", np.stack([-yaw, pitch, roll], axis=1)).as_quat())


def read_parquet(take: ActedTake, folder: Path, few: dict[str, Any]) -> Read:
    stored = store(folder / "take", list(take.acted))
    (path,) = load(EXPORTERS["parquet"].target)(stored, folder / "copy.parquet")
    rows = pq.read_table(path).to_pylist()
    times = np.array([(r["t_ns"] - START_NS) / 1e9 for r in rows])
    values = np.array([r["faces"][0]["blendshapes"]["values"] for r in rows], float)
    assert repr(rows) == repr(pq.read_table(stored.path).to_pylist()), "NaN too"
    return _split(Curve(times, np.nan_to_num(values)), list(SHAPES)), None


def _split(curve: Curve, names: list[str]) -> dict[str, Curve]:
    columns = [
        [None if a is None else a[:, i] for a in (curve.values, curve.before, curve.behind)] for i in range(len(names))
    ]
    return {n: Curve(curve.times_s, *column) for n, column in zip(names, columns, strict=True)}  # type: ignore[arg-type]


def _unit(q: Any) -> Any:
    return q / np.linalg.norm(q, axis=1, keepdims=True)


READ: dict[str, Callable[[ActedTake, Path, dict[str, Any]], Read]] = {
    "glb linear": lambda *a: read_glb(*a, "linear"),
    "glb cubic": lambda *a: read_glb(*a, "cubic"),
    "own avatar linear": lambda *a: read_own(*a, "linear"),
    "own avatar cubic": lambda *a: read_own(*a, "cubic"),
    "vrma": read_vrma,
    "unity": read_unity,
    "unreal json": lambda *a: read_unreal(*a, 0),
    "unreal table": lambda *a: read_unreal(*a, 1),
    "unreal script": lambda *a: read_unreal(*a, 2),
    "blender 3.6": lambda *a: read_blender(*a, "3.6"),
    "blender 4.2": lambda *a: read_blender(*a, "fcurves"),
    "blender 4.5": lambda *a: read_blender(*a, "slots"),
    "blender 5.0": lambda *a: read_blender(*a, "channelbag"),
    "usd": read_usd,
    "json": read_json,
    "livelink": read_livelink,
    "parquet": read_parquet,
}
AS_MEASURED = ("livelink", "parquet")
"""The others keep mouthClose below jawOpen, as a character needs it."""
FEW = [n for n in READ if n not in ("usd", "json", "livelink", "parquet", "unreal table")]


def wanted_weights(take: ActedTake, name: str) -> Any:
    return np.nan_to_num(take.performance.weights) if name in AS_MEASURED else take.weights


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", READ)
def test_a_key_per_frame_is_the_take(name: str, rate: str, tmp_path: Path) -> None:
    if name == "usd":
        pytest.importorskip("pxr")
    take = acted_take(rate, FRAMES)
    shapes, head = READ[name](take, tmp_path, {})
    assert set(shapes) == set(RIG.values()) if "own" in name else set(shapes) == set(SHAPES)
    for shape, curve in shapes.items():
        wanted = wanted_weights(take, name)[:, SHAPES.index(shape)]
        if len(curve.times_s) == 1:
            assert np.ptp(wanted) == 0, "one key only of what never moves"
        else:
            np.testing.assert_allclose(curve.times_s, take.times_s, rtol=0, atol=1e-3)
        np.testing.assert_allclose(curve.at(curve.times_s), wanted[: len(curve.times_s)], rtol=0, atol=1e-4)
    if head is not None:
        np.testing.assert_allclose(head.times_s, take.times_s, rtol=0, atol=1e-3)
        off = Rotation.from_quat(head.values).inv() * Rotation.from_quat(take.performance.head_xyzw)
        assert off.magnitude().max() < 2e-4


@pytest.mark.parametrize("rate", ["24", "29.97", "200"])
@pytest.mark.parametrize("name", FEW)
def test_few_keys_stay_within_the_tolerances_at_every_frame(name: str, rate: str, tmp_path: Path) -> None:
    take = calm_take(rate)
    few = {"tolerance": 0.01, "turn_tolerance_deg": 0.5}
    shapes, head = READ[name](take, tmp_path, few)
    for shape, curve in shapes.items():
        wanted = take.weights[:, SHAPES.index(shape)]
        assert np.abs(curve.at(take.times_s) - wanted).max() <= 0.01 + 1e-4
        if name != "unreal script":  # it samples the keys of the JSON
            assert len(curve.times_s) < 0.7 * len(take.acted)
    if head is not None:
        q = _unit(head.at(take.times_s))
        off = Rotation.from_quat(q).inv() * Rotation.from_quat(take.performance.head_xyzw)
        assert np.degrees(off.magnitude()).max() <= 0.52


def calm_take(rate: str) -> ActedTake:
    """A second of slow waves with a little tremor."""
    frames = int(RATES[rate])
    t = np.arange(frames) / float(RATES[rate])
    rng = np.random.default_rng(5)
    waves = 0.4 + 0.3 * np.sin(2 * np.pi * (0.6 * t[:, None] + rng.random(52))) + rng.normal(0, 0.001, (frames, 52))
    head = np.stack([12 * np.sin(3 * t), 5 * t, -4 * np.cos(2 * t)], axis=1)
    gaze = np.zeros((frames, 2, 2)) + 4 * np.sin(2 * t)[:, None, None]
    return ActedTake(tuple(record_at(rate, i, waves[i].astype(np.float32), head[i], gaze[i]) for i in range(frames)))


@pytest.mark.parametrize("rate", RATES)
def test_bvh_and_openface_hold_no_weights_but_keep_time(rate: str, tmp_path: Path) -> None:
    """OpenFace's digits: 0.001 s, 0.01 of an action unit."""
    from bvh import Bvh

    take = acted_take(rate, FRAMES)
    (path,) = bvh.export(take, tmp_path / "head.bvh")
    motion = Bvh(path.read_text())
    np.testing.assert_allclose(np.arange(motion.nframes) * motion.frame_time, take.times_s, rtol=0, atol=1e-3)
    units = np.random.default_rng(2).uniform(0, 5, FRAMES)
    acted = [
        record_of(r.stamp, face(units={"AU12_L": u, "AU12_R": u / 2}, head=(5, 0, 0)))
        for r, u in zip(take.acted, units, strict=True)
    ]
    (table,) = openface_csv.export(store(tmp_path / "t", acted), tmp_path / "take.csv")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    times = np.array([float(r["timestamp"]) for r in rows]) - START_NS / 1e9
    np.testing.assert_allclose(times, take.times_s, rtol=0, atol=1e-3)
    np.testing.assert_allclose([float(r["AU12_r"]) for r in rows], units, rtol=0, atol=0.0051)
    assert {r["success"] for r in rows} == {"1"}
    assert HEADER.source.clock == "media"


def record_of(stamp: Any, one: Any) -> Any:
    from mien.core.record import FrameRecord

    return FrameRecord(stamp, (96, 80), None, (one,))

"""Every animation format is read back by somebody else's reader and compared with the take, at six frame rates."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest
from acted_takes import RATES, ActedTake, acted_take, same_curve
from bvh import Bvh
from sample_takes import face, record, store
from unityparser import UnityDocument

from mien.animate.profile import load_profile
from mien.core.geometry import FRONTAL, rotation_from_euler, rotation_from_quaternion
from mien.core.schema import load_schema
from mien.pipeline.registry import EXPORTERS, load
from mien.sinks.exporters import bvh, json_clip, unity, unreal, vrma

SHAPES = load_schema("arkit52").names
each_rate = pytest.mark.parametrize("rate", RATES)


def turned_alike(xyzw: Any, wanted: Any, atol: float = 1e-4) -> None:
    for one, other in zip(np.asarray(xyzw, float), np.asarray(wanted, float), strict=True):
        np.testing.assert_allclose(rotation_from_quaternion(one), rotation_from_quaternion(other), atol=atol)


@each_rate
def test_unreal_json_and_table(rate: str, tmp_path: Path) -> None:
    take = acted_take(rate, 20)
    made = unreal.export(take, tmp_path / "take.unreal.json")
    assert [p.name for p in made] == ["take.unreal.json", "take.unreal.csv", "take.unreal.py"]
    curves = {c["Name"]: c for c in json.loads(made[0].read_text())["curves"]}
    assert len(curves) == 52
    for i, name in enumerate(SHAPES):
        keys = curves[name[0].upper() + name[1:]]["Keys"]
        assert all(k["InterpMode"] == "RCIM_Cubic" and k["TangentMode"] == "RCTM_Auto" for k in keys)
        same_curve([k["Time"] for k in keys], [k["Value"] for k in keys], take.times_s, take.weights[:, i])
    with made[1].open(newline="") as file:
        head, *rows = list(csv.reader(file, strict=True))
    assert head[0] == "---"
    assert {len(row) for row in rows} == {len(head)}
    for i, row in enumerate(rows):
        same_curve([float(t) for t in head[1:]], [float(v) for v in row[1:]], take.times_s, take.weights[:, i])


def test_unreal_tangents_are_slopes_through_the_neighbours(tmp_path: Path) -> None:
    records = [record(i, face(shapes={"jawOpen": v})) for i, v in enumerate((0.0, 0.5, 1.0, 0.0))]
    unreal.export(store(tmp_path, records), tmp_path / "a.json")
    curves = {c["Name"]: c["Keys"] for c in json.loads((tmp_path / "a.json").read_text())["curves"]}
    slopes = [k["LeaveTangent"] for k in curves["JawOpen"]]
    assert slopes == pytest.approx([12.5, 12.5, -6.25, -25.0])
    assert [k["ArriveTangent"] for k in curves["JawOpen"]] == slopes
    assert len(curves["TongueOut"]) == 1


def test_metahuman_names(tmp_path: Path) -> None:
    shapes = {"mouthPucker": 0.5, "eyeLookInLeft": 1.0, "browInnerUp": 0.25}
    options = unreal.UnrealOptions(names="metahuman")
    unreal.export(store(tmp_path, [record(0, face(shapes=shapes))]), tmp_path / "a.json", options=options)
    curves = {c["Name"]: c["Keys"][0]["Value"] for c in json.loads((tmp_path / "a.json").read_text())["curves"]}
    moved = {n.removeprefix("CTRL_expressions_"): v for n, v in curves.items() if v}
    assert moved["mouthLipsPurseUL"] == 0.5
    assert moved["mouthFunnelDR"] == pytest.approx(0.376)
    assert moved["eyeLookRightL"] == 1.0
    assert moved["browLateralR"] == 0.25
    assert "mouthLipsPurseUL" in moved
    assert "jawOpen" not in moved


class UnityClip:
    """A `.anim` file as Unity's own rules have it, read with unityparser."""

    def __init__(self, path: Path) -> None:
        document = UnityDocument.load_yaml(str(path))
        assert path.read_text().splitlines()[:3] == [
            "%YAML 1.1",
            "%TAG !u! tag:unity3d.com,2011:",
            "--- !u!74 &7400000",
        ]
        (self.clip,) = document.entries
        assert type(self.clip).__name__ == "AnimationClip"
        self.curves = {(c["path"] or "", c["attribute"]): c for c in self.clip.m_FloatCurves}

    def keys(self, path: str, attribute: str) -> tuple[list[float], list[float], list[float]]:
        keys = self.curves[path, attribute]["curve"]["m_Curve"]
        return tuple([float(k[n]) for k in keys] for n in ("time", "value", "outSlope"))  # type: ignore[return-value]


@each_rate
def test_unity(rate: str, tmp_path: Path) -> None:
    take = acted_take(rate, 10)  # the YAML reader is slow
    options = unity.UnityOptions(path="Head/Face Mesh", prefix="face.", head_path="Head", names="Arkit")
    (path,) = unity.export(take, tmp_path / "take.anim", options=options)
    clip = UnityClip(path)
    assert float(clip.clip.m_AnimationClipSettings["m_StopTime"]) == pytest.approx(take.times_s[-1], abs=1e-3)
    for i, name in enumerate(SHAPES):
        attribute = f"blendShape.face.{name[0].upper()}{name[1:]}"
        assert int(clip.curves["Head/Face Mesh", attribute]["classID"]) == 137
        times_s, values, _ = clip.keys("Head/Face Mesh", attribute)
        same_curve(times_s, [v / 100 for v in values], take.times_s, take.weights[:, i])
    x, y, z = (np.radians(clip.keys("Head", f"localEulerAnglesRaw.{a}")[1]) for a in "xyz")
    assert int(clip.curves["Head", "localEulerAnglesRaw.x"]["classID"]) == 4
    for i, wanted in enumerate(take.performance.head_xyzw):
        left_handed = np.diag([-1, 1, 1]) @ rotation_from_quaternion(wanted) @ np.diag([-1, 1, 1])
        np.testing.assert_allclose(unity_rotation(x[i], y[i], z[i]), left_handed, atol=1e-4)


def unity_rotation(x: float, y: float, z: float) -> Any:
    """Unity's Euler angles: about z, then x, then y."""
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return ry @ rx @ rz


def test_unity_curves_stay_between_their_keys(tmp_path: Path) -> None:
    take = acted_take("30", 12)
    (path,) = unity.export(take, tmp_path / "take.anim")
    times_s, values, slopes = map(np.array, UnityClip(path).keys("", "blendShape.jawOpen"))
    s = np.linspace(0, 1, 21)[:, None]
    step = np.diff(times_s)
    curve = (2 * s**3 - 3 * s**2 + 1) * values[:-1] + step * (s**3 - 2 * s**2 + s) * slopes[:-1]
    curve += (3 * s**2 - 2 * s**3) * values[1:] + step * (s**3 - s**2) * slopes[1:]
    low, high = np.minimum(values[:-1], values[1:]), np.maximum(values[:-1], values[1:])
    assert (curve >= low - 1e-3).all()
    assert (curve <= high + 1e-3).all()


def test_unity_with_fewer_keys_stays_within_the_tolerance(tmp_path: Path) -> None:
    values = np.sin(np.linspace(0, np.pi, 50)) ** 2
    records = [record(i, face(shapes={"jawOpen": float(v)})) for i, v in enumerate(values)]
    options = unity.UnityOptions(tolerance=0.01)
    (path,) = unity.export(ActedTake(tuple(records)), tmp_path / "take.anim", options=options)
    clip = UnityClip(path)
    times_s, kept, after = map(np.array, clip.keys("", "blendShape.jawOpen"))
    before = np.array([float(k["inSlope"]) for k in clip.curves["", "blendShape.jawOpen"]["curve"]["m_Curve"]])
    assert len(times_s) <= 7
    for i, v in enumerate(values):
        k = min(int(np.searchsorted(times_s, i * 0.04, side="right")) - 1, len(times_s) - 2)
        step = times_s[k + 1] - times_s[k]
        s = (i * 0.04 - times_s[k]) / step
        curve = (2 * s**3 - 3 * s**2 + 1) * kept[k] + (3 * s**2 - 2 * s**3) * kept[k + 1]
        curve += step * ((s**3 - 2 * s**2 + s) * after[k] + (s**3 - s**2) * before[k + 1])
        assert curve / 100 == pytest.approx(v, abs=0.0101)


@pytest.mark.parametrize("name", ["yes", "a: b", "ein 'Name'", "12", 'a"b\\c', "# x"])
def test_unity_names_survive_yaml(name: str, tmp_path: Path) -> None:
    options = unity.UnityOptions(path=name)
    (path,) = unity.export(acted_take("25", 2), tmp_path / "take.anim", options=options)
    assert {p for p, _ in UnityClip(path).curves} == {name}


class Vrma:
    """A `.vrma` file read with pygltflib."""

    def __init__(self, path: Path) -> None:
        self.gltf = pygltflib.GLTF2().load_binary(str(path))
        self.blob = self.gltf.binary_blob()
        self.extension = self.gltf.extensions["VRMC_vrm_animation"]
        assert self.extension["specVersion"] == "1.0"
        assert self.gltf.extensionsUsed == ["VRMC_vrm_animation"]

    def array(self, index: int) -> Any:
        accessor = self.gltf.accessors[index]
        view = self.gltf.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        data = np.frombuffer(self.blob, np.float32, accessor.count * width, view.byteOffset)
        return data.reshape(accessor.count, width)

    def channel(self, node: int, path: str) -> tuple[Any, Any]:
        (channel,) = (c for c in self.gltf.animations[0].channels if c.target.node == node and c.target.path == path)
        sampler = self.gltf.animations[0].samplers[channel.sampler]
        return self.array(sampler.input)[:, 0], self.array(sampler.output)


@each_rate
def test_vrma(rate: str, tmp_path: Path) -> None:
    take = acted_take(rate)
    options = vrma.VrmaOptions(expressions="arkit")
    (path,) = vrma.export(take, tmp_path / "take.vrma", options=options)
    file = Vrma(path)
    assert set(file.extension["expressions"]) == {"custom"}
    assert set(file.extension["expressions"]["custom"]) == set(SHAPES)
    for i, name in enumerate(SHAPES):
        times_s, xyz = file.channel(file.extension["expressions"]["custom"][name]["node"], "translation")
        assert not xyz[:, 1:].any()
        same_curve(times_s.tolist(), xyz[:, 0].tolist(), take.times_s, take.weights[:, i])
    times_s, head = file.channel(file.extension["humanoid"]["humanBones"]["head"]["node"], "rotation")
    np.testing.assert_allclose(times_s, take.times_s, atol=1e-3)
    turned_alike(head, take.performance.head_xyzw)
    assert "leftEye" not in file.extension["humanoid"]["humanBones"]
    _, look = file.channel(file.extension["lookAt"]["node"], "rotation")
    forward = np.array([rotation_from_quaternion(q)[:, 2] for q in look])
    left = np.array([rotation_from_quaternion(q)[:, 2] for q in take.performance.left_eye_xyzw])
    right = np.array([rotation_from_quaternion(q)[:, 2] for q in take.performance.right_eye_xyzw])
    middle = (left + right) / np.linalg.norm(left + right, axis=1, keepdims=True)
    np.testing.assert_allclose(forward, middle, atol=0.01)


def test_vrma_presets_are_those_every_character_has(tmp_path: Path) -> None:
    shapes = {"eyeBlinkLeft": 0.75, "mouthSmileLeft": 1.0, "mouthSmileRight": 0.5, "mouthFunnel": 0.25}
    (path,) = vrma.export(store(tmp_path, [record(0, face(shapes=shapes))]), tmp_path / "a.vrma")
    file = Vrma(path)
    table = file.extension["expressions"]["preset"]
    assert not set(table) & {"lookUp", "lookDown", "lookLeft", "lookRight"}
    assert set(table) <= set(load_profile("vrm").names)
    values = {n: float(file.channel(e["node"], "translation")[1][0, 0]) for n, e in table.items()}
    assert {n: v for n, v in values.items() if v} == {"blinkLeft": 0.75, "happy": 0.75, "oh": 0.25}
    scene = file.gltf.scenes[0].nodes
    children = {c for n in file.gltf.nodes for c in n.children or []}
    assert set(scene) | children == set(range(len(file.gltf.nodes)))
    assert not set(scene) & children


@each_rate
def test_bvh(rate: str, tmp_path: Path) -> None:
    take = acted_take(rate)
    (path,) = bvh.export(take, tmp_path / "head.bvh")
    motion = Bvh(path.read_text())
    assert motion.get_joints_names() == ["Head", "LeftEye", "RightEye"]
    assert motion.joint_channels("Head")[3:] == ["Yrotation", "Xrotation", "Zrotation"]
    np.testing.assert_allclose(np.arange(motion.nframes) * motion.frame_time, take.times_s, atol=1e-3)
    p = take.performance
    for joint, wanted in (("Head", p.head_xyzw), ("LeftEye", p.left_eye_xyzw), ("RightEye", p.right_eye_xyzw)):
        channels = ["Yrotation", "Xrotation", "Zrotation"]
        for row, xyzw in zip(motion.frames_joint_channels(joint, channels), wanted, strict=True):
            y, x, z = map(float, row)
            np.testing.assert_allclose(
                FRONTAL @ rotation_from_euler(y, -x, z), rotation_from_quaternion(xyzw), atol=1e-4
            )
    depth = np.array(motion.frames_joint_channels("Head", ["Zposition"]), float)[:, 0]
    wanted = -(p.head_translation_mm[:, 2] - p.head_translation_mm[0, 2]) / 10
    np.testing.assert_allclose(depth, wanted, atol=1e-4)


def test_bvh_of_an_uneven_take_keeps_time(tmp_path: Path) -> None:
    take = acted_take("30", 60)
    gaps = ActedTake(tuple(r for i, r in enumerate(take.acted) if i % 7 != 2))
    (path,) = bvh.export(gaps, tmp_path / "head.bvh")
    motion = Bvh(path.read_text())
    assert motion.nframes == 60
    assert motion.frame_time == pytest.approx(1 / 30, abs=1e-6)
    wanted = bvh.angles_yxz(gaps.performance.head_xyzw)[[0, -1]]
    rows = motion.frames_joint_channels("Head", ["Yrotation", "Xrotation", "Zrotation"])
    np.testing.assert_allclose(np.array([rows[0], rows[-1]], float), wanted, atol=1e-3)


@each_rate
def test_json(rate: str, tmp_path: Path) -> None:
    take = acted_take(rate)
    (path,) = json_clip.export(take, tmp_path / "take.json")
    table = json.loads(path.read_text())
    assert table["names"] == list(SHAPES)
    assert table["rate_hz"] == pytest.approx(float(RATES[rate]), abs=1e-3)
    np.testing.assert_allclose([f["time_s"] for f in table["frames"]], take.times_s, atol=1e-6)
    np.testing.assert_allclose([f["weights"] for f in table["frames"]], take.weights, atol=1e-4)
    turned_alike([f["head_xyzw"] for f in table["frames"]], take.performance.head_xyzw)


NEW = ("unreal", "unity", "blender", "vrma", "usd", "bvh", "json")


@pytest.mark.parametrize("name", NEW)
def test_a_take_without_a_frame_and_a_second_person(name: str, tmp_path: Path) -> None:
    function, file_name = load(EXPORTERS[name].target), EXPORTERS[name].file_name
    made = function(ActedTake(()), tmp_path / file_name)
    assert made[0] == tmp_path / file_name
    assert all(p.stat().st_size > 0 for p in made)
    take = ActedTake(tuple(record(i, face(1), face(7), t_ns=i * 40_000_000) for i in range(3)))
    made = function(take, tmp_path / "two" / file_name) if (tmp_path / "two").mkdir() is None else []
    main, other = made[0], made[len(made) // 2]
    assert other.name == f"{main.stem}.7{main.suffix}"
    assert not list((tmp_path / "two").glob("*.tmp")) + list((tmp_path / "two").glob("*.part*"))
    (only,) = {p.name.partition(".")[0] for p in function(take, tmp_path / "two" / f"only{main.suffix}", track_id=7)}
    assert only == "only"

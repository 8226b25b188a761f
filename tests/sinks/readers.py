"""What the exported files hold, read by readers that are not Mien's: curves as keys, whatever the format calls them."""

from __future__ import annotations

import csv
import json
import re
import runpy
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pygltflib
from fake_blender import blender
from unityparser import UnityDocument

from mien.core.arrays import Float64


@dataclass
class Curve:
    """Keys (K,) or (K, N); slopes per second before and behind each key, None = straight lines."""

    times_s: Float64
    values: Float64
    before: Float64 | None = None
    behind: Float64 | None = None

    def at(self, times_s: Float64) -> Float64:
        """As a player shows it: Bézier pieces, by de Casteljau."""
        if len(self.times_s) == 1:
            return np.repeat(self.values, len(times_s), axis=0)
        place = np.clip(np.searchsorted(self.times_s, times_s, side="right") - 1, 0, len(self.times_s) - 2)
        step = np.diff(self.times_s)[place]
        wide = (-1,) + (1,) * (self.values.ndim - 1)
        s = np.clip((times_s - self.times_s[place]) / step, 0, 1).reshape(wide)
        points = [self.values[place], self.values[place + 1]]
        if self.before is not None and self.behind is not None:
            third = (step / 3).reshape(wide)
            points[1:1] = [
                self.values[place] + third * self.behind[place],
                self.values[place + 1] - third * self.before[place + 1],
            ]
        while len(points) > 1:
            points = [(1 - s) * a + s * b for a, b in pairwise(points)]
        return points[0]


def gltf_channels(path: Path) -> dict[tuple[str, str], Curve]:
    """(node, path) → its curve in the animation "take", by pygltflib."""
    gltf = pygltflib.GLTF2().load_binary(str(path))
    blob = gltf.binary_blob()

    def array(index: int) -> Any:
        accessor = gltf.accessors[index]
        view = gltf.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        return np.frombuffer(blob, "<f4", accessor.count * width, start).reshape(accessor.count, width).astype(float)

    (take,) = [a for a in gltf.animations if a.name == "take"]
    out = {}
    for channel in take.channels:
        sampler = take.samplers[channel.sampler]
        times = array(sampler.input)[:, 0]
        values = array(sampler.output)
        key = (gltf.nodes[channel.target.node].name, channel.target.path)
        if sampler.interpolation == "CUBICSPLINE":
            before, middle, behind = values.reshape(len(times), 3, -1).transpose(1, 0, 2)
            out[key] = Curve(times, middle, before, behind)
        else:
            assert sampler.interpolation == "LINEAR"
            out[key] = Curve(times, values.reshape(len(times), -1))
        assert (np.diff(times) > 0).all()
    return out


def target_names(path: Path, node: str) -> list[str]:
    gltf = pygltflib.GLTF2().load_binary(str(path))
    (mesh,) = [n.mesh for n in gltf.nodes if n.name == node]
    names: list[str] = gltf.meshes[mesh].extras["targetNames"]
    return names


def unity_curves(path: Path) -> dict[tuple[str, str], Curve]:
    (clip,) = UnityDocument.load_yaml(str(path)).entries
    out = {}
    for curve in clip.m_FloatCurves:
        keys = curve["curve"]["m_Curve"]
        columns = [np.array([float(k[n]) for k in keys]) for n in ("time", "value", "inSlope", "outSlope")]
        out[curve["path"] or "", curve["attribute"]] = Curve(*columns)
    return out


def unreal_curves(path: Path) -> dict[str, Curve]:
    out = {}
    for curve in json.loads(path.read_text())["curves"]:
        columns = [[k[n] for k in curve["Keys"]] for n in ("Time", "Value", "ArriveTangent", "LeaveTangent")]
        out[curve["Name"]] = Curve(*map(np.array, columns))
    return out


def unreal_table(path: Path) -> dict[str, Curve]:
    with path.open(newline="") as file:
        head, *rows = list(csv.reader(file, strict=True))
    times = np.array(head[1:], float)
    return {row[0]: Curve(times, np.array(row[1:], float)) for row in rows}


def unreal_script(path: Path) -> dict[str, Curve]:
    """The curves that the script adds, with a stand-in for the editor."""
    curves: dict[str, Curve] = {}

    def add(target: Any, name: str, times: list[float], values: list[float]) -> None:
        assert name in known
        curves[name] = Curve(np.array(times), np.array(values))

    known: set[str] = set()
    unreal: Any = ModuleType("unreal")
    unreal.AnimSequence = type("AnimSequence", (), {"get_path_name": lambda _: "/Game/Take"})
    unreal.AnimationLibrary = SimpleNamespace(
        does_curve_exist=lambda *_: False, add_curve=lambda _, name, *__: known.add(name), add_float_curve_keys=add
    )
    unreal.RawCurveTrackTypes = SimpleNamespace(RCT_FLOAT=0)
    unreal.EditorUtilityLibrary = SimpleNamespace(get_selected_assets=lambda: [unreal.AnimSequence()])
    unreal.EditorAssetLibrary = SimpleNamespace(save_loaded_asset=lambda _: None)
    unreal.ScopedEditorTransaction = Transaction
    unreal.log = lambda _: None
    _run(path, {"unreal": unreal})
    return curves


class Transaction:
    def __init__(self, name: str) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *exc: object) -> None: ...


def blender_curves(path: Path, kind: str, shapes: tuple[str, ...]) -> dict[str, Curve]:
    """The curves of a mesh with these shape keys and of the object "Head" (wxyz, (K, 4)), in seconds."""
    with blender(kind, shapes) as scene:
        _run(path, {})
        fps = scene.scene.render.fps / scene.scene.render.fps_base
        out = {}
        for (name, _), points in scene.curves_of(scene.key).items():
            shape = re.fullmatch(r'key_blocks\["(.*)"\]\.value', name)
            assert shape
            out[shape[1]] = _of_points(points, fps)
        turns = [_of_points(p, fps) for _, p in sorted(scene.curves_of(scene.head).items())]
    slopes = [None if turns[0].before is None else np.stack([getattr(c, n) for c in turns], 1) for n in _SIDES]
    out["Head"] = Curve(turns[0].times_s, np.stack([c.values for c in turns], 1), *slopes)
    return out


_SIDES = ("before", "behind")


def _of_points(points: Any, fps: float) -> Curve:
    at = np.array(points.co)
    times = (at[:, 0] - 1) / fps
    if set(points.interpolation) == {1}:
        return Curve(times, at[:, 1])
    assert set(points.interpolation) == {2}
    assert set(points.handle_left_type) == set(points.handle_right_type) == {0}
    left, right = (np.array(h).reshape(-1, 2) for h in (points.handle_left, points.handle_right))
    steps = np.diff(at[:, 0])
    np.testing.assert_allclose((right - at)[:-1, 0], steps / 3, atol=1e-6)
    np.testing.assert_allclose((at - left)[1:, 0], steps / 3, atol=1e-6)
    before = fps * (at - left)[:, 1] / (at - left)[:, 0]
    behind = fps * (right - at)[:, 1] / (right - at)[:, 0]
    return Curve(times, at[:, 1], before, behind)


def _run(path: Path, modules: dict[str, Any]) -> None:
    arguments, sys.argv = sys.argv, ["script"]
    before = {n: sys.modules.get(n) for n in modules}
    sys.modules.update(modules)
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv = arguments
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def rotation_of(path: Path, node: int) -> list[float]:
    """x, y, z, w of a node at rest."""
    return list(pygltflib.GLTF2().load_binary(str(path)).nodes[node].rotation)

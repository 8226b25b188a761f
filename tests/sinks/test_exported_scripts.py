"""The scripts that the Unreal and Blender exporters write, run with stand-ins for the editors."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from acted_takes import RATES, acted_take, same_curve
from fake_blender import blender

from mien.core.geometry import rotation_from_quaternion
from mien.core.schema import load_schema
from mien.sinks.exporters import blender as blender_exporter
from mien.sinks.exporters import unreal

SCHEMA = load_schema("arkit52")
FPS = 24 / 1.001
WANTED = {"jawOpen": "jawOpen", "EyeBlinkLeft": "eyeBlinkLeft", "mouthSmile_R": "mouthSmileRight"}


@pytest.fixture(autouse=True)
def no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["script"])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", ["3.6", "fcurves", "slots", "channelbag"])
def test_blender_gets_the_take(kind: str, rate: str, tmp_path: Path) -> None:
    take = acted_take(rate)
    options = blender_exporter.BlenderOptions(head="Head", left_eye="Eye that is not there")
    (path,) = blender_exporter.export(take, tmp_path / "take.blender.py", options=options)
    with blender(kind) as scene:
        runpy.run_path(str(path), run_name="__main__")
        curves = scene.curves_of(scene.key)
        assert set(curves) == {(f'key_blocks["{n}"].value', 0) for n in WANTED}
        for block, shape in WANTED.items():
            points = curves[f'key_blocks["{block}"].value', 0]
            assert set(points.interpolation) == {1}
            times_s = [(frame - 1) / FPS for frame, _ in points.co]
            same_curve(times_s, [v for _, v in points.co], take.times_s, take.weights[:, SCHEMA.index(shape)])
        turns = scene.curves_of(scene.head)
        wxyz = np.array([[v for _, v in turns["rotation_quaternion", i].co] for i in range(4)]).T
        assert scene.scene.frame_end >= 1 + take.times_s[-1] * FPS
    z_up = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    for (w, x, y, z), xyzw in zip(wxyz, take.performance.head_xyzw, strict=True):
        wanted = z_up @ rotation_from_quaternion(xyzw) @ z_up.T
        np.testing.assert_allclose(rotation_from_quaternion([x, y, z, w]), wanted, atol=1e-4)


def test_blender_without_curves_inserts_keys(tmp_path: Path) -> None:
    take = acted_take("30", 5)
    (path,) = blender_exporter.export(take, tmp_path / "take.blender.py")
    with blender("insert") as scene:
        runpy.run_path(str(path), run_name="__main__")
        blocks = {b.name: b for b in scene.key.key_blocks}  # type: ignore[attr-defined]
        keys = blocks["jawOpen"].inserted["value"]
        assert 'odd "name"' not in {n for n, b in blocks.items() if b.inserted}
    times_s, values = [(f - 1) / FPS for f, _ in keys], [v for _, v in keys]
    same_curve(times_s, values, take.times_s, take.weights[:, SCHEMA.index("jawOpen")])


class Library:
    """`unreal.AnimationLibrary`, with the calls of the engine's documentation."""

    def __init__(self) -> None:
        self.curves: dict[str, tuple[list[float], list[float]]] = {"JawOpen": ([0.0], [9.0])}

    def does_curve_exist(self, target: Any, name: str, kind: str) -> bool:
        return name in self.curves

    def remove_curve(self, target: Any, name: str) -> None:
        del self.curves[name]

    def add_curve(self, target: Any, name: str, kind: str, meta_data: bool) -> None:
        assert kind == "RCT_FLOAT"
        assert meta_data is False
        assert name not in self.curves
        self.curves[name] = ([], [])

    def add_float_curve_keys(self, target: Any, name: str, times: list[float], values: list[float]) -> None:
        self.curves[name] = (times, values)


class Transaction:
    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None: ...
    def __exit__(self, *exc: object) -> None: ...


class AnimSequence:
    saved = False

    def get_path_name(self) -> str:
        return "/Game/Take"


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("unreal")
    module.selected, module.assets = [object(), AnimSequence()], {"/Game/Take": AnimSequence()}
    module.AnimSequence, module.AnimationLibrary = AnimSequence, Library()
    module.RawCurveTrackTypes = SimpleNamespace(RCT_FLOAT="RCT_FLOAT")
    module.EditorUtilityLibrary = SimpleNamespace(get_selected_assets=lambda: module.selected)
    module.load_asset = module.assets.get
    module.EditorAssetLibrary = SimpleNamespace(save_loaded_asset=lambda one: setattr(one, "saved", True))
    module.ScopedEditorTransaction, module.log = Transaction, lambda text: None
    monkeypatch.setitem(sys.modules, "unreal", module)
    return module


def test_unreal_gets_the_take(editor: Any, tmp_path: Path) -> None:
    take = acted_take("29.97")
    script = unreal.export(take, tmp_path / "take.unreal.json")[2]
    runpy.run_path(str(script), run_name="__main__")
    curves = editor.AnimationLibrary.curves
    assert len(curves) == 52
    for i, name in enumerate(SCHEMA.names):
        same_curve(*curves[name[0].upper() + name[1:]], take.times_s, take.weights[:, i])
    assert editor.selected[1].saved


def test_unreal_asset_by_name_and_nothing_selected(editor: Any, tmp_path: Path) -> None:
    options = unreal.UnrealOptions(asset="/Game/Take")
    script = unreal.export(acted_take("30", 3), tmp_path / "a.json", options=options)[2]
    editor.selected = []
    runpy.run_path(str(script), run_name="__main__")
    assert editor.assets["/Game/Take"].saved
    script = unreal.export(acted_take("30", 3), tmp_path / "b.json")[2]
    with pytest.raises(RuntimeError, match="select an AnimSequence"):
        runpy.run_path(str(script), run_name="__main__")

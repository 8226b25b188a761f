from __future__ import annotations

import io
import json
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.avatar.check import check_rig, plain_name
from mien.cli.main import main
from mien.core.schema import load_schema
from mien.errors import SourceError

SHAPES = load_schema("arkit52").names


def rig(path: Path, names: list[str], *, dead: tuple[str, ...] = (), extensions: dict[str, Any] | None = None) -> Path:
    """A GLB whose one mesh has these morph targets; there is no geometry to read."""
    accessors = [{"min": [0, 0, 0], "max": [0, 0.0 if n in dead else 0.1, 0]} for n in names]
    targets = [{"POSITION": i} for i in range(len(names))]
    mesh = {"primitives": [{"targets": targets}], "extras": {"targetNames": names}}
    table = {"asset": {"version": "2.0"}, "meshes": [mesh], "accessors": accessors, "extensions": extensions or {}}
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(struct.pack("<5I", 0x46546C67, 2, 20 + len(text), len(text), 0x4E4F534A) + text)
    return path


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("eyeBlinkLeft", "eyeblinkleft"),
        ("EyeBlink_L", "eyeblinkleft"),
        ("face.eyeBlink_R", "eyeblinkright"),
        ("eye blink left", "eyeblinkleft"),
        ("browDownL", "browdownleft"),
        ("mouthRollLower", "mouthrolllower"),
        ("jaw_open", "jawopen"),
        ("FILL", "fill"),
    ],
)
def test_names_are_the_same_however_they_are_spelled(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_a_rig_of_many_spellings(tmp_path: Path) -> None:
    names = ["jawOpen", "EyeBlink_L", "Fcl_EYE_Close_R", "browInnerUp_L", "browInnerUp_R", "mouthSmileLeft", "hairLong"]
    report = check_rig(rig(tmp_path / "a.glb", names, dead=("mouthSmileLeft",)))
    found = {m.shape: (m.kind, dict(m.parts)) for m in report.matches}
    assert found["jawOpen"] == ("same", {"jawOpen": 1.0})
    assert found["eyeBlinkLeft"] == ("spelling", {"EyeBlink_L": 1.0})
    assert found["eyeBlinkRight"] == ("alias", {"Fcl_EYE_Close_R": 1.0})
    assert found["browInnerUp"] == ("halves", {"browInnerUp_L": 1.0, "browInnerUp_R": 1.0})
    assert found["browOuterUpLeft"] == ("instead", {"browInnerUp": 0.5})
    assert found["mouthDimpleLeft"] == ("missing", {}), "what is dead stands in for nothing"
    assert [m.shape for m in report.matches if m.dead] == ["mouthSmileLeft"]
    assert report.unused == ("hairLong",)
    assert report.count("same", "spelling", "alias", "halves") == 5


def test_perfect_sync_is_counted_in_both_vrms(tmp_path: Path) -> None:
    one = {"VRMC_vrm": {"expressions": {"preset": {"happy": {}}, "custom": {n: {} for n in SHAPES}}}}
    report = check_rig(rig(tmp_path / "a.vrm", list(SHAPES), extensions=one))
    assert (report.kind, report.perfect_sync, report.count("same")) == ("VRM 1", 52, 52)
    zero = {"VRM": {"blendShapeMaster": {"blendShapeGroups": [{"name": "JawOpen"}, {"name": "Joy"}]}}}
    report = check_rig(rig(tmp_path / "b.vrm", [], extensions=zero))
    assert (report.kind, report.perfect_sync, report.expressions) == ("VRM 0", 1, ("JawOpen", "Joy"))


def test_the_built_in_character_has_everything(tmp_path: Path) -> None:
    from mien.avatar.builtin import builtin_character
    from mien.avatar.glb import write_character

    buffer = io.BytesIO()
    write_character(buffer, builtin_character())
    (tmp_path / "mien.glb").write_bytes(buffer.getvalue())
    report = check_rig(tmp_path / "mien.glb")
    assert report.count("same") == 52
    assert not any(m.dead for m in report.matches)


@given(data=st.binary(max_size=60), cut=st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_foreign_and_damaged_files_are_explained(
    data: bytes, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rig")
    whole = rig(folder / "a.glb", ["jawOpen"]).read_bytes()
    for broken in (data, whole[: cut % len(whole)], whole[:20] + data):
        (folder / "b.glb").write_bytes(broken)
        with pytest.raises(SourceError, match=r"b\.glb"):
            check_rig(folder / "b.glb")


@pytest.mark.parametrize(
    "meshes", [[1], [{"primitives": 3}], [{"primitives": [{"targets": [{"POSITION": 9}]}]}], {"a": 1}]
)
def test_nonsense_inside_is_explained(meshes: Any, tmp_path: Path) -> None:
    table = {"asset": {}, "meshes": meshes}
    if isinstance(meshes, list) and isinstance(meshes[0], dict):
        meshes[0]["extras"] = {"targetNames": ["jawOpen"]}
    (tmp_path / "a.gltf").write_text(json.dumps(table))
    with pytest.raises(SourceError, match="cannot be understood"):
        check_rig(tmp_path / "a.gltf")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = rig(tmp_path / "a.glb", ["jawOpen", "eyeBlink_L"])
    for extra in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["mien", "avatar", "check", str(path), *extra])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code
    text, _, table = capsys.readouterr().out.partition("{")
    assert "2 of 52 shapes" in text
    assert "eyeBlinkLeft ← eyeBlink_L" in text
    assert json.loads("{" + table)["present"] == 2


def test_a_character_that_is_cut_off_is_listed_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mien.avatar.builtin import builtin_character
    from mien.avatar.glb import write_character

    buffer = io.BytesIO()
    write_character(buffer, builtin_character())
    cut = tmp_path / "cut.glb"
    cut.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) * 2 // 3])
    monkeypatch.setattr(sys, "argv", ["mien", "avatar", "check", str(cut)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code
    told = capsys.readouterr()
    assert "52 of 52 shapes" in told.out
    assert "the file is cut off" in told.err

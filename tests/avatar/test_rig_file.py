"""Foreign characters: geometry, proposals, sheets; and files that lie."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_rigs import face_positions, offsets, write_rig

from mien.animate.profile import profile_of
from mien.avatar.check import check_rig
from mien.avatar.gltf_arrays import GltfArrays
from mien.avatar.propose import profile_text, shape_table
from mien.avatar.rig_character import rig_character
from mien.avatar.rig_file import read_rig
from mien.avatar.sheet import shape_sheet
from mien.core.schema import load_schema
from mien.errors import MienError, SourceError

ARKIT = load_schema("arkit52")


@pytest.mark.parametrize("skinned", [False, True])
def test_a_face_stands_where_its_bones_put_it(tmp_path: Path, skinned: bool) -> None:
    rig = read_rig(write_rig(tmp_path / "a.glb", skinned=skinned))
    (mesh,) = rig.meshes
    np.testing.assert_allclose(mesh.positions, face_positions() + np.float32([0, 1.5, 0]), atol=1e-6)
    for name in ("jaw_open", "Fcl_EYE_Close_L"):
        np.testing.assert_allclose(mesh.targets[name], offsets(name, face_positions()), atol=1e-6)
    assert "dead" not in mesh.targets
    assert set(rig.origins) == {"head", "eye_left", "eye_right"}
    np.testing.assert_allclose(rig.origins["head"], [0, 1.5, 0], atol=1e-6)
    np.testing.assert_allclose(rig.origins["eye_left"], [0.03, 1.53, 0], atol=1e-6)
    assert (mesh.bone == 1).all(), "it moves with the head"
    assert len(np.unique(mesh.colours[:, 1])) == 2, "coloured by its texture"


@pytest.mark.parametrize("vrm0", [False, True])
def test_a_rig_becomes_a_character_that_looks_forward(tmp_path: Path, vrm0: bool) -> None:
    path = write_rig(tmp_path / "a.vrm", vrm0=vrm0)
    character = rig_character(path, shape_table(check_rig(path)))
    (part,) = character.parts
    assert part.node == "head"
    blink = part.morphs["eyeBlinkLeft"]
    moved = part.positions[np.abs(blink).max(axis=1) > 0]
    assert moved[:, 0].min() > 0, "the subject's left is +x"
    assert blink[:, 1].min() < 0
    assert (part.normals[:, 2] > 0).mean() > 0.9, "the face looks along +z"
    sheet = shape_sheet(character, {"jawOpen": "spelling: jaw_open"})
    rest, shut = sheet[:176, :176].astype(int), sheet[:176, 176:352].astype(int)
    assert np.abs(rest - shut).max() > 20, "the blink is seen"
    still = sheet[:176, 2 * 176 : 3 * 176].astype(int)
    assert np.abs(rest - still).max() < 4, "eyeLookDownLeft is missing"


def test_the_proposal_is_a_profile_that_can_be_read(tmp_path: Path) -> None:
    report = check_rig(write_rig(tmp_path / "a.glb"))
    text = profile_text(report)
    profile = profile_of(text, "a")
    assert set(profile.names) >= {"Fcl_EYE_Close_L", "jaw_open", "MouthSmile_R"}
    given = np.zeros(52, np.float32)
    given[ARKIT.index("eyeBlinkLeft")] = 0.7
    assert profile(given)[profile.names.index("Fcl_EYE_Close_L")] == pytest.approx(0.7)
    assert "Not to be shown on this rig" in text
    assert "alias" in text


def test_names_of_every_kind_survive_the_profile(tmp_path: Path) -> None:
    from mien.avatar.check import Match, RigReport

    odd = 'a "b" = [c] \\ # ü\t.'
    matches = tuple(Match(s, "same" if i else "alias", {odd if i == 0 else s: 1.0}) for i, s in enumerate(ARKIT.names))
    profile = profile_of(profile_text(RigReport(Path("x\n.glb"), "glTF", matches, (), (), 0)), "odd")
    assert profile.names[0] == odd


def test_a_gltf_with_its_data_inside_and_beside(tmp_path: Path) -> None:
    glb = GltfArrays(write_rig(tmp_path / "a.glb"))
    (tmp_path / "data.bin").write_bytes(glb.buffers[0])
    table = dict(glb.gltf)
    for uri in ("data.bin", "data:application/octet-stream;base64," + base64.b64encode(glb.buffers[0]).decode()):
        table["buffers"] = [{"byteLength": len(glb.buffers[0]), "uri": uri}]
        (tmp_path / "b.gltf").write_text(json.dumps(table))
        np.testing.assert_array_equal(
            read_rig(tmp_path / "b.gltf").meshes[0].positions, read_rig(tmp_path / "a.glb").meshes[0].positions
        )
    for uri in (
        "../secret.bin",
        "/etc/passwd",
        "http://example.com/x.bin",
        "file:///etc/passwd",
        "data:,%%%",
        "no.bin",
    ):
        table["buffers"] = [{"byteLength": 10, "uri": uri}]
        (tmp_path / "b.gltf").write_text(json.dumps(table))
        with pytest.raises(SourceError, match=r"b\.gltf"):
            read_rig(tmp_path / "b.gltf")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("accessors", 0, "count"), 10**9),
        (("accessors", 0, "count"), -1),
        (("accessors", 0, "componentType"), 7),
        (("accessors", 0, "byteOffset"), 10**12),
        (("bufferViews", 0, "buffer"), -1),
        (("bufferViews", 0, "byteLength"), 10**9),
        (("meshes", 0, "primitives", 0, "indices"), 0),
        (("accessors", 0, "count"), float("inf")),
        (("nodes", 4, "mesh"), 99),
        (("nodes",), [{"mesh": 0}] * 10_000),  # little to read, much to hold
        (("nodes", 0, "children"), [0]),
        (("nodes", 2, "children"), [0]),
        (("nodes", 0, "rotation"), [0, 0, 0, 0]),
        (("nodes", 0, "rotation"), "up"),
        (("extensionsRequired",), ["KHR_draco_mesh_compression"]),
        (("meshes",), []),
    ],
)
def test_a_file_that_contradicts_itself_is_one_clear_error(tmp_path: Path, path: tuple, value: object) -> None:
    good = GltfArrays(write_rig(tmp_path / "a.glb"))
    table = json.loads(json.dumps(good.gltf))
    place = table
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 4)
    data = good.buffers[0]
    total = 28 + len(text) + len(data)
    head = struct.pack("<5I", 0x46546C67, 2, total, len(text), 0x4E4F534A)
    (tmp_path / "b.glb").write_bytes(head + text + struct.pack("<2I", len(data), 0x004E4942) + data)
    with pytest.raises(SourceError, match=r"b\.glb"):
        read_rig(tmp_path / "b.glb")


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(0, 9000), at=st.integers(0, 9000), byte=st.integers(0, 255))
def test_damaged_bytes_never_crash(tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, byte: int) -> None:
    folder = tmp_path_factory.mktemp("rig")
    content = bytearray(write_rig(folder / "a.glb").read_bytes())
    content[at % len(content)] = byte
    (folder / "b.glb").write_bytes(bytes(content[: max(len(content) - cut, 0)]))
    try:
        report = check_rig(folder / "b.glb")
        rig_character(folder / "b.glb", shape_table(report))
    except MienError as error:
        assert "b.glb" in str(error)


def test_the_command_writes_a_sheet_and_a_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from mien.cli.main import main

    rig, sheet, profile = write_rig(tmp_path / "a.glb"), tmp_path / "s.png", tmp_path / "p.toml"

    def run(*more: str) -> int:
        monkeypatch.setattr(sys, "argv", ["mien", "avatar", "check", str(rig), *more])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    assert run("--sheet", str(sheet), "--profile", str(profile)) == 0
    with Image.open(sheet) as picture:
        assert picture.size[0] == 8 * 176
    assert "jaw_open" in profile.read_text()
    assert run("--profile", str(profile)) == 2, "what is there is not replaced"
    assert run("--sheet", str(rig), "--overwrite") == 2, "never the character itself"
    assert run("--sheet", str(tmp_path / "s.jpg")) == 2
    assert "overwrite" in capsys.readouterr().err

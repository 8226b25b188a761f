"""Folders that users name: what is missing or odd in them is said; a sound tiny copy loads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig_files import check_numbers, offsets_of, read_arrays

FILES = {"ict": "ict_light.npz", "makehuman": "makehuman_head.npz", "valid": "topology.npz"}
PARTS = {"head": 9344, "eye_l": 201, "eye_r": 201, "gland_l": 138, "gland_r": 138}
PARTS |= {"teeth_lower": 4729, "teeth_upper": 4368}


def write_valid(root: Path) -> Path:
    """A copy with the published layout and nothing but flat shapes in it."""
    (root / "people").mkdir(parents=True)
    topology = {f"{p}_tri": np.array([[0, 1, 2]], np.uint16) for p in PARTS}
    topology |= {f"{p}_uv": np.zeros((n, 2), np.float32) for p, n in PARTS.items()}
    for part, names in (("head", ["Smile"]), ("teeth", ["t_Smile", "OutMiddle_tg"])):
        topology[f"{part}_target_names"] = np.array(names)
        topology[f"{part}_delta_offsets"] = np.arange(len(names) + 1, dtype=np.int32)
        topology[f"{part}_delta_index"] = np.arange(len(names), dtype=np.uint16)
    np.savez(root / "topology.npz", **topology)
    person = {p: np.zeros((n, 3), np.float32) for p, n in PARTS.items()}
    person |= {"head_delta": np.full((1, 3), 10, np.int16), "teeth_delta": np.full((2, 3), 10, np.int16)}
    person |= {"head_delta_scale": np.float32(1e-4), "teeth_delta_scale": np.float32(1e-4)}
    person |= {
        "joint_lefteye": np.array([0.03, 0, 0], np.float32),
        "joint_righteye": np.array([-0.03, 0, 0], np.float32),
    }
    np.savez(root / "people" / "A.npz", **person)
    entry = {"id": "A", "geometry": "people/A.npz", "textures": {"skin_color": "textures/A.webp"}, "sex_label": "F"}
    (root / "people.json").write_text(json.dumps([entry]), encoding="utf-8")
    recipe = {name: {"targets": {}} for name in load_schema("arkit52").names}
    recipe["mouthSmileLeft"] = {"targets": {"Smile": 1.0}}
    (root / "arkit_map.json").write_text(json.dumps({"arkit_to_targets": recipe}), encoding="utf-8")
    return root


def test_a_sound_copy_loads(tmp_path: Path) -> None:
    rig = load_rig("valid", write_valid(tmp_path / "valid"))
    who = rig.identity(np.random.default_rng(0))
    assert who.name == "valid-A"
    assert who.labels == {"sex": "F"}
    assert who.textures["skin"].name == "A.webp"
    weights = np.zeros(52)
    weights[load_schema("arkit52").index("mouthSmileLeft")] = 1.0
    moved = rig.pose(who, weights).vertices - rig.pose(who, np.zeros(52)).vertices
    assert moved[0] == pytest.approx([1.0, 1.0, 1.0], abs=1e-4), "10 steps of 0.1 mm"
    assert np.count_nonzero(moved.any(axis=1)) == 2, "the teeth follow"


def damage_people(value: object) -> Callable[[Path], object]:
    return lambda root: (root / "people.json").write_text(json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "people.json").unlink(), r"people\.json cannot be read"),
        (lambda root: (root / "people.json").write_bytes(b"\xff\xfe{"), "not JSON in UTF-8"),
        (damage_people({}), "list of people"),
        (damage_people([]), "list of people"),
        (damage_people([{"id": "A"}]), "needs id, geometry"),
        (damage_people([{"id": "B", "geometry": "people/B.npz"}]), "files are missing: B"),
        (damage_people([{"id": "B", "geometry": "../outside.npz"}]), "outside the folder"),
        (lambda root: (root / "arkit_map.json").unlink(), r"arkit_map\.json cannot be read"),
        (lambda root: (root / "arkit_map.json").write_text("{}", encoding="utf-8"), "no usable entry"),
        (lambda root: (root / "people" / "A.npz").write_bytes(b"PK nonsense"), "cannot be read"),
    ],
)
def test_odd_copies_are_explained(damage: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    root = write_valid(tmp_path / "valid")
    damage(root)
    with pytest.raises(SourceError, match=message):
        load_rig("valid", root)


def test_a_map_to_targets_that_do_not_exist_is_refused(tmp_path: Path) -> None:
    root = write_valid(tmp_path / "valid")
    table = json.loads((root / "arkit_map.json").read_text(encoding="utf-8"))
    table["arkit_to_targets"]["jawOpen"] = {"targets": {"Yawn": 1.0}}
    (root / "arkit_map.json").write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(SourceError, match="Yawn"):
        load_rig("valid", root)


@pytest.mark.parametrize("name", FILES)
def test_an_empty_folder_is_explained(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=FILES[name].replace(".", r"\.")):
        load_rig(name, tmp_path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(64), b"\x80\x04\x95"])
def test_a_file_that_is_none_is_explained(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILES[name]).write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read"):
        load_rig(name, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_another_rigs_file_is_refused(name: str, tmp_path: Path) -> None:
    np.savez(tmp_path / FILES[name], x=np.zeros(3))
    with pytest.raises(SourceError, match="has no array"):
        load_rig(name, tmp_path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 2)), "expected shape"),
        (np.array([[0.0, np.nan, 0.0]]), "not finite"),
        (np.array([["a", "b", "c"]]), "must hold numbers"),
        (np.array([[{}, {}, {}]]), "allow_pickle"),
    ],
)
def test_odd_arrays_are_refused(array: np.ndarray, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=array)
    with pytest.raises(SourceError, match=message):
        read_arrays(tmp_path / "x.npz", {"a": (None, 3)}, "test")


def test_numbers_outside_the_mesh_are_refused() -> None:
    check_numbers(np.array([0, 4]), 5, "here")
    for odd in (np.array([5]), np.array([-1])):
        with pytest.raises(SourceError, match="between 0 and 4"):
            check_numbers(odd, 5, "here")
    with pytest.raises(SourceError, match="whole"):
        check_numbers(np.array([0.5]), 5, "here")


def test_targets_outside_the_table_are_refused() -> None:
    assert offsets_of(np.zeros(5), np.array([0, 2, 5]), 1, "here") == slice(2, 5)
    for starts in ([0, 6], [3, 2], [-1, 2]):
        with pytest.raises(SourceError, match="outside the table"):
            offsets_of(np.zeros(5), np.array(starts), 0, "here")

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pygltflib
import pytest

from mien.animate.performance import Performance, performance
from mien.avatar.builtin import builtin_character
from mien.avatar.character import SHAPES, playable
from mien.core.arrays import AnyArray
from mien.core.geometry import local_rotation, quaternion_from_rotation, rotation_from_euler
from mien.core.measures import Blendshapes, Box, HeadPose
from mien.core.record import Face, FrameRecord, Stamp
from mien.errors import SinkError
from mien.sinks.exporters.glb import export, write_glb

KINDS = {5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


class File:
    """A GLB file read with pygltflib, and its accessors as arrays."""

    def __init__(self, path: Path) -> None:
        self.gltf = pygltflib.GLTF2().load_binary(str(path))
        self.blob = self.gltf.binary_blob()

    def view(self, index: int, count: int, width: int, kind: int) -> AnyArray:
        view = self.gltf.bufferViews[index]
        assert view.byteOffset % 4 == 0
        data = np.frombuffer(self.blob, KINDS[kind], count * width, view.byteOffset)
        assert data.nbytes == view.byteLength
        return data.reshape(count, width)

    def accessor(self, index: int) -> AnyArray:
        a = self.gltf.accessors[index]
        width = WIDTH[a.type]
        if a.bufferView is None:
            out = np.zeros((a.count, width), KINDS[a.componentType])
        else:
            out = self.view(a.bufferView, a.count, width, a.componentType).copy()
        if a.sparse is not None:
            s = a.sparse
            rows = self.view(s.indices.bufferView, s.count, 1, s.indices.componentType)[:, 0]
            assert (np.diff(rows.astype(int)) > 0).all()
            out[rows] = self.view(s.values.bufferView, s.count, width, a.componentType)
        if a.min:
            np.testing.assert_array_equal(out.min(axis=0), np.float32(a.min))
            np.testing.assert_array_equal(out.max(axis=0), np.float32(a.max))
        return out


def acted(frames: int = 40) -> Performance:
    t_ns = np.cumsum(np.random.default_rng(2).integers(20_000_000, 50_000_000, frames)).astype(np.int64)
    weights = np.random.default_rng(3).random((frames, 52)).astype(np.float32)
    turns = np.stack([quaternion_from_rotation(local_rotation(i - 20.0, i / 4, -i / 3)) for i in range(frames)])
    still = np.tile(np.float32([0, 0, 0, 1]), (frames, 1))
    return Performance(
        1, t_ns, weights, turns, turns[::-1], still, np.zeros((frames, 3), np.float32), np.ones(frames, bool)
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[File, Performance]:
    path = tmp_path_factory.mktemp("glb") / "avatar.glb"
    played = acted()
    write_glb(path, builtin_character(), played)
    assert path.stat().st_size < 2_500_000
    return File(path), played


def test_container_is_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    write_glb(path, builtin_character(), acted(3))
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    document = json.loads(data[20 : 20 + size])
    rest, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0"
    assert rest == document["buffers"][0]["byteLength"] == len(data) - 28 - size
    assert [p.name for p in tmp_path.iterdir()] == ["a.glb"]


def test_geometry_and_morphs_are_those_of_the_character(written: tuple[File, Performance]) -> None:
    file, _ = written
    parts = {p.name: p for p in builtin_character().parts}
    seen = set()
    for mesh in file.gltf.meshes:
        names = (mesh.extras or {}).get("targetNames", [])
        for primitive in mesh.primitives:
            part = parts[file.gltf.materials[primitive.material].name]
            seen.add(part.name)
            np.testing.assert_array_equal(file.accessor(primitive.attributes.POSITION), part.positions)
            np.testing.assert_array_equal(file.accessor(primitive.indices).reshape(-1, 3), part.triangles)
            assert len(primitive.targets or []) == len(names) == len(mesh.weights or [])
            for name, target in zip(names, primitive.targets or [], strict=True):
                expected = part.morphs.get(name, np.zeros_like(part.positions))
                np.testing.assert_array_equal(file.accessor(target["POSITION"]), expected)
                normals = part.normals + file.accessor(target["NORMAL"])
                assert np.abs(np.linalg.norm(normals, axis=1) - 1.0).max() < 0.02
    assert seen == set(parts)
    head = next(m for m in file.gltf.meshes if m.name == "head")
    assert tuple(head.extras["targetNames"]) == SHAPES.names


def test_nodes_hang_where_they_should(written: tuple[File, Performance]) -> None:
    nodes = written[0].gltf.nodes
    names = [n.name for n in nodes]
    children = {n.name: {names[c] for c in n.children or []} for n in nodes}
    assert "head" in children["root"]
    assert {"eye_left", "eye_right"} <= children["head"]
    left, right = (nodes[names.index(f"eye_{s}")].translation for s in ("left", "right"))
    assert left[0] == -right[0] > 0.02


def test_animation_has_the_values_of_the_performance(written: tuple[File, Performance]) -> None:
    file, played = written
    clip = file.gltf.animations[0]
    targets = [(c.target.node, c.target.path) for c in clip.channels]
    assert len(set(targets)) == len(targets)
    found = set()
    for channel in clip.channels:
        sampler = clip.samplers[channel.sampler]
        node = file.gltf.nodes[channel.target.node]
        times, values = file.accessor(sampler.input)[:, 0], file.accessor(sampler.output)
        assert sampler.interpolation == "LINEAR"
        assert times[0] == 0.0
        assert (np.diff(times) > 0).all()
        found.add((node.name, channel.target.path))
        if channel.target.path == "weights":
            names = file.gltf.meshes[node.mesh].extras["targetNames"]
            order = [SHAPES.index(n) for n in names]
            np.testing.assert_array_equal(values.reshape(len(times), len(names)), playable(played.weights)[:, order])
            np.testing.assert_allclose(times, (played.t_ns - played.t_ns[0]) / 1e9, atol=1e-6)
        else:
            given = {"head": played.head_xyzw, "eye_left": played.left_eye_xyzw, "eye_right": played.right_eye_xyzw}
            np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1.0, atol=1e-6)
            np.testing.assert_array_equal(values, given[node.name][: len(values)])
            assert len(values) == len(times) == (1 if node.name == "eye_right" else len(played))
    every = {("head", "weights"), ("head", "rotation")}
    every |= {(f"eye_{s}", p) for s in ("left", "right") for p in ("weights", "rotation")}
    assert found == every


class Recording:
    """Records that can be read again and again, as a take's."""

    def __init__(self, *seen: dict[int, float]) -> None:
        self._seen = seen

    def records(self) -> Iterator[FrameRecord]:
        for i, faces in enumerate(self._seen):
            yield FrameRecord(
                Stamp("t", i, i * 33_000_000), (64, 64), faces=tuple(self._face(k, jaw) for k, jaw in faces.items())
            )

    def _face(self, track_id: int, jaw: float) -> Face:
        weights = np.zeros(52, np.float32)
        weights[SHAPES.index("jawOpen")] = jaw
        pose = HeadPose(rotation_from_euler(10, 0, 0), [0, 0, 500], 1.0, 1.0)  # type: ignore[arg-type]
        return Face(Box([0, 0, 9, 9], 1.0), track_id, head_pose=pose, blendshapes=Blendshapes.of(weights, np.ones(52)))  # type: ignore[arg-type]


def test_every_person_of_a_take_gets_a_file(tmp_path: Path) -> None:
    take = Recording({1: 0.2, 7: 0.9}, {7: 0.9}, {7: 0.8})
    main, other = export(take, tmp_path / "avatar.glb")
    assert (main.name, other.name) == ("avatar.glb", "avatar.1.glb")
    assert export(take, tmp_path / "one.glb", track_id=1) == [tmp_path / "one.glb"]
    np.testing.assert_allclose(performance(take.records()).weights.max(), 0.9, atol=1e-6)


def test_a_passer_by_gets_no_file(tmp_path: Path) -> None:
    take = Recording(*[{1: 0.5, 2: 0.5}], *[{1: 0.5}] * 60)
    assert [p.name for p in export(take, tmp_path / "avatar.glb")] == ["avatar.glb"]


@pytest.mark.parametrize("take", [Recording(), Recording({}, {})])
def test_without_a_face_the_character_is_neutral(tmp_path: Path, take: Recording) -> None:
    (path,) = export(take, tmp_path / "avatar.glb")
    assert File(path).gltf.meshes


def test_an_unwritable_folder_is_one_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(SinkError, match=r"avatar\.glb cannot be written"):
        write_glb(blocked / "avatar.glb", builtin_character(), acted(2))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "avatar.glb"
    path.write_bytes(b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mien.sinks.exporters.glb.write_character", full)
    with pytest.raises(SinkError, match="No space left"):
        write_glb(path, builtin_character(), acted(2))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["avatar.glb"]

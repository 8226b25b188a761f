"""The user's own character playing the take: an animation is added to their GLB, glTF or VRM, nothing else changes.

Morph targets are driven by a profile (see `animate.profile`), the rig doctor's proposal if none is given. Head and eyes
turn as the bones that a VRM names, or nodes of telling names. Keys are the take's frames.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mien.animate.profile import Profile, profile_of, read_profile
from mien.animate.turns import continuous
from mien.avatar.check import check_rig
from mien.avatar.gltf_arrays import GltfArrays
from mien.avatar.gltf_buffer import GltfBuffer, JsonObject
from mien.avatar.gltf_track import GltfTrack
from mien.avatar.propose import profile_text
from mien.avatar.rig_bones import below, bones_of, local_matrix, parents_of, world_matrices
from mien.core.arrays import Float32, Float64
from mien.core.geometry import quaternion_from_rotation
from mien.errors import RequestError, SourceError
from mien.sinks.exporters.clip import Clip, clamped_slopes
from mien.sinks.exporters.keyed import Fewer
from mien.sinks.exporters.whole_file import written_bytes

Interpolation = Literal["linear", "cubic"]


class OwnAvatar:
    """A user's file, read once for all people of a take.

    Args:
        path: of the character.
        profile: TOML file; None = what the rig doctor proposes.

    Raises:
        SourceError: it cannot be read, or has no morph target that a take could move.
        ConfigError: the profile is wrong.
    """

    def __init__(self, path: Path, profile: Path | None) -> None:
        self.path = path
        self._file = GltfArrays(path)
        report = check_rig(path)
        self.profile: Profile = (
            profile_of(profile_text(report), path.stem) if profile is None else read_profile(profile)
        )
        if self.profile.inputs != "arkit52":
            raise RequestError(f"profile {profile}: a take drives a character by ARKit's shapes: inputs = 'arkit52'")
        try:
            self._targets = _targets(self._file.gltf)
            self._bones = bones_of(self._file.gltf)
            self._worlds = world_matrices(self._file.gltf)
            self._parents = parents_of(self._file.gltf)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise self._file.broken("its nodes", error) from error
        known = {n for names in self._targets.values() for n in names}
        if not known & set(self.profile.names):
            raise SourceError(
                f"{path}: none of its morph targets is in the profile; see mien avatar check {path.name} --profile"
            )

    def write(self, path: Path, clip: Clip, interpolation: Interpolation, fewer: Fewer | None = None) -> None:
        """Write the character with the clip as its animation.

        Raises:
            RequestError: the output is the character's own file. SourceError: the character contradicts itself.
            SinkError: the file cannot be written.
        """
        if path.resolve() == self.path.resolve():
            raise RequestError(f"{path} is the character itself: name another --out")
        gltf = copy.deepcopy(self._file.gltf)
        buffer = GltfBuffer()
        controls = dict(zip(self.profile.names, self.profile(clip.weights).T, strict=True))
        try:
            self._keep(gltf, buffer)
            weights = {n: self._weights(gltf, n, names, controls, len(clip)) for n, names in self._targets.items()}
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise self._file.broken("its buffers or weights", error) from error
        slopes = clamped_slopes if interpolation == "cubic" else None
        keys = GltfTrack(buffer, clip.times_s.astype(np.float32), slopes, fewer)
        for node, row in weights.items():
            keys.add(node, "weights", row)
        for node, xyzw in self._turns(clip).items():
            _loosen(gltf["nodes"][node])
            keys.add(node, "rotation", xyzw)
        gltf.setdefault("animations", []).append({"name": "take", "samplers": keys.samplers, "channels": keys.channels})
        for part in ("accessors", "bufferViews", "buffers"):
            gltf.pop(part, None)
        asset = gltf.pop("asset")
        with written_bytes(path) as file:
            buffer.write(file, gltf, asset)

    def _keep(self, gltf: JsonObject, buffer: GltfBuffer) -> None:
        """The file's own accessors, views and pictures, under their own numbers."""
        bases = [buffer.append(data) for data in self._file.buffers]
        for view in gltf.get("bufferViews", []):
            moved = {**view, "buffer": 0, "byteOffset": bases[view["buffer"]] + int(view.get("byteOffset", 0))}
            buffer.views.append(moved)
        buffer.accessors.extend(gltf.get("accessors", []))
        for image in gltf.get("images", []):
            uri = image.get("uri", "")
            if uri and not uri.startswith("data:"):
                try:
                    data = self._file.resource(uri)
                except (OSError, ValueError) as error:
                    raise self._file.broken(f"picture {uri[:80]}", error) from error
                del image["uri"]
                image["mimeType"] = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
                image["bufferView"] = buffer.view(np.frombuffer(data, np.uint8))

    def _weights(
        self, gltf: JsonObject, node: int, names: tuple[str, ...], controls: Mapping[str, Float32], frames: int
    ) -> Float32:
        """(T, targets) of one node: what the profile drives, the others as they rest."""
        row = gltf["nodes"][node]
        rest = row.get("weights") or gltf["meshes"][row["mesh"]].get("weights") or []
        out = np.zeros((frames, len(names)), np.float32)
        out[:, : len(rest)] = np.array(rest[: len(names)], np.float32)
        for column, name in enumerate(names):
            if name in controls:
                out[:, column] = controls[name]
        return out

    def _turns(self, clip: Clip) -> dict[int, Float32]:
        """Node → (T, 4) local rotations of head and eyes."""
        gltf = self._file.gltf
        extensions = gltf.get("extensions") or {}
        backwards = "VRM" in extensions and "VRMC_vrm" not in extensions
        # A VRM 0 looks along -z: turns about x and z change their sign.
        signs = np.array([-1.0, 1.0, -1.0, 1.0] if backwards else [1.0, 1.0, 1.0, 1.0])
        head = clip.head_xyzw.astype(np.float64) * signs
        turns = {"head": head}
        under_head = below(gltf, self._bones["head"]) if "head" in self._bones else set()
        for name, eye in (("eye_left", clip.left_eye_xyzw), ("eye_right", clip.right_eye_xyzw)):
            own = eye.astype(np.float64) * signs
            free = "head" in self._bones and self._bones.get(name) not in under_head
            turns[name] = _product(head, own) if free else own
        out = {}
        for name, node in self._bones.items():
            parent = self._parents[node]
            around = np.array([0.0, 0.0, 0.0, 1.0]) if parent is None else _turn_of(self._worlds[parent])
            rest = _turn_of(local_matrix(gltf["nodes"][node]))
            back = around * [-1.0, -1.0, -1.0, 1.0]
            local = _product(_product(_product(back, turns[name]), around), rest)
            out[node] = continuous(local / np.linalg.norm(local, axis=1, keepdims=True)).astype(np.float32)
        return out


def _targets(gltf: JsonObject) -> dict[int, tuple[str, ...]]:
    """Node → names of its mesh's morph targets, for meshes that have any."""
    out = {}
    for number, node in enumerate(gltf.get("nodes", [])):
        if "mesh" not in node:
            continue
        mesh = gltf["meshes"][node["mesh"]]
        primitives = mesh.get("primitives", [])
        first = primitives[0] if primitives else {}
        names = (mesh.get("extras") or {}).get("targetNames") or (first.get("extras") or {}).get("targetNames") or []
        count = len(first.get("targets", []))
        if count:
            out[number] = tuple(map(str, names[:count])) + ("",) * (count - len(names[:count]))
    return out


def _loosen(node: JsonObject) -> None:
    """A node with a matrix cannot be animated: the same as translation, rotation and scale."""
    if "matrix" not in node:
        return
    matrix = local_matrix(node)
    del node["matrix"]
    node["translation"] = matrix[:3, 3].tolist()
    node["rotation"] = _turn_of(matrix).tolist()
    node["scale"] = np.linalg.norm(matrix[:3, :3], axis=0).tolist()


def _turn_of(matrix: Float64) -> Float64:
    """(4,) x, y, z, w of the rotation in a transform."""
    linear = matrix[:3, :3] / np.maximum(np.linalg.norm(matrix[:3, :3], axis=0), 1e-12)
    return np.asarray(quaternion_from_rotation(linear), np.float64)


def _product(a: Any, b: Any) -> Float64:
    """(..., 4) Hamilton product a · b of x, y, z, w."""
    ax, ay, az, aw = np.moveaxis(np.asarray(a, np.float64), -1, 0)
    bx, by, bz, bw = np.moveaxis(np.asarray(b, np.float64), -1, 0)
    parts = (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )
    return np.stack(np.broadcast_arrays(*parts), axis=-1)

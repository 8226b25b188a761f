"""Characters as GLB (glTF 2.0 binary): geometry, materials, morph targets and, if wanted, one animation.

Parts that hang on one node and move share one mesh, so that one channel of weights plays all of them.
Morph offsets are sparse: only the vertices that move are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from mien.avatar.character import SHAPES, Character, Part, vertex_normals
from mien.avatar.gltf_buffer import INDICES, VERTICES, GltfBuffer, JsonObject
from mien.avatar.gltf_track import GltfTrack
from mien.core.arrays import Float32, Float64

_STILL_NORMAL = 0.004
"""Changes of a normal smaller than this are not stored (about 0.2 degrees)."""


@dataclass(eq=False)
class Animation:
    """Keys of one clip.

    Attributes:
        name: name of the clip.
        times_s: (T,) float32, >= 0, strictly increasing.
        weights: (T, 52) float32, schema "arkit52".
        rotations: node name → (T, 4) float32 unit quaternions x, y, z, w.
        slopes: of a (T, N) signal, (T, N) per second at its keys: then curves are cubic; None = straight lines.
        fewer: of (T,) times, a (T, N) signal and its path ("weights", "rotation"), the few keys to write instead, with
            `times_s` (K,), `values`, `in_slopes` and `out_slopes` (K, N); None = all.
    """

    name: str
    times_s: Float32
    weights: Float32
    rotations: dict[str, Float32] = field(default_factory=dict)
    slopes: Callable[[Float64, Float32], Float64] | None = None
    fewer: Callable[[Float64, Float32, str], Any] | None = None


def write_character(file: BinaryIO, character: Character, animation: Animation | None = None) -> int:
    """Write a GLB file; returns its length in bytes.

    The names of the morph targets stand in `mesh.extras.targetNames`, as importers expect.

    Raises:
        OSError: the file cannot be written.
    """
    document = _Document()
    for node in character.nodes:
        document.add_node(node.name, node.parent, node.translation_m)
    for node in character.nodes:
        parts = [p for p in character.parts if p.node == node.name]
        moving, still = [p for p in parts if p.morphs], [p for p in parts if not p.morphs]
        if moving:
            document.add_mesh(node.name, moving, node.name)
        if still:
            document.add_mesh(f"{node.name}_still", still, document.add_child(node.name) if moving else node.name)
    if animation is not None and len(animation.times_s):
        document.add_animation(animation)
    return document.write(file, character.name)


class _Document:
    """The JSON of a glTF file and the chunks of its buffer, while they are put together."""

    def __init__(self) -> None:
        self._buffer = GltfBuffer()
        self._nodes: list[JsonObject] = []
        self._meshes: list[JsonObject] = []
        self._materials: list[JsonObject] = []
        self._animations: list[JsonObject] = []
        self._by_name: dict[str, int] = {}

    def add_node(self, name: str, parent: str | None, translation_m: Sequence[float]) -> None:
        self._by_name[name] = len(self._nodes)
        node: JsonObject = {"name": name}
        if any(translation_m):
            node["translation"] = [round(float(x), 6) for x in translation_m]
        self._nodes.append(node)
        if parent is not None:
            self._nodes[self._by_name[parent]].setdefault("children", []).append(self._by_name[name])

    def add_child(self, parent: str) -> str:
        """A node for a second mesh of the same parent."""
        name = f"{parent}_still"
        self.add_node(name, parent, ())
        return name

    def add_mesh(self, name: str, parts: Sequence[Part], node: str) -> None:
        shapes = [n for n in SHAPES.names if any(n in p.morphs for p in parts)]
        mesh: JsonObject = {"name": name, "primitives": [self._primitive(p, shapes) for p in parts]}
        if shapes:
            mesh["weights"] = [0.0] * len(shapes)
            mesh["extras"] = {"targetNames": shapes}
        self._nodes[self._by_name[node]]["mesh"] = len(self._meshes)
        self._meshes.append(mesh)

    def add_animation(self, clip: Animation) -> None:
        """One channel of weights per mesh that moves, one of rotation per node that turns."""
        track = GltfTrack(self._buffer, clip.times_s, clip.slopes, clip.fewer)
        for index, node in enumerate(self._nodes):
            names = self._meshes[node["mesh"]].get("extras", {}).get("targetNames") if "mesh" in node else None
            if names:
                track.add(index, "weights", clip.weights[:, [SHAPES.index(n) for n in names]])
        for name, xyzw in clip.rotations.items():
            track.add(self._by_name[name], "rotation", xyzw)
        self._animations.append({"name": clip.name, "samplers": track.samplers, "channels": track.channels})

    def write(self, file: BinaryIO, name: str) -> int:
        document: JsonObject = {
            "scene": 0,
            "scenes": [{"name": name, "nodes": [0]}],
            "nodes": self._nodes,
            "meshes": self._meshes,
            "materials": self._materials,
        }
        if self._animations:
            document["animations"] = self._animations
        return self._buffer.write(file, document)

    def _primitive(self, part: Part, shapes: Sequence[str]) -> JsonObject:
        attributes = {
            "POSITION": self._buffer.accessor(part.positions, target=VERTICES, bounds=True),
            "NORMAL": self._buffer.accessor(part.normals, target=VERTICES),
        }
        if part.colours is not None:
            rgba = np.concatenate([part.colours, np.ones((len(part.colours), 1), np.float32)], axis=1)
            attributes["COLOR_0"] = self._buffer.accessor(np.round(rgba * 65535).astype(np.uint16), target=VERTICES)
        kind = np.uint16 if len(part.positions) < 65535 else np.uint32
        indices = self._buffer.accessor(part.triangles.reshape(-1, 1).astype(kind), target=INDICES)
        primitive: JsonObject = {"attributes": attributes, "indices": indices, "material": len(self._materials)}
        self._materials.append(
            {
                "name": part.name,
                "pbrMetallicRoughness": {
                    "baseColorFactor": [round(c, 5) for c in part.colour],
                    "metallicFactor": 0.0,
                    "roughnessFactor": part.roughness,
                },
            }
        )
        if shapes:
            primitive["targets"] = [self._target(part, part.morphs.get(n)) for n in shapes]
        return primitive

    def _target(self, part: Part, offset: Float32 | None) -> JsonObject:
        if offset is None:
            nothing = self._buffer.zeros(len(part.positions))
            return {"POSITION": nothing, "NORMAL": nothing}
        turned = vertex_normals(part.positions + offset, part.triangles) - vertex_normals(
            part.positions, part.triangles
        )
        turned[np.linalg.norm(turned, axis=1) < _STILL_NORMAL] = 0.0
        return {"POSITION": self._buffer.sparse(offset), "NORMAL": self._buffer.sparse(turned)}

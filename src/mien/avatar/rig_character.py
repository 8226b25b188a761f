"""A user's rig as a `Character` that Mien's renderer draws: its morph targets become ARKit's shapes by a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mien.avatar.character import SHAPES, Character, Node, Part, vertex_normals
from mien.avatar.rig_bones import BONES
from mien.avatar.rig_file import RigMesh, face_frame, read_rig
from mien.core.arrays import Float32, Float64

_FACE_M = 0.155
"""Height of what shapes move on the built-in character: other rigs are drawn as large."""
_REACH_M = 0.42
"""What is further from the face is not drawn."""
_NODES = ("body", *BONES)

Table = Mapping[str, Mapping[str, float]]
"""ARKit shape → morph targets → gain."""


def rig_character(path: str | Path, table: Table) -> Character:
    """Read a rig and give it ARKit's shapes.

    Args:
        path: GLB, glTF or VRM.
        table: what makes each shape; shapes that are left out do not move it.

    Raises:
        SourceError: see `read_rig`.
    """
    rig = read_rig(path)
    middle, height = face_frame(rig, table)
    scale = _FACE_M / height
    turn = np.diag([-1.0, 1.0, -1.0]) if rig.backwards else np.eye(3)
    places = {b: (turn @ (o - middle)) * scale for b, o in rig.origins.items()}
    head = places.get("head", np.zeros(3))
    nodes = [Node("body", None)]
    nodes.append(Node("head", "body", _tuple(head)))
    nodes += [Node(e, "head", _tuple(places.get(e, head) - head)) for e in BONES[1:]]
    origins = {"body": np.zeros(3), "head": head, **{e: places.get(e, head) for e in BONES[1:]}}
    everything_turns = "head" not in rig.origins
    parts: list[Part] = []
    for number, mesh in enumerate(rig.meshes):
        positions = ((mesh.positions.astype(np.float64) - middle) @ turn.T * scale).astype(np.float32)
        for place, node in enumerate(_NODES):
            bone = np.where(mesh.bone == 0, 1, mesh.bone) if everything_turns else mesh.bone
            part = _part(mesh, positions, bone == place, f"{mesh.name}.{number}.{node}", node, origins[node])
            if part is not None:
                parts.append(_with_shapes(part, mesh, table, turn * scale))
    return Character(Path(path).stem, tuple(nodes), tuple(parts))


def _part(
    mesh: RigMesh,
    positions: Float32,
    mine: np.ndarray[tuple[int], np.dtype[np.bool_]],
    name: str,
    node: str,
    at: Float64,
) -> Part | None:
    """The triangles that mostly belong to a node, near enough to be seen."""
    triangles = mesh.triangles[mine[mesh.triangles].sum(axis=1) >= 2]
    near = np.linalg.norm(positions, axis=1) < _REACH_M
    triangles = triangles[near[triangles].any(axis=1)]
    if len(triangles) == 0:
        return None
    moved = (positions - at).astype(np.float32)
    return Part(
        name,
        node,
        moved,
        triangles.astype(np.uint32),
        vertex_normals(moved, triangles),
        (1.0, 1.0, 1.0, 1.0),
        roughness=0.85,
        colours=mesh.colours,
    )


def _with_shapes(part: Part, mesh: RigMesh, table: Table, linear: Float64) -> Part:
    used = np.unique(part.triangles)
    morphs: dict[str, Float32] = {}
    for shape in SHAPES.names:
        offset = np.zeros_like(mesh.positions)
        for name, gain in table.get(shape, {}).items():
            if name in mesh.targets:
                offset += np.float32(gain) * mesh.targets[name]
        if np.abs(offset[used]).max(initial=0.0) > 1e-7:
            morphs[shape] = (offset.astype(np.float64) @ linear.T).astype(np.float32)
    return Part(
        part.name,
        part.node,
        part.positions,
        part.triangles,
        part.normals,
        part.colour,
        part.roughness,
        part.colours,
        morphs,
    )


def _tuple(v: Float64) -> tuple[float, float, float]:
    return float(v[0]), float(v[1]), float(v[2])

"""Which nodes of a foreign file are the head and the eyes, and how nodes stand at rest."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from mien.core.arrays import Float64
from mien.core.geometry import rotation_from_quaternion

BONES = ("head", "eye_left", "eye_right")
_HUMANOID = {"head": "head", "eye_left": "leftEye", "eye_right": "rightEye"}
_NAMES = {
    "head": (r"^head$", r"(?:^|[_:. -])head$", r"^j_bip_c_head$"),
    "eye_left": (r"^(?:left[_ -]?eye|eye[_ -]?(?:left|l)|.*faceeye[_ -]?l|l[_ -]?eye)$",),
    "eye_right": (r"^(?:right[_ -]?eye|eye[_ -]?(?:right|r)|.*faceeye[_ -]?r|r[_ -]?eye)$",),
}
_DEEPEST = 500


def bones_of(gltf: dict[str, Any]) -> dict[str, int]:
    """Bone → node: what a VRM says, else nodes of telling names."""
    out: dict[str, int] = {}
    nodes = gltf.get("nodes", [])
    extensions = gltf.get("extensions") if isinstance(gltf.get("extensions"), dict) else {}
    assert isinstance(extensions, dict)
    for bone, name in _HUMANOID.items():
        found = _humanoid(extensions, name)
        if isinstance(found, int) and 0 <= found < len(nodes):
            out[bone] = found
    for bone, patterns in _NAMES.items():
        if bone in out:
            continue
        for pattern in patterns:
            hits = [i for i, n in enumerate(nodes) if re.search(pattern, str(n.get("name", "")).strip().lower())]
            if hits:
                out[bone] = hits[0]
                break
    return out


def _humanoid(extensions: dict[str, Any], bone: str) -> Any:
    one, zero = extensions.get("VRMC_vrm"), extensions.get("VRM")
    try:
        if isinstance(one, dict):
            return one["humanoid"]["humanBones"][bone]["node"]
        if isinstance(zero, dict):
            return next(b["node"] for b in zero["humanoid"]["humanBones"] if b["bone"] == bone)
    except (KeyError, TypeError, StopIteration):
        return None
    return None


def world_matrices(gltf: dict[str, Any]) -> list[Float64]:
    """(4, 4) root_from_node of every node at rest.

    Raises:
        ValueError: the nodes are no trees, or a transform is none.
    """
    nodes = gltf.get("nodes", [])
    parents = parents_of(gltf)
    done: dict[int, Float64] = {}

    def world(node: int, depth: int = 0) -> Float64:
        if depth > _DEEPEST:
            raise ValueError("the nodes hang on each other in a ring")
        if node not in done:
            own = local_matrix(nodes[node])
            done[node] = own if parents[node] is None else world(int(parents[node] or 0), depth + 1) @ own
        return done[node]

    return [world(i) for i in range(len(nodes))]


def parents_of(gltf: dict[str, Any]) -> list[int | None]:
    """Parent of every node.

    Raises:
        ValueError: a child that does not exist or has two parents.
    """
    nodes = gltf.get("nodes", [])
    out: list[int | None] = [None] * len(nodes)
    for i, node in enumerate(nodes):
        for child in node.get("children", []):
            if not isinstance(child, int) or not 0 <= child < len(nodes) or out[child] is not None:
                raise ValueError(f"child {child!r} of node {i}")
            out[child] = i
    return out


def local_matrix(node: dict[str, Any]) -> Float64:
    """(4, 4) parent_from_node.

    Raises:
        ValueError: it is no transform.
    """
    if "matrix" in node:
        out = np.array(node["matrix"], np.float64).reshape(4, 4).T
    else:
        out = np.eye(4)
        turn = np.array(node.get("rotation", (0, 0, 0, 1)), np.float64)
        if turn.shape != (4,) or not np.linalg.norm(turn) > 1e-6:
            raise ValueError("a rotation of length 0")
        scale = np.array(node.get("scale", (1, 1, 1)), np.float64).reshape(3)
        out[:3, :3] = rotation_from_quaternion(turn) * scale
        out[:3, 3] = np.array(node.get("translation", (0, 0, 0)), np.float64).reshape(3)
    if not np.isfinite(out).all():
        raise ValueError("a transform is not finite")
    return np.asarray(out, np.float64)


def below(gltf: dict[str, Any], node: int) -> set[int]:
    """A node and all that hang on it."""
    out, waiting = set(), [node]
    nodes = gltf.get("nodes", [])
    while waiting:
        here = waiting.pop()
        if here not in out and 0 <= here < len(nodes):
            out.add(here)
            waiting += [c for c in nodes[here].get("children", []) if isinstance(c, int)]
    return out

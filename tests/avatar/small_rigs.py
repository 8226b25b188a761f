"""Small foreign characters for tests: a face of a few triangles in every way that glTF has to say it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mien.avatar.gltf_buffer import INDICES, VERTICES, GltfBuffer

QUARTER = (0.0, float(np.sin(np.pi / 4)), 0.0, float(np.cos(np.pi / 4)))
"""A quarter turn about y."""
NAMES = ("Fcl_EYE_Close_L", "jaw_open", "MouthSmile_R", "dead", "hairLong")


def face_positions(n: int = 9) -> np.ndarray:
    """(n², 3) a square of 0.16 m that bulges forward."""
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(-0.08, 0.08, n), np.linspace(-0.08, 0.08, n)))
    return np.stack([x, y, 0.03 - 4 * (x * x + y * y)], axis=1).astype(np.float32)


def face_triangles(n: int = 9) -> np.ndarray:
    """(F, 3) counter-clockwise seen from the front (+z)."""
    out = []
    for j in range(n - 1):
        for i in range(n - 1):
            a = j * n + i
            out += [(a, a + 1, a + n), (a + 1, a + n + 1, a + n)]
    return np.array(out, np.uint16)


def offsets(name: str, at: np.ndarray) -> np.ndarray:
    """(V, 3) of a morph target."""
    out = np.zeros_like(at)
    if name == "Fcl_EYE_Close_L":
        out[(at[:, 0] > 0.02) & (at[:, 1] > 0.02), 1] = -0.02
    elif name == "jaw_open":
        out[at[:, 1] < -0.03, 1] = -0.03
    elif name == "MouthSmile_R":
        out[(at[:, 0] < -0.02) & (at[:, 1] < 0.0), 0] = -0.02
    elif name == "hairLong":
        out[at[:, 1] > 0.07, 2] = 0.02
    return out


def write_rig(path: Path, *, skinned: bool = False, vrm0: bool = False, matrix: bool = False) -> Path:
    """A rig with a neck that is turned by a quarter, a head on it and two eyes.

    Args:
        path: .glb or .vrm.
        skinned: the face hangs on the head by a skin, not on its node.
        vrm0: with VRM 0's extension, whose characters look along -z.
        matrix: the head's node has a matrix.
    """
    buffer = GltfBuffer()
    at = face_positions()
    shown = at * np.float32([-1, 1, -1]) if vrm0 else at
    attributes: dict[str, int] = {"POSITION": buffer.accessor(shown, target=VERTICES, bounds=True)}
    uv = np.column_stack([(at[:, 0] + 0.08) / 0.16, (at[:, 1] + 0.08) / 0.16]).astype(np.float32)
    attributes["TEXCOORD_0"] = _two(buffer, uv)
    targets = []
    for name in NAMES:
        moved = offsets(name, at) * (np.float32([-1, 1, -1]) if vrm0 else np.float32(1))
        targets.append({"POSITION": buffer.sparse(moved)})
    primitive: dict[str, Any] = {
        "attributes": attributes,
        "indices": buffer.accessor(face_triangles().reshape(-1, 1), target=INDICES),
        "material": 0,
        "targets": targets,
    }
    head: dict[str, Any] = {"name": "Head", "translation": [0.0, 0.1, 0.0], "children": [2, 3]}
    if matrix:
        del head["translation"]
        head["matrix"] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0.1, 0, 1]
    back = [0.0, -QUARTER[1], 0.0, QUARTER[3]]
    nodes: list[dict[str, Any]] = [
        {"name": "Neck", "translation": [0.0, 1.4, 0.0], "rotation": list(QUARTER), "children": [1]},
        head,
        {"name": "LeftEye", "translation": [0.0, 0.03, 0.03]},
        {"name": "RightEye", "translation": [0.0, 0.03, -0.03]},
        {"name": "face", "mesh": 0},
    ]
    document: dict[str, Any] = {
        "scene": 0,
        "scenes": [{"nodes": [0, 4]}],
        "nodes": nodes,
        "meshes": [{"name": "face", "primitives": [primitive], "extras": {"targetNames": list(NAMES)}}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"mimeType": "image/png", "bufferView": buffer.view(np.frombuffer(_picture(), np.uint8))}],
    }
    if skinned:
        joints = np.zeros((len(at), 4), np.uint16)
        weights = np.tile(np.float32([1, 0, 0, 0]), (len(at), 1))
        attributes["JOINTS_0"] = buffer.accessor(joints)
        attributes["WEIGHTS_0"] = buffer.accessor(weights)
        # mesh → head: the face stands at the head's place, turned back by the neck's quarter.
        inverse = np.eye(4)
        inverse[:3, :3] = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])
        document["skins"] = [
            {"joints": [1], "inverseBindMatrices": _matrix(buffer, np.linalg.inv(_quarter()) @ np.eye(4))}
        ]
        nodes[4]["skin"] = 0
    else:
        document["scenes"][0]["nodes"] = [0]
        nodes[1]["children"].append(4)
        nodes[4]["rotation"] = back
    if vrm0:
        bones = [{"bone": b, "node": n} for b, n in (("head", 1), ("leftEye", 2), ("rightEye", 3))]
        document["extensions"] = {"VRM": {"humanoid": {"humanBones": bones}, "blendShapeMaster": {}}}
        document["extensionsUsed"] = ["VRM"]
    with path.open("wb") as file:
        buffer.write(file, document)
    return path


def _quarter() -> np.ndarray:
    out = np.eye(4)
    out[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    return out


def _two(buffer: GltfBuffer, values: np.ndarray) -> int:
    view = buffer.view(values, VERTICES)
    buffer.accessors.append({"bufferView": view, "componentType": 5126, "count": len(values), "type": "VEC2"})
    return len(buffer.accessors) - 1


def _matrix(buffer: GltfBuffer, matrix: np.ndarray) -> int:
    view = buffer.view(np.ascontiguousarray(matrix.T, np.float32))
    buffer.accessors.append({"bufferView": view, "componentType": 5126, "count": 1, "type": "MAT4"})
    return len(buffer.accessors) - 1


def _picture() -> bytes:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[..., 0], pixels[:8, :, 1] = 200, 150
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()

"""A user's character for drawing: geometry, colours and morph targets of a GLB, glTF or VRM file as plain arrays.

Textures become one colour per vertex: enough to see what a shape does. Skins are
put at rest; a vertex follows the head or an eye if that bone holds most of it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mien.avatar.gltf_arrays import GltfArrays
from mien.avatar.rig_bones import BONES, below, bones_of, world_matrices
from mien.core.arrays import AnyArray, Float32, Float64
from mien.errors import SourceError

MAX_VERTICES = 400_000
MAX_OFFSETS = 40_000_000
"""Vertices times morph targets, summed over all that is drawn."""
_TEXTURE_PX = 1024
_GREY = np.array([0.7, 0.7, 0.7], np.float32)
_CLEAR = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class RigMesh:
    """One primitive at rest, in the frame of the file's root.

    Attributes:
        name: of its mesh.
        positions: (V, 3) float32.
        triangles: (F, 3) int64.
        colours: (V, 3) float32 linear RGB.
        bone: (V,) index into ("body", *BONES).
        targets: morph target → (V, 3) float32 offsets.
    """

    name: str
    positions: Float32
    triangles: AnyArray
    colours: Float32
    bone: AnyArray
    targets: Mapping[str, Float32] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class RigFile:
    """What was read.

    Attributes:
        meshes: all primitives.
        origins: bone → (3,) its place, root frame; only those that the file has.
        backwards: the character looks along −z (VRM 0).
    """

    meshes: tuple[RigMesh, ...]
    origins: Mapping[str, Float64]
    backwards: bool


def read_rig(path: str | Path) -> RigFile:
    """Read the geometry of a file.

    Raises:
        SourceError: it cannot be read, contradicts itself, is compressed, or holds no triangles.
    """
    file = GltfArrays(path)
    gltf = file.gltf
    needed = set(gltf.get("extensionsRequired", []))
    if packed := needed & {"KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_mesh_quantization"}:
        raise SourceError(f"{file.path}: its meshes are compressed ({', '.join(sorted(packed))}): export it without")
    try:
        _check_size(file)
        worlds = world_matrices(gltf)
        bones = bones_of(gltf)
        of_node = _bone_of_node(gltf, bones)
        meshes: list[RigMesh] = []
        for number, node in enumerate(gltf.get("nodes", [])):
            if "mesh" in node:
                meshes += _meshes(file, node, worlds, number, of_node)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise file.broken("its meshes", error) from error
    if not meshes:
        raise SourceError(f"{file.path}: there is no mesh to draw in it")
    extensions = gltf.get("extensions")
    backwards = isinstance(extensions, dict) and "VRM" in extensions and "VRMC_vrm" not in extensions
    return RigFile(tuple(meshes), {b: worlds[n][:3, 3] for b, n in bones.items()}, backwards)


def _check_size(file: GltfArrays) -> None:
    """Refuse by the counts alone what would not fit in memory: a mesh may hang on many nodes.

    Raises:
        SourceError: too many vertices or morph targets.
    """
    gltf, vertices, offsets = file.gltf, 0, 0
    for node in gltf.get("nodes", []):
        for primitive in gltf["meshes"][node["mesh"]].get("primitives", []) if "mesh" in node else ():
            count = abs(int(gltf["accessors"][primitive["attributes"]["POSITION"]]["count"]))
            vertices, offsets = vertices + count, offsets + count * len(primitive.get("targets", []))
            if vertices > MAX_VERTICES or offsets > MAX_OFFSETS:
                raise SourceError(
                    f"{file.path}: more than {MAX_VERTICES:,} vertices, or than {MAX_OFFSETS:,} of them in morph "
                    "targets; use a lighter version of it"
                )


def _bone_of_node(gltf: dict[str, Any], bones: Mapping[str, int]) -> AnyArray:
    """(nodes,) what each node moves with: 0 = body, else a bone."""
    out = np.zeros(len(gltf.get("nodes", [])), np.int64)
    for place, bone in enumerate(BONES, start=1):
        if bone in bones:
            out[list(below(gltf, bones[bone]))] = place
    return out


def _meshes(
    file: GltfArrays, node: dict[str, Any], worlds: list[Float64], number: int, of_node: AnyArray
) -> list[RigMesh]:
    gltf = file.gltf
    mesh = gltf["meshes"][node["mesh"]]
    names = (mesh.get("extras") or {}).get("targetNames")
    out = []
    for primitive in mesh.get("primitives", []):
        if primitive.get("mode", 4) != 4:
            continue
        attributes = primitive["attributes"]
        base = file.floats(attributes["POSITION"])
        if base.shape[1] != 3 or len(base) == 0:
            raise ValueError("positions are no vectors")
        indices = file.accessor(primitive["indices"]) if "indices" in primitive else np.arange(len(base))[:, None]
        if indices.dtype.kind not in "ui" or indices.shape[1] != 1:
            raise ValueError("indices are no whole numbers")
        triangles = indices.reshape(-1).astype(np.int64)
        triangles = triangles[: len(triangles) // 3 * 3].reshape(-1, 3)
        if triangles.size and not (int(triangles.min()) >= 0 and int(triangles.max()) < len(base)):
            raise ValueError("a triangle has a vertex that does not exist")
        linear, place, bone = _at_rest(file, node, attributes, worlds, number, of_node, len(base))
        positions = np.einsum("vij,vj->vi", linear, base) + place
        own_names = names or (primitive.get("extras") or {}).get("targetNames") or []
        targets: dict[str, Float32] = {}
        for name, target in zip(own_names, primitive.get("targets", []), strict=False):
            if "POSITION" in target:
                offset = file.floats(target["POSITION"])
                if offset.shape != base.shape:
                    raise ValueError(f"morph target {name} does not fit its mesh")
                if np.abs(offset).max() > 1e-7:
                    targets[str(name)] = np.einsum("vij,vj->vi", linear, offset).astype(np.float32)
        colours, clear = _colours(file, primitive, attributes, len(base))
        triangles = triangles[~clear[triangles].all(axis=1)]
        out.append(
            RigMesh(str(mesh.get("name", "mesh")), positions.astype(np.float32), triangles, colours, bone, targets)
        )
    return out


def _at_rest(
    file: GltfArrays,
    node: dict[str, Any],
    attributes: dict[str, Any],
    worlds: list[Float64],
    number: int,
    of_node: AnyArray,
    count: int,
) -> tuple[Float64, Float64, AnyArray]:
    """(V, 3, 3) and (V, 3): root from mesh for every vertex; and (V,) its bone."""
    if "skin" not in node or "JOINTS_0" not in attributes:
        world = worlds[number]
        bone = np.full(count, of_node[number])
        return np.broadcast_to(world[:3, :3], (count, 3, 3)), np.broadcast_to(world[:3, 3], (count, 3)), bone
    skin = file.gltf["skins"][node["skin"]]
    joints = [int(j) for j in skin["joints"]]
    inverse = np.broadcast_to(np.eye(4), (len(joints), 4, 4))
    if "inverseBindMatrices" in skin:
        stored = file.floats(skin["inverseBindMatrices"]).astype(np.float64)
        inverse = stored.reshape(-1, 4, 4).transpose(0, 2, 1)[: len(joints)]
    matrices = np.stack([worlds[j] for j in joints]) @ inverse
    which = file.accessor(attributes["JOINTS_0"]).astype(np.int64)
    weights = file.floats(attributes["WEIGHTS_0"]).astype(np.float64)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    if len(which) != count or len(weights) != count or (which.size and int(which.max()) >= len(joints)):
        raise ValueError("a vertex hangs on a joint that does not exist")
    blend = np.einsum("vk,vkij->vij", weights, matrices[which])
    groups = of_node[joints]
    held = np.stack([(weights * (groups[which] == g)).sum(axis=1) for g in range(len(BONES) + 1)], axis=1)
    return blend[:, :3, :3], blend[:, :3, 3], held.argmax(axis=1)


def _colours(
    file: GltfArrays, primitive: dict[str, Any], attributes: dict[str, Any], count: int
) -> tuple[Float32, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """(V, 3) linear RGB, and (V,) whether a vertex is seen through."""
    material = file.gltf["materials"][primitive["material"]] if "material" in primitive else {}
    look = material.get("pbrMetallicRoughness") or {}
    factor = np.array(look.get("baseColorFactor", (1, 1, 1, 1)), np.float64).reshape(4)
    rgba = np.broadcast_to(factor, (count, 4)).astype(np.float64)
    plain = "baseColorTexture" not in look
    if "COLOR_0" in attributes:
        given = file.floats(attributes["COLOR_0"])
        rgba = rgba * np.concatenate(
            [given[:, :3], given[:, 3:4] if given.shape[1] > 3 else np.ones((count, 1))], axis=1
        )
        plain = False
    texture = None if "baseColorTexture" not in look else _texture(file, look["baseColorTexture"])
    uv_name = f"TEXCOORD_{(look.get('baseColorTexture') or {}).get('texCoord', 0)}"
    if texture is not None and uv_name in attributes:
        uv = file.floats(attributes[uv_name]) % 1.0
        h, w = texture.shape[:2]
        rgba = rgba * texture[(uv[:, 1] * (h - 1)).astype(int), (uv[:, 0] * (w - 1)).astype(int)]
    elif plain and np.allclose(factor, 1.0):
        rgba = np.concatenate([np.broadcast_to(_GREY, (count, 3)), np.ones((count, 1))], axis=1)
    clear = rgba[:, 3] < _CLEAR if material.get("alphaMode", "OPAQUE") != "OPAQUE" else np.zeros(count, bool)
    return np.clip(rgba[:, :3], 0.0, 1.0).astype(np.float32), clear


def _texture(file: GltfArrays, texture: dict[str, Any]) -> Float32 | None:
    """(h, w, 4) linear RGBA of a picture; None if it cannot be shown."""
    try:
        source = file.gltf["textures"][texture["index"]]["source"]
        row = file.gltf["images"][source]
        data = file.view(row["bufferView"])[0] if "bufferView" in row else file.resource(row["uri"])
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > Image.MAX_IMAGE_PIXELS:  # type: ignore[operator]
                return None
            picture.draft("RGB", (_TEXTURE_PX, _TEXTURE_PX))
            small = picture.convert("RGBA")
            small.thumbnail((_TEXTURE_PX, _TEXTURE_PX))
            srgb = np.asarray(small, np.float32) / 255.0
    except (KeyError, IndexError, TypeError, ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        return None
    rgb = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear: Float32 = np.concatenate([rgb[..., :3], srgb[..., 3:]], axis=2).astype(np.float32)
    return linear


def face_frame(rig: RigFile, shapes: Mapping[str, Mapping[str, float]]) -> tuple[Float64, float]:
    """(3,) middle of the face in the root's frame, and its height: what the shapes move (shape → targets → gain).

    A rig without a single shape has its head bone there, or the middle of everything.
    """
    used = {t for parts in shapes.values() for t in parts}
    seen = []
    for mesh in rig.meshes:
        reach = np.zeros(len(mesh.positions))
        for name in used & mesh.targets.keys():
            reach = np.maximum(reach, np.linalg.norm(mesh.targets[name], axis=1))
        if reach.any():
            seen.append(mesh.positions[reach > 0.15 * reach.max()])
    if seen:
        points = np.concatenate(seen).astype(np.float64)
        low, high = np.percentile(points, [2, 98], axis=0)
        return (low + high) / 2, float(max(high[1] - low[1], 1e-6))
    points = np.concatenate([m.positions for m in rig.meshes]).astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    if "head" in rig.origins:
        height = 0.09 * float(high[1] - low[1])
        above = np.array([0.0, 0.5 * height, 0.0])
        return np.asarray(rig.origins["head"] + above, np.float64), max(height, 1e-6)
    return (low + high) / 2, float(max(high[1] - low[1], 1e-6)) / 2

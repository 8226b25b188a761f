"""What a rig is to the renderer: its triangles sorted by material, once per rig; textures, once per person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import Float32, Int64, UInt8
from mien.errors import SourceError
from mien.lab.render.rasterize import sky_seen
from mien.lab.render.scene import Int32, Material
from mien.lab.rigs.rig import Rig

TEXTURE_PX = 512
_LOST = ("glint", "brow")
"""Highlights come from lamps, brows are painted hair by hair."""
_MATERIAL = {
    "skin": Material.SKIN,
    "sclera": Material.EYE,
    "iris": Material.EYE,
    "pupil": Material.EYE,
    "eye": Material.EYE,
    "teeth": Material.TEETH,
    "tongue": Material.MOUTH,
    "gums": Material.MOUTH,
    "mouth": Material.MOUTH,
    "lashes": Material.LASH,
    "hair": Material.HAIR,
    "cloth": Material.CLOTH,
}
_ALBEDO = {
    "teeth": (0.66, 0.60, 0.50),
    "tongue": (0.50, 0.17, 0.16),
    "gums": (0.46, 0.14, 0.13),
    "mouth": (0.30, 0.07, 0.07),
    "lashes": (0.012, 0.009, 0.008),
}
_IRIS_MM = 5.9
"""Radius of a human iris (diameters of 11.7 ± 0.5 mm are usual)."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Triangles of a rig.

    Attributes:
        triangles: (F, 3) int32.
        material: (F,) uint8 `Material`.
        names: (F,) uint8 positions in the mesh's `materials`.
        corner_uv: (F, 3, 2) float32; zeros where the rig has none.
    """

    triangles: Int32
    material: UInt8
    names: UInt8
    corner_uv: Float32

    def without(self, material: Material) -> Part:
        """All but one material."""
        keep = self.material != material
        return Part(self.triangles[keep], self.material[keep], self.names[keep], self.corner_uv[keep])


@dataclass(frozen=True, slots=True, eq=False)
class Wardrobe:
    """A rig prepared for drawing.

    Attributes:
        whole: every triangle but what is painted instead.
        bald: the same without hair.
        skin: (G, 3) int32 triangles of the skin.
        rows: for each of the mesh's `materials` its vertices.
        skin_vertices: vertices of the skin.
        colour: (V, 3) float32 albedo; looks decide on skin, hair and cloth.
        occlusion: (V,) share of the sky seen by a person at rest.
        weld: (V,) int32.
        iris_rad: angle between an eye's axis and the rim of its iris.
        has_hair: the mesh of the rig includes hair.
    """

    whole: Part
    bald: Part
    skin: Int32
    rows: tuple[Int64, ...]
    skin_vertices: Int64
    colour: Float32
    occlusion: Float32
    weld: Int32
    iris_rad: float
    has_hair: bool


@lru_cache(maxsize=8)
def wardrobe(rig: Rig) -> Wardrobe:
    """Prepare a rig; a fraction of a second, once."""
    mesh = rig.mesh
    words = [mesh.materials[i] for i in range(len(mesh.materials))]
    # Lashes on cards need a picture with holes; without colours of their own they would be black boards.
    lost = _LOST if mesh.colours is not None else (*_LOST, "lashes")
    kept = np.flatnonzero([words[i] not in lost for i in mesh.triangle_material])
    triangles = np.ascontiguousarray(mesh.triangles[kept], dtype=np.int32)
    names = mesh.triangle_material[kept]
    material = np.array([_MATERIAL.get(w, Material.OBJECT) for w in words], np.uint8)[names]
    # Always the same person, so that a seed's picture does not depend on who was drawn before.
    person = rig.identity(np.random.default_rng(0))
    count = len(person.neutral)
    colour = np.full((count, 3), 0.3, np.float32)
    owner = np.full(count, -1, np.int64)
    rows = []
    for i, word in enumerate(words):
        used = np.unique(triangles[names == i]).astype(np.int64)
        rows.append(used)
        owner[used] = _MATERIAL.get(word, Material.OBJECT)
        if word in _ALBEDO:
            own = None if mesh.colours is None or word == "lashes" else mesh.colours[used]
            colour[used] = _ALBEDO[word] if own is None else own
    uv = np.zeros((len(kept), 3, 2), np.float32) if mesh.uv is None else mesh.uv[kept]
    whole = Part(triangles, material, names, np.ascontiguousarray(uv, dtype=np.float32))
    return Wardrobe(
        whole=whole,
        bald=whole.without(Material.HAIR),
        skin=np.ascontiguousarray(triangles[material == Material.SKIN]),
        rows=tuple(rows),
        skin_vertices=np.unique(triangles[material == Material.SKIN]).astype(np.int64),
        colour=colour,
        occlusion=sky_seen(person.neutral, triangles),
        weld=_weld(person.neutral, owner),
        iris_rad=_iris_rad(rig, person.neutral, person.eye_centres),
        has_hair="hair" in words,
    )


def _weld(neutral: Float32, owner: Int64) -> Int32:
    """For each vertex, the first vertex at the same place and of the same material."""
    keys = np.column_stack([np.round(neutral, 3), owner])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[inverse.reshape(-1)], dtype=np.int32)


def _iris_rad(rig: Rig, neutral: Float32, centres: Float32) -> float:
    mesh = rig.mesh
    if "iris" not in mesh.materials:
        return float(np.arcsin(_IRIS_MM / 12.0))
    rows = np.unique(mesh.triangles[mesh.triangle_material == mesh.materials.index("iris")])
    rows = rows[neutral[rows, 0] > 0]
    out = neutral[rows] - centres[0]
    return float(np.max(np.arctan2(np.hypot(out[:, 0], out[:, 1]), out[:, 2])))


def picture(path: Path) -> UInt8:
    """(S, S, 4) uint8 sRGB of a picture file of a rig, S = TEXTURE_PX.

    Raises:
        SourceError: it is no picture.
    """
    data = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if data is None:
        raise SourceError(f"{path}: cannot be read as a picture; is the copy of the rig complete?")
    small = cv2.resize(data, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_AREA)
    # Four channels: a texel is one word.
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGBA), dtype=np.uint8)


def textures(pictures: Mapping[str, Path], words: tuple[str, ...]) -> tuple[UInt8, dict[str, int]]:
    """(T, S, S, 4) uint8 sRGB textures of those materials that have one, and each one's number."""
    used = [w for w in words if w in pictures and _MATERIAL.get(w) != Material.EYE]
    return _layers(tuple(Path(pictures[w]) for w in used)), {word: number for number, word in enumerate(used)}


@lru_cache(maxsize=64)
def _layers(paths: tuple[Path, ...]) -> UInt8:
    return np.stack([picture(p) for p in paths]) if paths else np.zeros((1, 1, 1, 4), np.uint8)

"""Mien's own head as a rig: nothing to download.

The character's head with the proportions of people; they differ by a few smooth warps, the same on all parts.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from mien.avatar.builtin import builtin_character
from mien.avatar.character import Character, Part
from mien.core.arrays import Float32, Float64, Int64
from mien.lab.rigs.blend_rig import BlendRig
from mien.lab.rigs.builtin_proportions import proportioned
from mien.lab.rigs.eyeball import degrees_from_gaze, eye_materials, eyes_of
from mien.lab.rigs.landmarks import load_definition
from mien.lab.rigs.materials import material_codes
from mien.lab.rigs.rig import Identity, Mesh
from mien.lab.rigs.sparse_shapes import SparseShapes

_MATERIAL = {
    "skin": "skin",
    "skin_ears": "skin",
    "skin_neck": "skin",
    "lashes": "lashes",
    "brows": "brow",
    "mouth": "mouth",
    "teeth_upper": "teeth",
    "teeth_lower": "teeth",
    "tongue": "tongue",
    "hair": "hair",
    "jumper": "cloth",
}
_PUPIL_DEG, _IRIS_DEG = 14.0, 24.0
"""Of the rings of the character's eyeballs; the iris is smaller than painted there, as that of people."""
_GLINTS = 32
"""The last triangles of an eyeball are two painted highlights of 16 triangles each."""
_AS_FAR_AS_PEOPLE = {"browDown": 0.58}
"""The character is a cartoon whose brows come down by a finger's breadth: what part of it people can do."""
_WARPS = (
    # centre (|x|, y, z) mm, width mm, direction (away from the middle, up, forward), standard deviation mm
    ((52.0, -72.0, -2.0), 34.0, (1.0, 0.0, 0.0), 4.0),  # width of the jaw
    ((0.0, -96.0, 20.0), 30.0, (0.0, -1.0, 0.3), 4.5),  # length of the chin
    ((38.0, -45.0, 20.0), 24.0, (0.7, 0.0, 0.7), 2.5),  # cheeks
    ((0.0, -38.0, 37.0), 13.0, (0.0, 0.2, 1.0), 3.0),  # tip of the nose
    ((9.0, -42.0, 30.0), 9.0, (1.0, 0.0, 0.0), 1.3),  # width of the nose
    ((0.0, -66.0, 26.0), 20.0, (0.0, 1.0, 0.0), 2.5),  # height of the mouth
    ((0.0, 75.0, -30.0), 55.0, (0.0, 1.0, 0.2), 6.0),  # height of the skull
    ((66.0, 20.0, -40.0), 50.0, (1.0, 0.0, 0.0), 4.0),  # width of the skull
    ((30.0, 22.0, 22.0), 13.0, (0.0, 1.0, 0.0), 1.6),  # height of the brows
)
_UNTOUCHED_MM = 17.0
"""Warps spare the lids, which must fit the eyeballs."""


@cache
def builtin_rig() -> BlendRig:
    """The rig "builtin"."""
    character = builtin_character()
    centres = np.stack([character.origin_m(n) for n in ("eye_left", "eye_right")]) * 1000.0
    origin = centres.mean(axis=0)
    parts = character.parts
    first = np.cumsum([0] + [len(p.positions) for p in parts])
    placed = [(p.positions + character.origin_m(p.node)) * 1000.0 - origin for p in parts]
    head = proportioned(
        np.concatenate(placed).astype(np.float32), (centres - origin).astype(np.float32), _offsets(character, first)
    )
    vertices, centres, shapes = head.vertices, head.centres, SparseShapes.of(head.shapes)
    rows = {p.name: np.arange(first[i], first[i + 1]) for i, p in enumerate(parts)}

    def draw(rng: np.random.Generator) -> Identity:
        size = np.float32(np.exp(rng.normal(scale=0.04)))
        warped = vertices + _warp(vertices, centres, rng)
        name = f"builtin-{rng.integers(1 << 32):08x}"
        return Identity(name, np.asarray(warped * size, dtype=np.float32), shapes, centres * size)

    mesh = _mesh(parts, first)
    return BlendRig(
        name="builtin",
        mesh=mesh,
        eyes=eyes_of(mesh, vertices, rows["eye_left"], rows["eye_right"]),
        definition=load_definition("builtin"),
        draw=draw,
        credit="Mien's own head, part of Mien (Apache-2.0).",
    )


def _offsets(character: Character, first: Int64) -> dict[str, Float32]:
    """Name → (V, 3) mm."""
    dense: dict[str, Float32] = {}
    for part, begin in zip(character.parts, first, strict=False):
        for name, offsets in part.morphs.items():
            full = dense.setdefault(name, np.zeros((int(first[-1]), 3), np.float32))
            share = next((v for start, v in _AS_FAR_AS_PEOPLE.items() if name.startswith(start)), 1.0)
            full[begin : begin + len(offsets)] += offsets * np.float32(1000.0 * share)
    return dense


def _mesh(parts: tuple[Part, ...], first: Int64) -> Mesh:
    names, triangles, colours = [], [], []
    for part, begin in zip(parts, first, strict=False):
        own = part.triangles.astype(np.int32)
        names += _eye(part, own) if part.name.startswith("eye_") else [_MATERIAL[part.name]] * len(own)
        triangles.append(own + np.int32(begin))
        tint = np.ones((len(part.positions), 3), np.float32) if part.colours is None else part.colours
        colours.append(tint * np.array(part.colour[:3], np.float32))
    codes, materials = material_codes(names)
    return Mesh(np.concatenate(triangles), codes, materials, colours=np.concatenate(colours).astype(np.float32))


def _eye(part: Part, triangles: npt.NDArray[np.int32]) -> list[str]:
    at = part.positions.astype(np.float64)
    degrees = degrees_from_gaze(at, triangles, np.arange(len(at)))
    names = eye_materials(degrees, _PUPIL_DEG, _IRIS_DEG)
    return names[:-_GLINTS] + ["glint"] * _GLINTS


def _warp(vertices: Float32, centres: Float32, rng: np.random.Generator) -> Float64:
    """(V, 3) mm: the same push on both sides, vanishing near the eyes."""
    side = np.sign(vertices[:, 0])
    folded = np.abs(vertices[:, 0])
    out = np.zeros(vertices.shape)
    for centre, width, direction, spread in _WARPS:
        at = np.column_stack([folded, vertices[:, 1:]]) - np.array(centre)
        strength = np.exp(-(at**2).sum(axis=1) / (2 * width**2))
        push = float(np.clip(rng.normal(), -2.0, 2.0)) * spread * np.array(direction)
        # Across the middle plane a sideways push fades, or it would tear the face.
        fade = np.clip(folded / 15.0, 0.0, 1.0) * side
        out += strength[:, None] * np.column_stack([push[0] * fade, *np.tile(push[1:], (len(folded), 1)).T])
    near = np.linalg.norm(vertices[:, None] - centres[None], axis=2).min(axis=1)
    share = np.clip((near - _UNTOUCHED_MM) / 10.0, 0.0, 1.0)
    return np.asarray(out * (share * share * (3 - 2 * share))[:, None])

"""Mien's own first character, made by code: a friendly cartoon head with all 52 shapes.

The geometry is in centimetres until it is packed here. Nothing is read from files and nothing is random:
the same code gives the same character.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from mien.avatar import builtin_eyes, builtin_hair, builtin_mouth
from mien.avatar.builtin_form import EYE, FacePoints, skin
from mien.avatar.builtin_shapes import displacements
from mien.avatar.builtin_skin import Skin, build_skin
from mien.avatar.character import Character, Node, Part, vertex_normals
from mien.avatar.solid import Solid
from mien.core.arrays import AnyArray, Float64

_NECK = np.array([0.0, -7.0, -1.6])
"""Where the head turns on the neck, cm."""
_MIRROR = np.array([-1.0, 1.0, 1.0])
_SKIN_TONE = np.array([0.80, 0.47, 0.32])
_HAIR_TONE = np.array([0.085, 0.030, 0.016])
_BROW_TONE = np.array([0.055, 0.020, 0.012])
_LASH_TONE = np.array([0.012, 0.008, 0.007])
_JUMPER_TONE = np.array([0.06, 0.21, 0.24])
_ORIGINS = {"root": np.zeros(3), "head": _NECK, "eye_left": EYE, "eye_right": EYE * _MIRROR}


@cache
def builtin_character() -> Character:
    """The character; built once, in about a second."""
    face = build_skin()
    metres = {k: tuple(float(x) for x in v / 100.0) for k, v in _ORIGINS.items()}
    nodes = (
        Node("root", None),
        Node("head", "root", metres["head"]),  # type: ignore[arg-type]
        Node("eye_left", "head", tuple((EYE - _NECK) / 100.0)),
        Node("eye_right", "head", tuple((EYE * _MIRROR - _NECK) / 100.0)),
    )
    return Character("Mien", nodes, (_skin(face), *_features(face), *_mouth(face), *_eyes(), *_still()))


def _part(
    name: str,
    node: str,
    mesh: tuple[Float64, AnyArray],
    look: tuple[Float64, float],
    colours: Float64 | None = None,
    offsets: dict[str, Float64] | None = None,
) -> Part:
    """Pack a mesh in cm (head frame, or around the eye for eyes)."""
    xyz, triangles = mesh
    shift = np.zeros(3) if node.startswith("eye") else _ORIGINS[node]
    positions = ((xyz - shift) / 100.0).astype(np.float32)
    tone, roughness = look
    morphs = {}
    for shape, offset in (offsets or {}).items():
        metres = np.where(np.abs(offset) < 2e-3, 0.0, offset / 100.0).astype(np.float32)
        if np.any(metres):
            morphs[shape] = metres
    return Part(
        name=name,
        node=node,
        positions=positions,
        triangles=triangles.astype(np.uint32),
        normals=vertex_normals(positions, triangles),
        colour=(float(tone[0]), float(tone[1]), float(tone[2]), 1.0),
        roughness=roughness,
        colours=None if colours is None else np.clip(colours, 0.0, 1.0).astype(np.float32),
        morphs=morphs,
    )


def _shade(xyz: Float64, triangles: AnyArray, solid: Solid, strength: npt.ArrayLike = 1.0) -> Float64:
    """(V, 3) ambient occlusion from distances along the normal, warm like light inside skin."""
    normal = vertex_normals(xyz.astype(np.float32), triangles).astype(np.float64)
    hidden = np.zeros(len(xyz))
    for reach, share in ((0.5, 0.30), (1.1, 0.30), (2.2, 0.25), (4.0, 0.20)):
        hidden += share * np.clip(1.0 - solid(xyz + reach * normal) / reach, 0.0, 1.0)
    light = 1.0 - np.clip(np.asarray(strength) * hidden, 0.0, 0.85)
    return np.column_stack([light**0.75, light**1.1, light**1.15])


def _glow(xyz: Float64, centre: tuple[float, float], width: tuple[float, float]) -> Float64:
    x, y, z = xyz.T
    out: Float64 = np.exp(-(((np.abs(x) - centre[0]) / width[0]) ** 2) - ((y - centre[1]) / width[1]) ** 2) * (z > 0)
    return out


def _skin(face: Skin) -> Part:
    xyz = face.points.xyz
    near_eye = np.maximum(face.points.lid, _glow(xyz, (3.65, 0.0), (2.8, 2.6)))
    tint = _shade(xyz, face.triangles, skin, 1.0 - 0.85 * near_eye)
    nostril = 0.75 * _glow(xyz, (0.52, -3.42), (0.26, 0.24))
    tint *= 1.0 - nostril[:, None] * [0.55, 0.8, 0.8]
    blush = 0.55 * _glow(xyz, (4.2, -3.2), (1.7, 1.2)) + 0.40 * _glow(xyz, (0.0, -2.8), (1.0, 0.8))
    tint *= 1.0 - blush[:, None] * [0.02, 0.26, 0.26]
    tint *= 1.0 - (0.22 * face.points.lid**2)[:, None] * [0.15, 0.55, 0.5]
    tint *= 1.0 - face.lip_tint[:, None] * [0.20, 0.55, 0.48]
    return _part("skin", "head", (xyz, face.triangles), (_SKIN_TONE, 0.62), tint, displacements(face.points))


def _pair(name: str, points: FacePoints, triangles: AnyArray, tone: Float64, anchors: FacePoints | None = None) -> Part:
    """One part from a left half and its mirror image, moving with the face as its anchors do."""
    xyz = np.concatenate([points.xyz, points.xyz * _MIRROR])
    faces = np.concatenate([triangles, triangles[:, ::-1] + len(points.xyz)])
    held = points if anchors is None else anchors
    moves = displacements(FacePoints.joined(held, held.mirrored()))
    return _part(name, "head", (xyz, faces), (tone, 0.9), None, moves)


def _features(face: Skin) -> list[Part]:
    brow, faces, anchors = builtin_eyes.brow()
    return [
        _pair("lashes", *builtin_eyes.lashes(face), _LASH_TONE),
        _pair("brows", brow, faces, _BROW_TONE, anchors),
    ]


def _mouth(face: Skin) -> list[Part]:
    front_z = float(face.points.xyz[face.lips][:, 2].max()) - 0.55
    xyz, triangles, offsets, colours = builtin_mouth.cavity(face)
    parts = [_part("mouth", "head", (xyz, triangles), (np.ones(3), 0.9), colours, offsets)]
    top, low = builtin_mouth.teeth(front_z, True), builtin_mouth.teeth(front_z, False)
    parts.append(_part("teeth_upper", "head", (top.xyz, top.triangles), (np.ones(3), 0.35), top.colours))
    moves = builtin_mouth.lower_offsets(low.xyz)
    parts.append(_part("teeth_lower", "head", (low.xyz, low.triangles), (np.ones(3), 0.35), low.colours, moves))
    xyz, triangles, offsets = builtin_mouth.tongue(front_z)
    parts.append(_part("tongue", "head", (xyz, triangles), (np.array([0.58, 0.17, 0.17]), 0.5), None, offsets))
    return parts


def _eyes() -> list[Part]:
    ball = builtin_eyes.eyeball()
    # The glint stays on the same side of both eyes, as the light does: the right eye is no mirror image.
    return [
        _part(
            f"eye_{side}",
            f"eye_{side}",
            (ball.xyz, ball.triangles),
            (np.ones(3), 0.12),
            ball.colours,
            {f"eyeBlink{side.title()}": -builtin_eyes.SHRINK * ball.xyz},
        )
        for side in ("left", "right")
    ]


def _still() -> list[Part]:
    """What hangs on head or root and never changes its shape."""
    xyz, faces = builtin_hair.ear()
    both = np.concatenate([xyz, xyz * _MIRROR]), np.concatenate([faces, faces[:, ::-1] + len(xyz)])
    hair, neck, jumper = builtin_hair.hair(), builtin_hair.neck(), builtin_hair.jumper()
    return [
        _part("skin_ears", "head", both, (_SKIN_TONE, 0.62), _shade(*both, skin, 0.5) * [1.0, 0.90, 0.90]),
        _part("hair", "head", hair, (_HAIR_TONE, 0.5)),
        _part("skin_neck", "root", neck, (_SKIN_TONE, 0.7), _shade(*neck, skin, 1.1)),
        _part("jumper", "root", jumper, (_JUMPER_TONE, 0.95), _shade(*jumper, skin, 0.8)),
    ]

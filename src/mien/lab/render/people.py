"""The persons a rig can draw: numbered, and kept once they were met."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.lab.render.daily import Areas, areas
from mien.lab.render.hair import Scalp, scalp
from mien.lab.render.looks import Look, linear
from mien.lab.render.paint import Unrolling, skin
from mien.lab.render.scene import Material
from mien.lab.render.things import Thing
from mien.lab.render.wardrobe import picture, textures, wardrobe
from mien.lab.rigs.rig import Identity, Piece, Rig

KEPT = 512
"""Persons in memory; 1 to 2 MB each."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody at rest.

    Attributes:
        identity: of the rig.
        points: (98, 3) float32 mm.
        unrolling, uv: the head's atlas, and (V, 2) where each vertex lies in it.
        atlas: what stays on the skin; see `paint.skin`.
        areas: where beard and make-up are.
        scalp: where hair grows.
        loose: hair that the person brings as meshes of its own.
        layers: (T, S, S, 4) uint8 textures.
        layer_of: material name → number of its texture.
    """

    identity: Identity
    points: Float32
    unrolling: Unrolling
    uv: Float32
    atlas: UInt8
    areas: Areas
    scalp: Scalp
    loose: tuple[Thing, ...]
    layers: UInt8
    layer_of: dict[str, int]


@lru_cache(maxsize=KEPT)
def known_person(rig: Rig, number: int, look: Look) -> Person:
    """Person `number` of a rig; the same number is the same person.

    Args:
        rig: whose faces.
        number: 0 or more.
        look: `Look.lasting`.
    """
    prepared = wardrobe(rig)  # type: ignore[arg-type]
    identity = rig.identity(np.random.default_rng([number, 0]))
    points = rig.pose(identity, np.zeros(52, np.float32)).points
    unrolling = Unrolling.around(identity.neutral[prepared.skin_vertices])
    layers, layer_of = textures(identity.textures, rig.mesh.materials)
    if "skin" in layer_of:  # the texture has them already
        look = replace(look, brow=0.0, lips=(1.0, 1.0, 1.0))
    atlas = skin(look, points, unrolling, np.random.default_rng([number, 2]))
    where = areas(points, unrolling)
    return Person(
        identity=identity,
        points=points,
        unrolling=unrolling,
        uv=unrolling.uv(identity.neutral),
        atlas=atlas,
        areas=where,
        scalp=scalp(identity.neutral, prepared.skin, unrolling, look, where.brows_mm),
        loose=tuple(thing_of(piece) for piece in identity.pieces),
        layers=layers,
        layer_of=layer_of,
    )


_PIECE_RGB = (0.05, 0.035, 0.025)
"""Albedo of hair that has no picture."""


def thing_of(piece: Piece) -> Thing:
    """A loose mesh with the colours of its picture at its corners; its strands are drawn like all hair's."""
    thing = Thing.of((piece.vertices, piece.triangles), _PIECE_RGB, Material.HAIR)
    if piece.texture is None or piece.uv is None:
        return thing
    small = cv2.resize(picture(piece.texture), (128, 128), interpolation=cv2.INTER_AREA)
    place = np.clip(piece.uv * 128.0, 0.0, 127.0).astype(np.int64).reshape(-1, 2)
    tone = linear(small[place[:, 1], place[:, 0], :3].astype(np.float64))
    # Hair is never bluer than it is green, nor greener than red; pictures of black hair are.
    tone = np.minimum.accumulate(tone, axis=1)
    corners = piece.triangles.reshape(-1)
    total = np.stack([np.bincount(corners, tone[:, k], len(piece.vertices)) for k in range(3)], axis=1)
    count = np.maximum(np.bincount(corners, minlength=len(piece.vertices)), 1)
    return replace(thing, colour=(total / count[:, None]).astype(np.float32))

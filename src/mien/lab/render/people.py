"""The persons a rig can draw: numbered, and kept once they were met."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.lab.render.daily import Areas, areas
from mien.lab.render.hair import Scalp, scalp
from mien.lab.render.looks import Look
from mien.lab.render.paint import Unrolling, skin
from mien.lab.render.wardrobe import textures, wardrobe
from mien.lab.rigs.rig import Identity, Rig

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
        layers=layers,
        layer_of=layer_of,
    )

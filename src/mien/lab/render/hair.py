"""Hair for heads that bring none: a cap that grows out of the scalp, and long hair that hangs beside the face.

Lengths in mm, head frame. The hairline is given round the head, above the brows of the person at rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import AnyArray, Float32, Int64
from mien.lab.render.looks import Look
from mien.lab.render.paint import Unrolling, hairline_mm

Piece = tuple[Float32, AnyArray]
"""(V, 3) vertices and (F, 3) triangles."""


@dataclass(frozen=True, slots=True, eq=False)
class Scalp:
    """Where somebody's hair grows, and what of its form depends on nothing else.

    Attributes:
        rows: (N,) vertices of the head that hair covers.
        triangles: (G, 3) int32 numbers into `rows`.
        out: (N, 3) float32 unit vectors outwards.
        tuft: (N,) float32 how thick the hair is, about 1.
        inside: (N,) float32 mm inside the hairline.
        curtain: long hair of this head.
    """

    rows: Int64
    triangles: AnyArray
    out: Float32
    tuft: Float32
    inside: Float32
    curtain: Piece


def scalp(neutral_mm: Float32, triangles: AnyArray, unrolling: Unrolling, look: Look, brows_mm: float) -> Scalp:
    """The scalp of a head.

    Args:
        neutral_mm: (V, 3) vertices of the head at rest.
        triangles: (F, 3) its skin.
        unrolling: of the same head.
        look: hairline, and the number that shapes tufts and waves.
        brows_mm: height of the brows at rest.
    """
    azimuth = np.abs(unrolling.uv(neutral_mm)[:, 0] - 0.5) * 360.0
    line = hairline_mm(azimuth.astype(np.float64), brows_mm, look.hairline_mm)
    inside = neutral_mm[:, 1] - line
    kept = triangles[(inside[triangles] > 0.0).any(axis=1)]  # beyond the hairline the cap dives under the skin
    rows = np.unique(kept).astype(np.int64)
    number = np.zeros(len(neutral_mm), np.int32)
    number[rows] = np.arange(len(rows))
    out = neutral_mm[rows] - np.array([0.0, 10.0, unrolling.axis_z_mm], np.float32)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    turn, high, shape = np.arctan2(out[:, 0], out[:, 2]), out[:, 1], look.fibres
    tuft = 1.0 + 0.16 * np.sin(5 * turn + shape) * np.sin(6 * high + 2 * shape) + 0.08 * np.sin(13 * turn + 3 * shape)
    tuft *= 0.7 + 0.3 * np.clip(high, 0, 1)
    length = 60.0 + 90.0 * look.fibres / 6.28
    hanging = curtain(neutral_mm[np.unique(triangles)], brows_mm, (length, unrolling.axis_z_mm, shape))
    return Scalp(rows, number[kept], out, tuft.astype(np.float32), inside[rows].astype(np.float32), hanging)


def cap(posed_mm: Float32, on: Scalp, thick_mm: float) -> Piece:
    """Short hair: the scalp's own triangles, moved outwards from the (V, 3) posed head."""
    thick = np.float32(thick_mm)
    grow = np.clip((on.inside + np.float32(3.0)) / (np.float32(6.0) + thick), np.float32(0.0), np.float32(1.0))
    height = (np.float32(1.5) + thick * on.tuft) * np.power(grow, np.float32(0.6)) - np.float32(1.5)
    return posed_mm[on.rows] + on.out * height[:, None], on.triangles


def curtain(head_mm: Float32, brows_mm: float, look: tuple[float, float, float]) -> Piece:
    """Long hair: a wavy sheet round sides and back, seen from both sides.

    Args:
        head_mm: (V, 3) skin at rest.
        brows_mm: height of the brows.
        look: length below the brows (mm), the head's axis (z, mm), a number that shapes the waves.
    """
    length, axis_z, shape = look
    band = head_mm[(head_mm[:, 1] > brows_mm + 10) & (head_mm[:, 1] < brows_mm + 45)]
    half_x = float(np.percentile(np.abs(band[:, 0]), 98)) + 7.0
    half_z = float(axis_z - band[:, 2].min()) + 7.0
    steps, rows = 60, 14
    azimuth = np.radians(np.linspace(66.0, 294.0, steps))
    t = np.linspace(0.0, 1.0, rows)[:, None]
    y = brows_mm + 38.0 - t * (38.0 + length * (1.0 + 0.05 * np.sin(9 * azimuth + shape)))
    flare = (
        1.0
        + 0.06 * t * (1 - 0.5 * t)
        + 0.035 * np.sin(11 * azimuth + 5 * t + shape) * t
        + 0.02 * np.sin(29 * azimuth + shape)
    )
    x, z = half_x * flare * np.sin(azimuth), axis_z + half_z * flare * np.cos(azimuth)
    xyz = np.stack([x, y + 0 * x, z], axis=-1).reshape(-1, 3).astype(np.float32)
    r, i = np.meshgrid(np.arange(rows - 1), np.arange(steps - 1), indexing="ij")
    a, b = r * steps + i, r * steps + i + 1
    outer = np.concatenate(
        [np.stack([a, a + steps, b], -1).reshape(-1, 3), np.stack([b, a + steps, b + steps], -1).reshape(-1, 3)]
    )
    # The inside is a mesh of its own: its normals look the other way.
    both = np.concatenate([outer, outer[:, ::-1] + len(xyz)])
    return np.concatenate([xyz, xyz]), both.astype(np.int32)

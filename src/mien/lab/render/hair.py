"""Hair for heads that bring none: a cap that grows out of the scalp, and long hair that hangs beside the face.

Lengths in mm, head frame. The hairline is given round the head, above the brows of the person at rest.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import AnyArray, Float32, Float64
from mien.lab.render.paint import Unrolling, hairline_mm

Piece = tuple[Float32, AnyArray]
"""(V, 3) vertices and (F, 3) triangles."""


def scalp(neutral_mm: Float32, unrolling: Unrolling, brows_mm: float, raised_mm: float) -> Float64:
    """(V,) how far each skin vertex lies inside the hairline, mm; negative outside."""
    u = unrolling.uv(neutral_mm)[:, 0]
    azimuth = np.abs(u - 0.5) * 360.0
    line = hairline_mm(azimuth.astype(np.float64), brows_mm, raised_mm)
    return np.asarray(neutral_mm[:, 1] - line, dtype=np.float64)


def cap(posed_mm: Float32, triangles: AnyArray, inside_mm: Float64, look: tuple[float, float, float]) -> Piece:
    """Short hair: the scalp's own triangles, moved outwards.

    Args:
        posed_mm: (V, 3) vertices of the head.
        triangles: (F, 3) its skin.
        inside_mm: (V,) of `scalp`.
        look: thickness (mm), the head's axis (z, mm), a number that shapes the tufts.
    """
    thick, axis_z, shape = look
    kept = triangles[(inside_mm[triangles] > 0.0).any(axis=1)]  # beyond the hairline the cap dives under the skin
    used = np.unique(kept)
    number = np.zeros(len(posed_mm), np.int64)
    number[used] = np.arange(len(used))
    out = posed_mm[used] - np.array([0.0, 10.0, axis_z], np.float32)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    azimuth, high = np.arctan2(out[:, 0], out[:, 2]), out[:, 1]
    tuft = (
        1.0
        + 0.16 * np.sin(5 * azimuth + shape) * np.sin(6 * high + 2 * shape)
        + 0.08 * np.sin(13 * azimuth + 3 * shape)
    )
    grow = np.clip((inside_mm[used] + 3.0) / (6.0 + thick), 0.0, 1.0)
    height = -1.5 + (1.5 + thick * tuft * (0.7 + 0.3 * np.clip(high, 0, 1))) * grow**0.6
    return (posed_mm[used] + out * height[:, None]).astype(np.float32), number[kept].astype(np.int32)


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

"""The light on points, compiled by Numba: what they are made of one by one, then the lamps on all of them at once.

Called by `rasterize` with a row of the picture at a time. Vectors are in the view frame (mm), colours linear.
Nothing allocates. A point is `POINT` numbers of one flat array, which lets the compiler light many points at once:

    0–2 place · 3–5 normal · 6–8 albedo · 9 gloss · 10 share of the sky · 11 share of the first lamp
    12 gloss exponent · 13–15 softness of red, green, blue · 16 strength of the gloss at grazing view
    17 how far it faces the camera · 18–20 light · 21–23 shine · 24–26 towards the camera
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.core.arrays import Float32
from mien.lab.render import texels
from mien.runtime.loops import loop

_SKIN, _EYE, _HAIR = 0, 1, 4
ALBEDO_ONE, GLOSS_ONE = 160.0, 64.0
"""Bytes of the atlas that mean 1."""
_ALBEDO, _GLOSS = np.float32(1.0 / ALBEDO_ONE), np.float32(1.0 / GLOSS_ONE)
_BYTES = np.float32(1.0 / 255.0**2)
POINT = 32
"""Numbers per point that is lit."""
FINISH = np.array(
    [  # gloss strength, gloss exponent, softness of the light's edge; one row per `scene.Material`
        [0.10, 14.0, 0.42],
        [1.40, 420.0, 0.25],
        [0.45, 60.0, 0.30],
        [0.22, 30.0, 0.25],
        [0.09, 12.0, 0.25],
        [0.02, 8.0, 0.10],
        [0.02, 4.0, 0.15],
        [0.80, 120.0, 0.00],
        [0.01, 4.0, 0.25],
        [0.10, 14.0, 0.42],
        [0.30, 40.0, 0.00],
    ],
    dtype=np.float32,
)


def finish_rows(gloss: float) -> Float32:
    """(materials, 6): what `gather` reads of a material; `gloss` multiplies the shine of skin."""
    strength, power, wrap = FINISH.T
    kind = np.arange(len(FINISH))
    # Red light goes deeper into skin than green and blue.
    deep = np.where(kind == _SKIN, 1.0, 0.45)
    edge = np.where(kind == _EYE, 0.0, 1.0)
    rows = [strength * np.where(kind == _SKIN, gloss, 1.0), power, wrap, 0.6 * deep * wrap, 0.5 * deep * wrap, edge]
    return np.asarray(np.stack(rows, axis=1), dtype=np.float32)


@loop(fastmath=True, boundscheck=False, nogil=True)
def gather(points: Float32, spots: Any, mesh: Any, finish: Float32) -> None:
    """Place, normal, albedo of the mesh, share of the sky and finish of each point.

    Args:
        points: (N · POINT,), written.
        spots: (count, (N,) triangle, (N,) first weight, (N,) second weight).
        mesh: (triangles, material, layer, corner_uv, rows of `visible`).
        finish: of `finish_rows`.
    """
    count, faces, first, second = spots
    triangles, material, _, _, rows = mesh
    for i in range(count):
        f, wa, wb = faces[i], first[i], second[i]
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        wc = np.float32(1.0) - wa - wb
        kind, p = material[f], i * POINT
        for k in range(9):
            points[p + k] = wa * rows[a, k] + wb * rows[b, k] + wc * rows[c, k]
        points[p + 9] = finish[kind, 0]
        points[p + 10] = wa * rows[a, 11] + wb * rows[b, 11] + wc * rows[c, 11]
        for k in range(5):
            points[p + 12 + k] = finish[kind, k + 1]


@loop(fastmath=True, boundscheck=False, nogil=True)
def colour(points: Float32, spots: Any, mesh: Any, paint: Any) -> None:
    """Multiply albedo and gloss of each point with what is painted there; see `gather`.

    Args:
        points: of `gather`, changed.
        spots, mesh: see `gather`.
        paint: (atlas (1, H, W, 4), strands, eyes (2, 19), textures (T, H, W, 4)).
    """
    count, faces, first, second = spots
    triangles, material, layer, corner_uv, rows = mesh
    atlas, strands, eyes, textures = paint
    for i in range(count):
        f, wa, wb = faces[i], first[i], second[i]
        wc = np.float32(1.0) - wa - wb
        kind, p = material[f], i * POINT
        if layer[f] >= 0:
            u = wa * corner_uv[f, 0, 0] + wb * corner_uv[f, 1, 0] + wc * corner_uv[f, 2, 0]
            v = wa * corner_uv[f, 0, 1] + wb * corner_uv[f, 1, 1] + wc * corner_uv[f, 2, 1]
            r, g, bl, _ = texels.texel(textures, layer[f], u, np.float32(1.0) - v)
            # The square is near enough to sRGB's curve, and quick.
            points[p + 6] *= r * r * _BYTES
            points[p + 7] *= g * g * _BYTES
            points[p + 8] *= bl * bl * _BYTES
        if kind == _EYE:
            points[p + 10] = texels.eyeball(points, p, eyes)
        elif kind in (_SKIN, _HAIR):
            a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            ua, ub, uc = rows[a, 9], rows[b, 9], rows[c, 9]
            # A triangle across the seam at the back of the head.
            ub += np.float32(ua - ub > 0.5) - np.float32(ub - ua > 0.5)
            uc += np.float32(ua - uc > 0.5) - np.float32(uc - ua > 0.5)
            u = wa * ua + wb * ub + wc * uc
            v = wa * rows[a, 10] + wb * rows[b, 10] + wc * rows[c, 10]
            if kind == _SKIN:
                r, g, bl, shine = texels.texel(atlas, 0, u, v)
                r, g, bl, shine = r * _ALBEDO, g * _ALBEDO, bl * _ALBEDO, shine * _GLOSS
            else:
                tone = texels.strand(strands, u * np.float32(3.0), v * np.float32(0.9))
                r, g, bl, shine = tone, tone, tone, tone * tone
            points[p + 6] *= r
            points[p + 7] *= g
            points[p + 8] *= bl
            points[p + 9] *= shine


@loop(fastmath=True, boundscheck=False, nogil=True)
def darken(points: Float32, count: int, strength: float, depth: Float32, to_map: Float32) -> None:
    """Share of the first lamp that reaches each point, through its depth map and (3, 4) placing."""
    one = np.float32(1.0)
    for i in range(count):
        p = i * POINT
        reached = texels.shadow(depth, to_map, points[p], points[p + 1], points[p + 2])
        points[p + 11] = one - strength * (one - reached)


@loop(fastmath=True, boundscheck=False, nogil=True)
def surround(points: Float32, count: int, environment: Float32) -> None:
    """Unit normals and view directions, the light of the surroundings and its reflection at grazing view."""
    zero, one, tiny = np.float32(0.0), np.float32(1.0), np.float32(1e-18)
    c0, c1, c2 = environment[0, 0], environment[0, 1], environment[0, 2]
    x0, x1, x2 = environment[1, 0], environment[1, 1], environment[1, 2]
    y0, y1, y2 = environment[2, 0], environment[2, 1], environment[2, 2]
    z0, z1, z2 = environment[3, 0], environment[3, 1], environment[3, 2]
    for i in range(count):
        p = i * POINT
        px, py, pz = points[p], points[p + 1], points[p + 2]
        n = -one / np.sqrt(px * px + py * py + pz * pz + tiny)
        vx, vy, vz = px * n, py * n, pz * n
        nx, ny, nz = points[p + 3], points[p + 4], points[p + 5]
        n = one / np.sqrt(nx * nx + ny * ny + nz * nz + tiny)
        nx, ny, nz = nx * n, ny * n, nz * n
        sky = points[p + 10]
        r = sky * max(zero, c0 + x0 * nx + y0 * ny + z0 * nz)
        g = sky * max(zero, c1 + x1 * nx + y1 * ny + z1 * nz)
        b = sky * max(zero, c2 + x2 * nx + y2 * ny + z2 * nz)
        facing = max(zero, nx * vx + ny * vy + nz * vz)
        away = (one - facing) * (one - facing)
        edge = away * away * points[p + 16] * points[p + 9]
        points[p + 3], points[p + 4], points[p + 5] = nx, ny, nz
        points[p + 17] = facing
        points[p + 18], points[p + 19], points[p + 20] = r, g, b
        points[p + 21], points[p + 22], points[p + 23] = edge * r, edge * g, edge * b
        points[p + 24], points[p + 25], points[p + 26] = vx, vy, vz


@loop(fastmath=True, boundscheck=False, nogil=True)
def add_lamp(points: Float32, count: int, lamp: Float32, first: bool) -> None:
    """Add a lamp, (6,), to light and shine; the `first` one is shaded by its depth map."""
    zero, one, tiny = np.float32(0.0), np.float32(1.0), np.float32(1e-18)
    least, most, three, four = np.float32(0.45), np.float32(0.55), np.float32(3.0), np.float32(4.0)
    lx, ly, lz = lamp[0], lamp[1], lamp[2]
    red, green, blue = lamp[3], lamp[4], lamp[5]
    shaded = np.float32(1.0 if first else 0.0)
    for i in range(count):
        p = i * POINT
        nx, ny, nz = points[p + 3], points[p + 4], points[p + 5]
        raw = nx * lx + ny * ly + nz * lz
        reach = (least + most * points[p + 10]) * (one + shaded * (points[p + 11] - one))
        # Soft materials: light creeps round the edge, the red part further than the rest.
        wr, wg, wb = points[p + 13], points[p + 14], points[p + 15]
        points[p + 18] += reach * red * max(zero, (raw + wr) / (one + wr))
        points[p + 19] += reach * green * max(zero, (raw + wg) / (one + wg))
        points[p + 20] += reach * blue * max(zero, (raw + wb) / (one + wb))
        hx, hy, hz = lx + points[p + 24], ly + points[p + 25], lz + points[p + 26]
        h = max(zero, (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz + tiny))
        # Schlick's rational stand-in for h to the power.
        power = points[p + 12]
        away = one - points[p + 17]
        s = reach * points[p + 9] * h / (power - power * h + h + tiny)
        s *= min(one, max(zero, four * raw)) * (one + three * away * away * away)
        points[p + 21] += red * s
        points[p + 22] += green * s
        points[p + 23] += blue * s

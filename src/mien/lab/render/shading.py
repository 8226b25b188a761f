"""The light on a point, compiled by Numba: skin, eyes, hair and everything else, one function per material.

Called by `rasterize`. Vectors are in the view frame (mm), colours linear. Nothing allocates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mien.core.arrays import AnyArray, Float32

_SKIN, _EYE, _HAIR = 0, 1, 4
ALBEDO_ONE, GLOSS_ONE = 160.0, 64.0
"""Bytes of the atlas that mean 1."""
FINISH = np.array(
    [  # gloss strength, gloss exponent, softness of the light's edge; one row per `scene.Material`
        [0.10, 14.0, 0.42],
        [1.40, 420.0, 0.25],
        [0.45, 60.0, 0.30],
        [0.22, 30.0, 0.25],
        [0.16, 10.0, 0.25],
        [0.02, 8.0, 0.10],
        [0.02, 4.0, 0.15],
        [0.80, 120.0, 0.00],
        [0.01, 4.0, 0.25],
        [0.10, 14.0, 0.42],
        [0.30, 40.0, 0.00],
    ],
    dtype=np.float32,
)


@njit(cache=True, fastmath=True, boundscheck=False, nogil=True)
def texel(image: AnyArray, u: float, v: float) -> tuple[float, float, float]:
    """The first three channels, bilinear; u wraps round, v is clamped and points up."""
    height, width = image.shape[0], image.shape[1]
    x = (u - np.floor(u)) * width - 0.5
    y = min(max((1.0 - v) * height - 0.5, 0.0), height - 1.001)
    x0 = int(np.floor(x))
    y0 = int(y)
    fx, fy = x - x0, y - y0
    left = x0 if x0 >= 0 else width - 1
    right = x0 + 1 if x0 + 1 < width else 0
    wa, wb, wc, wd = (1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy
    y1 = y0 + 1
    # No rows are cut out here or below: a view costs more than the arithmetic.
    r = wa * image[y0, left, 0] + wb * image[y0, right, 0] + wc * image[y1, left, 0] + wd * image[y1, right, 0]
    g = wa * image[y0, left, 1] + wb * image[y0, right, 1] + wc * image[y1, left, 1] + wd * image[y1, right, 1]
    b = wa * image[y0, left, 2] + wb * image[y0, right, 2] + wc * image[y1, left, 2] + wd * image[y1, right, 2]
    return r, g, b


@njit(cache=True, fastmath=True, boundscheck=False, nogil=True)
def nearest(image: AnyArray, u: float, v: float, channel: int) -> float:
    """One channel of the nearest texel; u wraps round, v is clamped and points up."""
    x = int((u - np.floor(u)) * image.shape[1])
    y = int(min(max(1.0 - v, 0.0), 0.999) * image.shape[0])
    return float(image[y, min(x, image.shape[1] - 1), channel])


@njit(cache=True, fastmath=True, boundscheck=False, nogil=True)
def shadow(depth: Float32, place: Float32, x: float, y: float, z: float) -> float:
    """Share of the first lamp that reaches a point: four soft comparisons with its depth map.

    `place` = (3, 4): map column, map row, nearness of a point in the view frame.
    """
    size = depth.shape[0]
    u = place[0, 0] * x + place[0, 1] * y + place[0, 2] * z + place[0, 3]
    v = place[1, 0] * x + place[1, 1] * y + place[1, 2] * z + place[1, 3]
    near = place[2, 0] * x + place[2, 1] * y + place[2, 2] * z + place[2, 3] + 5.0
    if u < 2.0 or v < 2.0 or u > size - 3.0 or v > size - 3.0:
        return 1.0
    x0, y0 = int(u), int(v)
    fx, fy = u - x0, v - y0
    # A soft comparison: no acne where the surface grazes the lamp's rays.
    a = min(1.0, max(0.0, 1.0 + (near - depth[y0, x0]) * 0.3))
    b = min(1.0, max(0.0, 1.0 + (near - depth[y0, x0 + 1]) * 0.3))
    c = min(1.0, max(0.0, 1.0 + (near - depth[y0 + 1, x0]) * 0.3))
    d = min(1.0, max(0.0, 1.0 + (near - depth[y0 + 1, x0 + 1]) * 0.3))
    return float((a * (1.0 - fx) + b * fx) * (1.0 - fy) + (c * (1.0 - fx) + d * fx) * fy)


@njit(cache=True, fastmath=True, boundscheck=False, nogil=True)
def iris(eye: Float32, px: float, py: float, pz: float) -> tuple[float, float, float, float]:
    """RGB of a point of an eyeball and how far it lies under the upper lid's shade, 0–1.

    `eye` = centre, axis, up, side (3 each), cos of the blur, iris angle, pupil angle, iris RGB, fibres.
    """
    dx, dy, dz = px - eye[0], py - eye[1], pz - eye[2]
    n = 1.0 / (np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9)
    ahead = (dx * eye[3] + dy * eye[4] + dz * eye[5]) * n
    up = (dx * eye[6] + dy * eye[7] + dz * eye[8]) * n
    side = (dx * eye[9] + dy * eye[10] + dz * eye[11]) * n
    angle = np.arccos(min(1.0, max(-1.0, ahead)))
    soft, ring, hole = eye[12], eye[13], eye[14]
    white = min(1.0, max(0.0, (angle - ring) / soft + 0.5))
    open_ = min(1.0, max(0.0, (angle - hole) / soft + 0.5))
    turn = np.arctan2(up, side)
    fibre = 1.0 + 0.22 * np.sin(23.0 * turn + eye[18]) * np.sin(9.0 * turn + 2.7 * eye[18])
    depth = angle / ring
    # Light falls in from above and gathers in the lower half; the rim of the iris is dark.
    fibre *= (
        (0.75 + 0.55 * (1.0 - depth)) * (1.0 - 0.65 * max(0.0, (depth - 0.78) / 0.22)) * (1.0 - 0.25 * np.sin(turn))
    )
    away = max(0.0, angle - ring)
    red = 0.10 * min(1.0, away)
    r = white * (0.72 - 0.10 * away) + (1.0 - white) * open_ * eye[15] * fibre
    g = white * (0.68 - 0.12 * away - red) + (1.0 - white) * open_ * eye[16] * fibre
    b = white * (0.65 - 0.12 * away - red) + (1.0 - white) * open_ * eye[17] * fibre
    return r + 0.004, g + 0.004, b + 0.004, dy * n


@njit(cache=True, fastmath=True, boundscheck=False, nogil=True)
def lit(
    kind: int, at: Any, normal: Any, albedo: Any, gloss: float, sky: float, light: Any
) -> tuple[float, float, float]:
    """RGB that a point sends to the camera.

    Args:
        kind: `scene.Material`.
        at, normal, albedo: three numbers each.
        gloss: multiplies the finish's gloss.
        sky: share of the surroundings that the point sees.
        light: (lamps, environment, shadow strength, depth map, its placing, finish).
    """
    lamps, environment, strength, depth, place, finish = light
    px, py, pz = at
    nx, ny, nz = normal
    ar, ag, ab = albedo
    n = 1.0 / (np.sqrt(px * px + py * py + pz * pz) + 1e-9)
    vx, vy, vz = -px * n, -py * n, -pz * n
    power, wrap = finish[kind, 1], finish[kind, 2]
    gloss *= finish[kind, 0]
    r = sky * max(0.0, environment[0, 0] + environment[1, 0] * nx + environment[2, 0] * ny + environment[3, 0] * nz)
    g = sky * max(0.0, environment[0, 1] + environment[1, 1] * nx + environment[2, 1] * ny + environment[3, 1] * nz)
    b = sky * max(0.0, environment[0, 2] + environment[1, 2] * nx + environment[2, 2] * ny + environment[3, 2] * nz)
    facing = max(0.0, nx * vx + ny * vy + nz * vz)
    edge = (1.0 - facing) ** 4 * (0.25 if kind != _EYE else 0.0) * gloss * 4.0
    sr, sg, sb = edge * r, edge * g, edge * b
    deep = 1.0 if kind == _SKIN else 0.45
    wide_g, wide_b = 0.6 * deep * wrap, 0.5 * deep * wrap
    red, green, blue = 1.0 / (1.0 + wrap), 1.0 / (1.0 + wide_g), 1.0 / (1.0 + wide_b)
    for k in range(len(lamps)):
        lx, ly, lz = lamps[k, 0], lamps[k, 1], lamps[k, 2]
        raw = nx * lx + ny * ly + nz * lz
        if raw <= -wrap:
            continue
        reach = 0.45 + 0.55 * sky
        if k == 0:
            reach *= 1.0 - strength * (1.0 - shadow(depth, place, px, py, pz))
        # Soft materials: light creeps round the edge, the red part further than the rest.
        r += reach * lamps[k, 3] * max(0.0, (raw + wrap) * red)
        g += reach * lamps[k, 4] * max(0.0, (raw + wide_g) * green)
        b += reach * lamps[k, 5] * max(0.0, (raw + wide_b) * blue)
        hx, hy, hz = lx + vx, ly + vy, lz + vz
        h = (nx * hx + ny * hy + nz * hz) / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9)
        if h > 0.0 and raw > 0.0:
            # Schlick's rational stand-in for h to the power.
            s = reach * gloss * h / (power - power * h + h)
            s *= min(1.0, 4.0 * raw) * (1.0 + 3.0 * (1.0 - facing) ** 3)
            sr += lamps[k, 3] * s
            sg += lamps[k, 4] * s
            sb += lamps[k, 5] * s
    return r * ar + sr, g * ag + sg, b * ab + sb


@njit(cache=True, fastmath=True, boundscheck=False, nogil=True)
def point(f: int, wa: float, wb: float, mesh: Any, paint: Any, light: Any) -> tuple[float, float, float]:
    """RGB of a place in triangle `f`.

    `mesh` = (triangles, material, layer, corner_uv, vertices (V, 12): place, normal, colour, uv, share of the sky);
    `paint` = (atlas, strands, eyes (2, 19), textures).
    """
    triangles, material, layer, corner_uv, vertices = mesh
    atlas, strands, eyes, textures = paint
    a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
    wc = 1.0 - wa - wb
    kind = material[f]
    px = wa * vertices[a, 0] + wb * vertices[b, 0] + wc * vertices[c, 0]
    py = wa * vertices[a, 1] + wb * vertices[b, 1] + wc * vertices[c, 1]
    pz = wa * vertices[a, 2] + wb * vertices[b, 2] + wc * vertices[c, 2]
    nx = wa * vertices[a, 3] + wb * vertices[b, 3] + wc * vertices[c, 3]
    ny = wa * vertices[a, 4] + wb * vertices[b, 4] + wc * vertices[c, 4]
    nz = wa * vertices[a, 5] + wb * vertices[b, 5] + wc * vertices[c, 5]
    r = wa * vertices[a, 6] + wb * vertices[b, 6] + wc * vertices[c, 6]
    g = wa * vertices[a, 7] + wb * vertices[b, 7] + wc * vertices[c, 7]
    bl = wa * vertices[a, 8] + wb * vertices[b, 8] + wc * vertices[c, 8]
    sky = wa * vertices[a, 11] + wb * vertices[b, 11] + wc * vertices[c, 11]
    gloss = 1.0
    if layer[f] >= 0:
        u = wa * corner_uv[f, 0, 0] + wb * corner_uv[f, 1, 0] + wc * corner_uv[f, 2, 0]
        v = wa * corner_uv[f, 0, 1] + wb * corner_uv[f, 1, 1] + wc * corner_uv[f, 2, 1]
        texture = textures[layer[f]]
        tr, tg, tb = texel(texture, u, 1.0 - v)
        # The square is near enough to sRGB's curve, and quick.
        r, g, bl = r * tr * tr / 65025.0, g * tg * tg / 65025.0, bl * tb * tb / 65025.0
    if kind in (_SKIN, _HAIR):
        ua, ub, uc = vertices[a, 9], vertices[b, 9], vertices[c, 9]
        # A triangle across the seam at the back of the head.
        ub += 1.0 if ua - ub > 0.5 else (-1.0 if ub - ua > 0.5 else 0.0)
        uc += 1.0 if ua - uc > 0.5 else (-1.0 if uc - ua > 0.5 else 0.0)
        u = wa * ua + wb * ub + wc * uc
        v = wa * vertices[a, 10] + wb * vertices[b, 10] + wc * vertices[c, 10]
        if kind == _SKIN:
            tr, tg, tb = texel(atlas, u, v)
            r, g, bl = r * tr / ALBEDO_ONE, g * tg / ALBEDO_ONE, bl * tb / ALBEDO_ONE
            gloss = nearest(atlas, u, v, 3) / GLOSS_ONE
        else:
            gloss, _, _ = texel(strands, u * 3.0, v * 0.9)
            r, g, bl = r * gloss, g * gloss, bl * gloss
            gloss *= gloss
    elif kind == _EYE:
        which = 0
        if abs(px - eyes[0, 0]) + abs(py - eyes[0, 1]) > abs(px - eyes[1, 0]) + abs(py - eyes[1, 1]):
            which = 1
        eye = eyes[which]
        r, g, bl, up = iris(eye, px, py, pz)
        nx, ny, nz = px - eye[0], py - eye[1], pz - eye[2]
        sky = 0.85 * min(1.0, max(0.35, 1.05 - 1.3 * up))
    n = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
    return lit(kind, (px, py, pz), (nx * n, ny * n, nz * n), (r, g, bl), gloss, sky, light)

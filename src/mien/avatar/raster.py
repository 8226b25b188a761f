"""The inner loops of the preview, compiled by Numba: morph, turn, rasterise into a z-buffer, shade.

Shading is deferred: the z-buffer keeps triangle and barycentric coordinates, and only visible pixels are lit.
Colours are linear until the last step. All functions work in place on arrays that the caller owns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.core.arrays import AnyArray, Float32, UInt8
from mien.runtime.loops import loop


@loop(fastmath=True, boundscheck=False, nogil=True)
def morph(out: Float32, starts: AnyArray, index: AnyArray, offset: Float32, weights: Float32) -> None:
    """Add weights × sparse offsets (shape k owns rows starts[k]:starts[k + 1]) to (V, 3) positions."""
    for k in range(len(weights)):
        w = weights[k]
        if w == 0.0:
            continue
        for i in range(starts[k], starts[k + 1]):
            v = index[i]
            out[v, 0] += w * offset[i, 0]
            out[v, 1] += w * offset[i, 1]
            out[v, 2] += w * offset[i, 2]


@loop(fastmath=True, boundscheck=False, nogil=True)
def turn(points: Float32, node: AnyArray, matrices: Float32) -> None:
    """Map every vertex by the (3, 4) matrix of its node."""
    for v in range(len(points)):
        m = matrices[node[v]]
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        for r in range(3):
            points[v, r] = m[r, 0] * x + m[r, 1] * y + m[r, 2] * z + m[r, 3]


@loop(fastmath=True, boundscheck=False, nogil=True)
def normals(out: Float32, points: Float32, triangles: AnyArray, weld: AnyArray) -> None:
    """Smooth unit normals; vertices with the same `weld` share one."""
    out[:] = 0.0
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in range(3):
            w = weld[triangles[f, k]]
            out[w, 0] += nx
            out[w, 1] += ny
            out[w, 2] += nz
    for v in range(len(out)):
        w = weld[v]
        if w != v:
            out[v, 0], out[v, 1], out[v, 2] = out[w, 0], out[w, 1], out[w, 2]
            continue
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + np.float32(1e-20)
        out[v, 0] /= length
        out[v, 1] /= length
        out[v, 2] /= length


@loop(fastmath=True, boundscheck=False, nogil=True)
def rasterise(screen: Float32, triangles: AnyArray, depth: Float32, owner: AnyArray, bary: Float32) -> None:
    """Fill the z-buffer. `screen` is (V, 3): x px, y px (down), 1 / distance (larger = nearer)."""
    height, width = depth.shape
    depth[:] = 0.0
    owner[:] = -1
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay = screen[a, 0], screen[a, 1]
        bx, by = screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
        if area <= 0.0:  # seen from behind
            continue
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
        inverse = 1.0 / area
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                wa = ((x - bx) * (cy - by) - (cx - bx) * (y - by)) * inverse
                wb = ((x - cx) * (ay - cy) - (ax - cx) * (y - cy)) * inverse
                wc = 1.0 - wa - wb
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                near = wa * screen[a, 2] + wb * screen[b, 2] + wc * screen[c, 2]
                if near > depth[y, x]:
                    depth[y, x] = near
                    owner[y, x] = f
                    bary[y, x, 0] = wa
                    bary[y, x, 1] = wb


@loop(fastmath=True, boundscheck=False, nogil=True)
def shade(image: Float32, owner: AnyArray, bary: Float32, mesh: Any, lights: Float32) -> None:
    """Light the visible pixels of a linear (H, W, 3) image.

    `mesh` = (triangles, points, normals, colours (V, 3), finish (V, 3): gloss strength, gloss exponent, wrap).
    `lights` = (L, 6): direction towards the light, linear RGB. The camera looks along -z from far away.
    """
    triangles, points, normal, colour, finish, eye_z = mesh
    height, width = owner.shape
    for y in range(height):
        for x in range(width):
            f = owner[y, x]
            if f < 0:
                continue
            a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            wa, wb = bary[y, x, 0], bary[y, x, 1]
            wc = 1.0 - wa - wb
            nx = wa * normal[a, 0] + wb * normal[b, 0] + wc * normal[c, 0]
            ny = wa * normal[a, 1] + wb * normal[b, 1] + wc * normal[c, 1]
            nz = wa * normal[a, 2] + wb * normal[b, 2] + wc * normal[c, 2]
            n = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12)
            nx, ny, nz = nx * n, ny * n, nz * n
            px = wa * points[a, 0] + wb * points[b, 0] + wc * points[c, 0]
            py = wa * points[a, 1] + wb * points[b, 1] + wc * points[c, 1]
            pz = wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2]
            vx, vy, vz = -px, -py, eye_z - pz
            n = 1.0 / np.sqrt(vx * vx + vy * vy + vz * vz)
            vx, vy, vz = vx * n, vy * n, vz * n
            gloss, power, wrap = finish[a, 0], finish[a, 1], finish[a, 2]
            up = 0.5 + 0.5 * ny
            r, g, bl = 0.16 + 0.17 * up, 0.15 + 0.20 * up, 0.16 + 0.25 * up
            sr, sg, sb = 0.0, 0.0, 0.0
            for k in range(len(lights)):
                lx, ly, lz = lights[k, 0], lights[k, 1], lights[k, 2]
                raw = nx * lx + ny * ly + nz * lz
                # Soft materials: light creeps round the edge, the red part further than the rest.
                r += lights[k, 3] * max(0.0, (raw + wrap) / (1.0 + wrap))
                g += lights[k, 4] * max(0.0, (raw + 0.45 * wrap) / (1.0 + 0.45 * wrap))
                bl += lights[k, 5] * max(0.0, (raw + 0.35 * wrap) / (1.0 + 0.35 * wrap))
                hx, hy, hz = lx + vx, ly + vy, lz + vz
                h = (nx * hx + ny * hy + nz * hz) / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-12)
                if h > 0.0 and raw > 0.0:
                    s = gloss * h**power * min(1.0, 4.0 * raw)
                    sr += lights[k, 3] * s
                    sg += lights[k, 4] * s
                    sb += lights[k, 5] * s
            edge = (1.0 - max(0.0, nx * vx + ny * vy + nz * vz)) ** 4 * 0.12 * up
            image[y, x, 0] = r * (wa * colour[a, 0] + wb * colour[b, 0] + wc * colour[c, 0]) + sr + edge
            image[y, x, 1] = g * (wa * colour[a, 1] + wb * colour[b, 1] + wc * colour[c, 1]) + sg + edge
            image[y, x, 2] = bl * (wa * colour[a, 2] + wb * colour[b, 2] + wc * colour[c, 2]) + sb + edge


@loop(fastmath=True, boundscheck=False, nogil=True)
def develop(image: Float32, factor: int, curve: UInt8, out: UInt8) -> None:
    """Average factor × factor pixels and map linear light to display values through a table of 4096 steps."""
    height, width, _ = out.shape
    scale = 4095.0 / (2.0 * factor * factor)  # the table covers 0–2
    for y in range(height):
        for x in range(width):
            for k in range(3):
                total = np.float32(0.0)
                for i in range(factor):
                    for j in range(factor):
                        total += min(image[y * factor + i, x * factor + j, k], np.float32(2.0))
                out[y, x, k] = curve[int(total * scale)]

"""What can be seen: vertices into the view, triangles into z-buffers, normals. Compiled by Numba, in place.

A sample belongs to the nearest triangle that turns its front to the camera. Vertices are rows of `ROW` numbers, one
cache line each, so that whatever the shader reads of a vertex comes at once:

    0–2 place in the view frame, mm · 3–5 normal · 6–8 albedo · 9–10 atlas u, v · 11 share of the sky
    12–13 sample column and row · 14 1 / distance
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.core.arrays import AnyArray, Float32, Float64
from mien.runtime.loops import loop

ROW = 16
"""Numbers per vertex."""
MOST_TRIANGLES = 1 << 20
_BITS, _TRIANGLE = np.int64(20), np.int64(MOST_TRIANGLES - 1)
_STEPS = 4e12
"""Steps of 1 / distance (1/mm) in the upper bits: everything from 1 mm away fits."""


@loop(fastmath=True, boundscheck=False, nogil=True)
def place(rows: Float32, vertices: Float32, to_view: Float64, lens: Any) -> None:
    """Places, samples and 1 / distance of (V, 3) head-frame vertices.

    Args:
        rows: (V, ROW), written.
        vertices: (V, 3) mm.
        to_view: (3, 4) head frame → view frame.
        lens: (focal length, column, row of the principal point), in samples.
    """
    m00, m01, m02, m03 = to_view[0, 0], to_view[0, 1], to_view[0, 2], to_view[0, 3]
    m10, m11, m12, m13 = to_view[1, 0], to_view[1, 1], to_view[1, 2], to_view[1, 3]
    m20, m21, m22, m23 = to_view[2, 0], to_view[2, 1], to_view[2, 2], to_view[2, 3]
    focal, column, line = lens
    for v in range(len(vertices)):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        px = m00 * x + m01 * y + m02 * z + m03
        py = m10 * x + m11 * y + m12 * z + m13
        pz = m20 * x + m21 * y + m22 * z + m23
        near = 1.0 / max(-pz, 1.0)
        rows[v, 0], rows[v, 1], rows[v, 2] = px, py, pz
        rows[v, 3], rows[v, 4], rows[v, 5] = 0.0, 0.0, 0.0
        rows[v, 12], rows[v, 13], rows[v, 14] = column + px * focal * near, line - py * focal * near, near


@loop(fastmath=True, boundscheck=False, nogil=True)
def dress(rows: Float32, first: int, colour: Float32, uv: Float32, sky: Float32) -> None:
    """Albedo, atlas place and share of the sky of the vertices from number `first` on."""
    for i in range(len(colour)):
        v = first + i
        rows[v, 6], rows[v, 7], rows[v, 8] = colour[i, 0], colour[i, 1], colour[i, 2]
        rows[v, 9], rows[v, 10], rows[v, 11] = uv[i, 0], uv[i, 1], sky[i]


@loop(fastmath=True, boundscheck=False, nogil=True)
def normals(rows: Float32, triangles: AnyArray, weld: AnyArray) -> None:
    """Add up the normals of the triangles round each vertex (not of unit length); `weld` as in `scene.Surface`."""
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, az = rows[a, 0], rows[a, 1], rows[a, 2]
        ux, uy, uz = rows[b, 0] - ax, rows[b, 1] - ay, rows[b, 2] - az
        vx, vy, vz = rows[c, 0] - ax, rows[c, 1] - ay, rows[c, 2] - az
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (weld[a], weld[b], weld[c]):
            rows[v, 3] += nx
            rows[v, 4] += ny
            rows[v, 5] += nz
    for v in range(len(weld)):
        w = weld[v]
        if w != v:
            rows[v, 3], rows[v, 4], rows[v, 5] = rows[w, 3], rows[w, 4], rows[w, 5]


@loop(fastmath=True, boundscheck=False, nogil=True)
def fill(nearest: AnyArray, rows: Float32, triangles: AnyArray) -> None:
    """For each sample of `nearest` (int64) the largest of 1 / distance and triangle packed together; 0 = nothing.

    One number per sample needs no branch: triangles are a few samples large, and a branch is guessed wrongly as often
    as not.
    """
    height, width = nearest.shape
    nearest[:] = 0
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, bx, by = float(rows[a, 12]), float(rows[a, 13]), float(rows[b, 12]), float(rows[b, 13])
        cx, cy = float(rows[c, 12]), float(rows[c, 13])
        area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
        if (area <= 0.0) | (x0 > x1) | (y0 > y1):  # seen from behind, or between samples
            continue
        ua, va, ub, vb, uc, vc = cy - by, bx - cx, ay - cy, cx - ax, by - ay, ax - bx
        scale = _STEPS / area
        za, zb, zc = rows[a, 14] * scale, rows[b, 14] * scale, rows[c, 14] * scale
        for y in range(y0, y1 + 1):
            ea0, eb0, ec0 = (y - by) * va - bx * ua, (y - cy) * vb - cx * ub, (y - ay) * vc - ax * uc
            for x in range(x0, x1 + 1):
                ea, eb, ec = ea0 + x * ua, eb0 + x * ub, ec0 + x * uc
                key = (np.int64(ea * za + eb * zb + ec * zc) << _BITS) | np.int64(f)
                before = nearest[y, x]
                nearest[y, x] = key if (min(ea, eb, ec) >= 0.0) & (key > before) else before


@loop(fastmath=True, boundscheck=False, nogil=True)
def unpack(near: Float32, owner: AnyArray, nearest: AnyArray) -> None:
    """1 / distance (0 = nothing) and triangle (-1 = nothing) of `fill`."""
    height, width = nearest.shape
    for y in range(height):
        for x in range(width):
            key = nearest[y, x]
            near[y, x] = np.float32((key >> _BITS) * (1.0 / _STEPS))
            owner[y, x] = np.int32(key & _TRIANGLE) if key > 0 else np.int32(-1)


@loop(fastmath=True, boundscheck=False, nogil=True)
def fill_depth(depth: Float32, seen: Float32, triangles: AnyArray) -> None:
    """A depth map alone: the largest `seen`[:, 2] of the triangles over each (column, row) `seen`[:, :2]."""
    height, width = depth.shape
    depth[:] = 0.0
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, bx, by = float(seen[a, 0]), float(seen[a, 1]), float(seen[b, 0]), float(seen[b, 1])
        cx, cy = float(seen[c, 0]), float(seen[c, 1])
        area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
        if area <= 0.0:
            continue
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
        if x0 > x1 or y0 > y1:
            continue
        ua, va, ub, vb, uc, vc = cy - by, bx - cx, ay - cy, cx - ax, by - ay, ax - bx
        inverse = 1.0 / area
        za, zb, zc = seen[a, 2] * inverse, seen[b, 2] * inverse, seen[c, 2] * inverse
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                ea = (x - bx) * ua + (y - by) * va
                eb = (x - cx) * ub + (y - cy) * vb
                ec = (x - ax) * uc + (y - ay) * vc
                if ea >= 0.0 and eb >= 0.0 and ec >= 0.0:
                    depth[y, x] = max(depth[y, x], ea * za + eb * zb + ec * zc)


@loop(fastmath=True, boundscheck=False, nogil=True)
def seen_from_lamp(seen: Float32, rows: Float32, to_map: Float32) -> None:
    """Map column, row and nearness (`to_map`, (3, 4)) of every vertex."""
    for v in range(len(seen)):
        x, y, z = rows[v, 0], rows[v, 1], rows[v, 2]
        for k in range(3):
            seen[v, k] = to_map[k, 0] * x + to_map[k, 1] * y + to_map[k, 2] * z + to_map[k, 3]

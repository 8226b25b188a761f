"""Is a point of the face hidden behind another part of it?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32
from mien.runtime.loops import loop


def hidden_points(
    points_mm: Float32, vertices_mm: Float32, triangles: npt.NDArray[np.int32], margin_mm: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    """(P,) bool for (P, 3) points among the (V, 3) vertices of a mesh, both in the camera frame (z into the scene).

    A point counts as hidden if something is nearer to the camera by more than its margin (one number or (P,), mm):
    it never hides behind the very skin it lies on.
    """
    out = np.zeros(len(points_mm), dtype=np.bool_)
    _search(
        np.ascontiguousarray(points_mm, dtype=np.float32),
        np.ascontiguousarray(vertices_mm, dtype=np.float32),
        triangles,
        np.array(np.broadcast_to(np.asarray(margin_mm, dtype=np.float32), (len(points_mm),))),
        out,
    )
    return out


@loop(fastmath=True, boundscheck=False)
def _search(points: Float32, vertices: Float32, triangles: AnyArray, margin: Float32, out: AnyArray) -> None:
    n = len(points)
    px, py = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
    vx, vy = vertices[:, 0] / vertices[:, 2], vertices[:, 1] / vertices[:, 2]
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        if vertices[a, 2] <= 0.0 or vertices[b, 2] <= 0.0 or vertices[c, 2] <= 0.0:
            continue
        area = (vx[c] - vx[a]) * (vy[b] - vy[a]) - (vx[b] - vx[a]) * (vy[c] - vy[a])
        if area == 0.0:
            continue
        x0, x1 = min(vx[a], vx[b], vx[c]), max(vx[a], vx[b], vx[c])
        y0, y1 = min(vy[a], vy[b], vy[c]), max(vy[a], vy[b], vy[c])
        for i in range(n):
            if out[i] or px[i] < x0 or px[i] > x1 or py[i] < y0 or py[i] > y1:
                continue
            wa = ((px[i] - vx[b]) * (vy[c] - vy[b]) - (vx[c] - vx[b]) * (py[i] - vy[b])) / area
            wb = ((px[i] - vx[c]) * (vy[a] - vy[c]) - (vx[a] - vx[c]) * (py[i] - vy[c])) / area
            wc = 1.0 - wa - wb
            if wa < 0.0 or wb < 0.0 or wc < 0.0:
                continue
            # Inverse depth is linear in the picture.
            near = 1.0 / (wa / vertices[a, 2] + wb / vertices[b, 2] + wc / vertices[c, 2])
            if near < points[i, 2] - margin[i]:
                out[i] = True

"""Small builders of meshes: lofts (a tube through rings), discs and lids, with the right side out.

Lengths in whatever unit the points have; triangles are counter-clockwise seen from outside.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import AnyArray, Float64


def loft(rings: int, steps: int, *, closed: bool = True, ends: tuple[bool, bool] = (False, False)) -> AnyArray:
    """(F, 3) triangles between `rings` rings of `steps` points each.

    Args:
        rings, steps: point i of ring r is vertex r · steps + i.
        closed: every ring is a loop.
        ends: close the first or last ring with a fan to one more vertex; these follow the rings, first end first.

    Seen along the rings' order, points run clockwise for the triangles to face outwards.
    """
    last = steps if closed else steps - 1
    r, i = np.meshgrid(np.arange(rings - 1), np.arange(last), indexing="ij")
    a, b = r * steps + i, r * steps + (i + 1) % steps
    c, d = a + steps, b + steps
    faces = [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)]
    here, following = np.arange(last), (np.arange(last) + 1) % steps
    tip = rings * steps
    if ends[0]:
        faces.append(np.stack([following, here, np.full(last, tip)], -1))
        tip += 1
    if ends[1]:
        base = (rings - 1) * steps
        faces.append(np.stack([base + here, base + following, np.full(last, tip)], -1))
    return np.concatenate(faces)


def tube(path: Float64, sides: Float64, ups: Float64, steps: int) -> tuple[Float64, AnyArray]:
    """A tube of elliptic section, closed at both ends.

    Args:
        path: (R, 3) middle line.
        sides, ups: (R, 3) half axes of the section at each point.
        steps: points around.
    """
    angle = -np.arange(steps) * 2 * np.pi / steps
    rings = path[:, None] + np.cos(angle)[None, :, None] * sides[:, None] + np.sin(angle)[None, :, None] * ups[:, None]
    xyz = np.concatenate([rings.reshape(-1, 3), path[:1], path[-1:]])
    return xyz, facing_out(xyz, loft(len(path), steps, ends=(True, True)))


def facing_out(xyz: Float64, triangles: AnyArray) -> AnyArray:
    """The triangles of a closed mesh, turned so that its volume is positive."""
    a, b, c = (xyz[triangles[:, i]] - xyz.mean(axis=0) for i in range(3))
    volume = np.einsum("ij,ij->", a, np.cross(b, c))
    return triangles if volume > 0 else triangles[:, ::-1]


def curve(points: Float64, n: int) -> Float64:
    """(n, D) points on the Catmull-Rom curve through (K, D) points, evenly spaced in the parameter."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0.0, len(points) - 1.0, n)
    k = np.minimum(t.astype(int), len(points) - 2)
    f = (t - k)[:, None]
    p0, p1, p2, p3 = (ends[k + i] for i in range(4))
    out: Float64 = 0.5 * (
        2 * p1 + (p2 - p0) * f + (2 * p0 - 5 * p1 + 4 * p2 - p3) * f**2 + (3 * (p1 - p2) + p3 - p0) * f**3
    )
    return out

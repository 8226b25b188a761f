"""The skin of the built-in character: loops around eyes and mouth, scattered points elsewhere, one closed mesh.

Triangles are those of the convex hull of the points' directions, which is the Delaunay triangulation on a
sphere. For this the mouth is taken open (otherwise the lips would coincide); the points lie where the closed
mouth has them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import ConvexHull

from mien.avatar.builtin_form import (
    EYE,
    EYE_RADIUS,
    LID_RADIUS,
    MOUTH_HALF,
    OPENING,
    RAY_CENTRE,
    FacePoints,
    head_radius_hint,
    mouth_line,
    skin,
)
from mien.avatar.solid import cast, smooth_step
from mien.core.arrays import AnyArray, Float64

EYE_STEPS = 40
_LID_RINGS = ((-0.10, 1.0), (0.0, 1.0), (0.13, 1.0), (0.36, 0.88), (0.65, 0.66), (1.0, 0.36), (1.45, 0.0))
"""Distance of each loop from the edge of the lids, cm, and how far it follows the edge."""
MOUTH_STEPS = 25
_MOUTH_RINGS = (0.0, 0.16, 0.34, 0.52, 0.70, 0.90, 1.2, 1.65, 2.2)
"""Distance of each loop from the line where the lips meet, cm."""


@dataclass(frozen=True, eq=False)
class Skin:
    """The skin and where its loops are.

    Attributes:
        points: all points; the mirror image of point i is point `mirror[i]`.
        triangles: (F, 3).
        mirror: (V,) indices.
        lid_edge: (EYE_STEPS,) indices of the edge of the left eye's lids, from the outer corner over the top.
        lips: (2 · MOUTH_STEPS - 2,) indices of the line where the lips meet, closed loop.
        lip_tint: (V,) 1 on the red of the lips, 0 elsewhere.
    """

    points: FacePoints
    triangles: AnyArray
    mirror: AnyArray
    lid_edge: AnyArray
    lips: AnyArray
    lip_tint: Float64


def build_skin() -> Skin:
    """Build it; about a second."""
    eye_xyz, eye_dirs, lid, close, upper = _eye_loops()
    mouth_xyz, mouth_dirs, above, tint = _mouth_loops()
    fixed = np.concatenate([eye_dirs, mouth_dirs])
    fill_dirs = _scatter(fixed, eye_dirs[-EYE_STEPS:], mouth_dirs[-MOUTH_STEPS:])
    fill_xyz = cast(skin, RAY_CENTRE + 18.0 * fill_dirs, -fill_dirs)
    ne, nf = len(eye_xyz), len(fill_xyz)
    dirs = np.concatenate([fixed, fill_dirs])
    mouth = replace(FacePoints.plain(mouth_xyz), above=above)
    half = FacePoints.joined(FacePoints(eye_xyz, np.zeros(ne), lid, close, upper), mouth, FacePoints.plain(fill_xyz))
    seam = np.abs(dirs[:, 0]) < 1e-9
    half.xyz[seam, 0] = 0.0
    twins = np.flatnonzero(~seam)
    mirror = np.arange(len(dirs) + len(twins))
    mirror[twins] = len(dirs) + np.arange(len(twins))
    mirror[len(dirs) :] = twins
    points = FacePoints.joined(half, half[twins].mirrored())
    every = np.concatenate([dirs, dirs[twins] * [-1.0, 1.0, 1.0]])
    hole = np.zeros(len(every), np.int64)
    hole[:EYE_STEPS] = 1
    hole[ne : ne + MOUTH_STEPS] = 2
    hole[len(dirs) :] = hole[twins] * np.where(hole[twins] == 1, 3, 1)
    red = np.concatenate([np.zeros(ne), tint, np.zeros(nf)])
    triangles = _triangles(every, hole, mirror)
    lips = np.concatenate([np.arange(ne, ne + MOUTH_STEPS), mirror[ne + MOUTH_STEPS - 2 : ne : -1]])
    return Skin(
        points,
        triangles,
        mirror,
        np.arange(EYE_STEPS, 2 * EYE_STEPS),
        lips,
        np.concatenate([red, red[twins]]),
    )


def lid_edge_xy(psi: Float64, offset: float = 0.0) -> Float64:
    """(N, 2) front view of the loop at a distance from the lids' edge, relative to the eye's centre.

    psi = 0 at the outer corner, π / 2 at the top. The opening is an egg with its outer corner a little raised.
    """
    wide, high, low = OPENING
    inner = np.where(np.cos(psi) < 0, 0.66, 1.0)
    x = (wide + offset * inner) * np.cos(psi)
    y = np.where(np.sin(psi) > 0, high + offset, low + offset) * np.abs(np.sin(psi)) ** 0.92 * np.sign(np.sin(psi))
    return np.stack([x, y + 0.07 * x], axis=-1)


def on_lid(xy: Float64, radius: float = LID_RADIUS) -> Float64:
    """(N,) z, relative to the eye's centre, of points on a sphere around it."""
    out: Float64 = np.sqrt(np.maximum(radius**2 - (xy**2).sum(axis=-1), 0.05))
    return out


def _front(xy: Float64) -> Float64:
    """(N, 3) where the skin is, seen from the front."""
    origins = np.column_stack([xy, np.full(len(xy), 16.0)])
    return cast(skin, origins, np.tile([0.0, 0.0, -1.0], (len(xy), 1)))


def _directions(xyz: Float64) -> Float64:
    out: Float64 = (xyz - RAY_CENTRE) / np.linalg.norm(xyz - RAY_CENTRE, axis=1, keepdims=True)
    return out


def _eye_loops() -> tuple[Float64, Float64, Float64, Float64, AnyArray]:
    """Loops of the left eye, inside first: positions, directions, lid weight, closing angle, upper."""
    psi = np.arange(EYE_STEPS) * 2 * np.pi / EYE_STEPS
    edge = lid_edge_xy(psi)
    partner = lid_edge_xy(-psi)
    upper = np.sin(psi) > 0
    bottom, top = np.where(upper, partner[:, 1], edge[:, 1]), np.where(upper, edge[:, 1], partner[:, 1])
    closed = np.column_stack([edge[:, 0], bottom + 0.24 * (top - bottom)])
    close = np.arctan2(closed[:, 1], on_lid(closed)) - np.arctan2(edge[:, 1], on_lid(edge))
    rings, directions = [], []
    for offset, _ in _LID_RINGS:
        xy = lid_edge_xy(psi, max(offset, 0.0))
        xyz = _front(EYE[:2] + xy)
        # At the inner corner the side of the nose lies in front of the ball: the lids' edge must not.
        rest = np.exp(-((max(offset, 0.0) / 0.45) ** 2))
        xyz[:, 2] += rest * np.minimum(EYE[2] + on_lid(xy) - xyz[:, 2], 0.0)
        directions.append(_directions(xyz))
        if offset < 0:  # the thickness of the lid: from its edge straight in to the eyeball
            directions[-1] = _directions(EYE + [0, 0, 2.4] + 0.8 * (xyz - EYE - [0, 0, 2.4]))
            xyz = EYE + (xyz - EYE) * (0.965 * EYE_RADIUS / np.linalg.norm(xyz - EYE, axis=1, keepdims=True))
        fold = np.where(upper, np.sin(psi).clip(0) ** 0.5, 0.0) * (
            0.10 * np.exp(-(((offset - 1.05) / 0.3) ** 2)) - 0.16 * np.exp(-(((offset - 0.62) / 0.2) ** 2))
        )
        bead = 0.05 * np.exp(-(((offset - 0.10) / 0.12) ** 2)) if offset >= 0 else 0.0
        out = (xyz - EYE) / np.linalg.norm(xyz - EYE, axis=1, keepdims=True)
        rings.append(xyz + out * (fold + bead)[:, None] if offset >= 0 else xyz)
    weight = np.repeat([w for _, w in _LID_RINGS], EYE_STEPS)
    n = len(_LID_RINGS)
    return np.concatenate(rings), np.concatenate(directions), weight, np.tile(close, n), np.tile(upper, n)


def _mouth_loops() -> tuple[Float64, Float64, Float64, Float64]:
    """Left half of the loops around the mouth, inside first: positions, directions, above, tint."""
    psi = np.linspace(-np.pi / 2, np.pi / 2, MOUTH_STEPS)
    side = np.sign(np.round(psi, 9))
    rings, directions, tints = [], [], []
    for c in _MOUTH_RINGS:
        x = (MOUTH_HALF + 0.8 * c) * np.cos(psi)
        x[[0, -1]] = 0.0
        height = _lip_height(x / MOUTH_HALF, side)
        # Loops on the red of the lips follow its border, so that the colour ends along an edge.
        scale = height / 0.67 + (1.0 - height / 0.67) * smooth_step(0.67, 1.6, np.full_like(x, c))
        lift = c * scale * np.sign(psi) * np.abs(np.sin(psi)) ** 0.4
        xyz = _front(np.column_stack([x, mouth_line(x) + lift]))
        opened = xyz + np.column_stack([0 * x, side * 0.9 * np.abs(np.sin(psi)) * (1 - c / 3.0), 0 * x])
        directions.append(_directions(opened))
        bump, tint = _lip_profile(c * scale / height, np.abs(lift), x / MOUTH_HALF, side)
        rings.append(xyz + bump[:, None] * np.column_stack([0.12 * x, 0.10 * side, np.ones(len(x))]))
        tints.append(tint)
    return np.concatenate(rings), np.concatenate(directions), np.tile(side, len(_MOUTH_RINGS)), np.concatenate(tints)


def _lip_height(s: Float64, side: Float64) -> Float64:
    """Height of the red of the upper (side >= 0) or lower lip at s = x / half width."""
    bow = 0.60 - 0.09 * np.exp(-((s / 0.16) ** 2)) + 0.05 * np.exp(-(((np.abs(s) - 0.3) / 0.2) ** 2))
    out: Float64 = np.where(side >= 0, bow, 0.76) * np.maximum(np.clip(1.0 - s**2, 0.0, 1.0) ** 0.6, 0.14)
    return out


def _lip_profile(t: Float64, q: Float64, s: Float64, side: Float64) -> tuple[Float64, Float64]:
    """How far the lips stand out, cm, and how red they are.

    t = 0 where the lips meet, 1 at the border of the red; q = height from where they meet, cm.
    """
    taper = np.sqrt(np.clip(1.0 - s**2, 0.0, 1.0))
    rise = np.sqrt(np.clip(1.0 - (1.0 - np.minimum(t / 0.6, 1.0)) ** 2, 0.0, 1.0))
    dome = (-0.75 + 1.75 * rise) * (1.0 - smooth_step(0.6, 1.35, t))
    here = 1.0 - smooth_step(0.92, 1.10, np.abs(s))
    strength = np.where(side >= 0, 0.33, 0.42) * (0.25 + 0.75 * taper) * here
    dent = -0.10 * np.exp(-(((np.abs(s) - 1.03) / 0.12) ** 2)) * np.exp(-((q / 0.4) ** 2))
    return strength * dome + dent, (1.0 - smooth_step(0.90, 1.10, t)) * here


def _scatter(fixed: Float64, eye_rim: Float64, mouth_rim: Float64) -> Float64:
    """(N, 3) directions with x >= 0 that fill what the loops leave free: on the seam x = 0, then beside it."""
    candidates = np.concatenate([_seam(), _spiral(16000)])
    on_seam = candidates[:, 0] == 0.0
    spacing = head_radius_hint(candidates) * np.where(on_seam, 0.6, 1.0)
    free = ~(_inside(candidates, eye_rim) | _inside(candidates, _closed(mouth_rim)))
    free &= on_seam | (candidates[:, 0] > 0.55 * spacing)
    kept = np.empty((len(fixed) + len(candidates), 3))
    kept[: len(fixed)] = fixed
    n = len(fixed)
    for i in np.flatnonzero(free):
        near = kept[:n] @ candidates[i]
        if near.max() < np.cos(spacing[i]):
            kept[n] = candidates[i]
            n += 1
    return kept[len(fixed) : n]


def _seam() -> Float64:
    angle = np.linspace(0.0, 2 * np.pi, 2400, endpoint=False)
    return np.column_stack([np.zeros_like(angle), np.sin(angle), np.cos(angle)])


def _spiral(n: int) -> Float64:
    """Evenly scattered directions with x > 0, those near the face first."""
    i = np.arange(n) + 0.5
    z = 1.0 - 2.0 * i / n
    angle = np.pi * (1.0 + 5.0**0.5) * i
    r = np.sqrt(1.0 - z * z)
    points = np.column_stack([r * np.cos(angle), r * np.sin(angle), z])
    return points[points[:, 0] > 0]


def _closed(rim: Float64) -> Float64:
    """The whole loop from its left half."""
    return np.concatenate([rim, rim[-2:0:-1] * [-1.0, 1.0, 1.0]])


def _inside(directions: Float64, rim: Float64) -> AnyArray:
    """Whether directions lie inside a loop that is seen whole from its middle."""
    centre = rim.mean(axis=0) / np.linalg.norm(rim.mean(axis=0))
    across = np.cross([0.0, 1.0, 0.0], centre)
    across /= np.linalg.norm(across)
    along = np.cross(centre, across)

    def polar(d: Float64) -> tuple[Float64, Float64]:
        depth = d @ centre
        u, v = d @ across / depth, d @ along / depth
        return np.arctan2(v, u), np.where(depth > 0.2, np.hypot(u, v), np.inf)

    rim_angle, rim_radius = polar(rim)
    order = np.argsort(rim_angle)
    angle, radius = polar(directions)
    limit = np.interp(angle, rim_angle[order], rim_radius[order], period=2 * np.pi)
    return radius < limit


def _triangles(directions: Float64, hole: AnyArray, mirror: AnyArray) -> AnyArray:
    """(F, 3) counter-clockwise from outside, symmetric, without the triangles that would close a hole."""
    simplices = ConvexHull(directions).simplices.astype(np.int64)
    a, b, c = (directions[simplices[:, i]] for i in range(3))
    wrong = np.einsum("ij,ij->i", np.cross(b - a, c - a), a + b + c) < 0
    simplices[wrong] = simplices[wrong][:, ::-1]
    holes = hole[simplices]
    keep = ~((holes[:, 0] > 0) & (holes[:, 0] == holes[:, 1]) & (holes[:, 1] == holes[:, 2]))
    left = directions[simplices].sum(axis=1)[:, 0] > 1e-9
    half = simplices[keep & left]
    return np.concatenate([half, mirror[half][:, ::-1]])

"""Eyeballs, lashes and brows of the built-in character: the left ones; the caller mirrors. Lengths in cm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.avatar.builtin_form import EYE, EYE_RADIUS, FacePoints, skin
from mien.avatar.builtin_mesh import facing_out, loft, tube
from mien.avatar.builtin_skin import EYE_STEPS, Skin
from mien.avatar.solid import cast
from mien.core.arrays import AnyArray, Float64

_AROUND = 40
_PUPIL_DEG, _IRIS_DEG = 14.0, 32.5
_WHITE = np.array([0.90, 0.88, 0.85])
_IRIS_OUT, _IRIS_IN = np.array([0.035, 0.16, 0.14]), np.array([0.20, 0.46, 0.30])
_DARK = np.array([0.006, 0.006, 0.008])
SHRINK = 0.07
"""A closing eye's ball shrinks by this much, so that the lids, whose morphs move on chords, never cut it."""


@dataclass(frozen=True, eq=False)
class Coloured:
    """A mesh with one colour per vertex (linear RGB)."""

    xyz: Float64
    triangles: AnyArray
    colours: Float64


def eyeball() -> Coloured:
    """The eyeball around its own centre, looking along +z, the same for both sides."""
    rings: list[tuple[float, Float64]] = [(0.01, _DARK), (_PUPIL_DEG - 1.0, _DARK), (_PUPIL_DEG, _DARK + 0.006)]
    for t in np.linspace(0.0, 1.0, 5):
        ring = _PUPIL_DEG + 0.6 + t * (_IRIS_DEG - _PUPIL_DEG - 2.6)
        rings.append((ring, _IRIS_IN + (_IRIS_OUT - _IRIS_IN) * t**1.6))
    rings += [(_IRIS_DEG - 0.9, _IRIS_OUT * 0.25), (_IRIS_DEG, _IRIS_OUT * 0.22), (_IRIS_DEG + 1.2, _WHITE * 0.86)]
    for deg, shade in ((38.0, 1.0), (48.0, 1.0), (62.0, 0.93), (80.0, 0.82), (105.0, 0.7), (135.0, 0.6), (179.9, 0.6)):
        rings.append((deg, _WHITE * shade * np.array([1.0, 1.0 - 0.10 * (1 - shade), 1.0 - 0.12 * (1 - shade)])))
    angle = np.arange(_AROUND) * 2 * np.pi / _AROUND
    xyz, colours = [], []
    for deg, colour in rings:
        theta = np.radians(deg)
        ring = np.column_stack(
            [np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), np.full(_AROUND, np.cos(theta))]
        )
        xyz.append(EYE_RADIUS * ring)
        inside = _PUPIL_DEG < deg < _IRIS_DEG - 1.5
        # Light that falls in from above gathers in the lower half of the iris; fibres make it lively.
        glow = 1.0 - 0.55 * np.sin(angle) * inside + 0.16 * np.cos(13 * angle + deg) * inside
        colours.append(colour * glow[:, None])
    ball, tints = np.concatenate(xyz), np.clip(np.concatenate(colours), 0.0, 1.0)
    triangles = loft(len(rings), _AROUND)[:, ::-1]
    glints = [_glint((0.27, 0.33), 0.36), _glint((-0.22, -0.26), 0.15)]
    for spot in glints:
        triangles = np.concatenate([triangles, _fan(len(spot)) + len(ball)])
        ball = np.concatenate([ball, spot])
        tints = np.concatenate([tints, np.ones((len(spot), 3))])
    return Coloured(ball, triangles, tints)


def _glint(at: tuple[float, float], size: float) -> Float64:
    """A round patch of light just above the eye's surface."""
    angle = np.arange(16) * 2 * np.pi / 16
    xy = EYE_RADIUS * np.array(at) + size * np.column_stack([np.cos(angle), np.sin(angle)])
    xy = np.concatenate([xy, EYE_RADIUS * np.array([at])])
    radius = 1.006 * EYE_RADIUS
    return np.column_stack([xy, np.sqrt(radius**2 - (xy**2).sum(axis=1))])


def _fan(n: int) -> AnyArray:
    i = np.arange(n - 1)
    return np.stack([i, (i + 1) % (n - 1), np.full(n - 1, n - 1)], axis=1)


def lashes(face: Skin) -> tuple[FacePoints, AnyArray]:
    """A dark wing along the edge of the left upper lid; it rides on the lid's edge."""
    stations = np.arange(-2, EYE_STEPS // 2 + 1)
    edge = face.lid_edge[stations % EYE_STEPS]
    at = face.points.xyz[edge]
    psi = stations * 2 * np.pi / EYE_STEPS
    out = (at - EYE) / np.linalg.norm(at - EYE, axis=1, keepdims=True)
    ends = np.clip(np.minimum(stations + 2, EYE_STEPS // 2 - stations) / 4.0, 0.0, 1.0)
    outer = np.clip((np.cos(psi) + 1) / 2, 0, 1)
    length = (0.10 + 0.22 * outer**1.5) * ends
    sweep = np.column_stack([0.55 * outer, 0.40 + 0.25 * outer, np.zeros(len(psi))])
    tip = at + length[:, None] * (out + sweep)
    low = at - 0.03 * out + [0, -0.02, 0]
    high = at + 0.04 * out + np.column_stack([0.05 * np.cos(psi), 0.09 * ends, 0 * psi])
    xyz = np.stack([low, tip, high], axis=1).reshape(-1, 3)
    source = np.repeat(edge, 3)
    n = len(xyz)
    points = FacePoints(xyz, np.zeros(n), np.ones(n), face.points.close_rad[source], np.ones(n, bool))
    return points, facing_out(xyz, loft(len(stations), 3))


def brow() -> tuple[FacePoints, AnyArray, FacePoints]:
    """The left brow, a soft bar that lies on the skin: points, triangles, and where each point is anchored.

    A brow moves as its middle line does: it slides over the forehead and is not squeezed like the skin.
    """
    t = np.linspace(0.0, 1.0, 14)
    x = 1.55 + 4.55 * t
    y = 4.05 + 0.95 * np.sin(np.pi * (0.12 + 0.72 * t)) - 0.55 * t
    path = cast(skin, np.column_stack([x, y, np.full(14, 16.0)]), np.tile([0.0, 0.0, -1.0], (14, 1)))
    half = 0.46 * (1.0 - 0.72 * t**1.3) * np.sqrt(np.clip(1.0 - (1.0 - np.minimum(t / 0.10, 1.0)) ** 2, 0.12, 1.0))
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    out = path - np.array([0.0, 1.0, -1.0])
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    up = np.cross(out, along)
    up *= np.sign(up[:, 1:2])
    xyz, triangles = tube(path + 0.12 * out, up * half[:, None], out * (0.10 + 0.40 * half)[:, None], 10)
    anchors = np.concatenate([np.repeat(path, 10, axis=0), path[:1], path[-1:]])
    return FacePoints.plain(xyz), triangles, FacePoints.plain(anchors)

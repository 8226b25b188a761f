"""The measures of the built-in character and the soft solid its skin lies on. Lengths in cm, head frame.

The head is symmetric: everything is modelled for x >= 0, the subject's left, and mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.avatar.solid import ball, capsule, carve, ellipsoid, join
from mien.core.arrays import AnyArray, Float64

EYE = np.array([3.65, 0.0, 3.95])
"""Centre of the left eyeball."""
EYE_RADIUS = 2.55
LID_RADIUS = 1.05 * EYE_RADIUS
OPENING = (2.25, 1.6, 1.35)
"""Half width of the eye opening, height above and below its axis."""
MOUTH_HALF = 2.3
HINGE = np.array([0.0, -1.2, -1.6])
"""Axis of the jaw, along x."""
JAW_OPEN_RAD = np.radians(19.0)
RAY_CENTRE = np.array([0.0, -0.5, 0.0])
"""From here the whole skin can be seen from inside."""


@dataclass(frozen=True, eq=False)
class FacePoints:
    """Points that move with the face, and what the shapes must know about them.

    Attributes:
        xyz: (V, 3) cm, head frame.
        above: (V,) +1 above the line of the mouth, -1 below, 0 at the corners; 0 elsewhere is decided by height.
        lid: (V,) how far a point follows the edge of its eyelid, 0–1.
        close_rad: (V,) angle about the eye's x axis that brings the edge of this lid to the closing line.
        upper: (V,) bool, True = upper lid.
    """

    xyz: Float64
    above: Float64
    lid: Float64
    close_rad: Float64
    upper: AnyArray

    @classmethod
    def plain(cls, xyz: Float64) -> FacePoints:
        """Points without lids."""
        n = len(xyz)
        return cls(xyz, np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n, bool))

    @classmethod
    def joined(cls, *sets: FacePoints) -> FacePoints:
        """Several sets of points as one."""
        return cls(
            np.concatenate([s.xyz for s in sets]),
            np.concatenate([s.above for s in sets]),
            np.concatenate([s.lid for s in sets]),
            np.concatenate([s.close_rad for s in sets]),
            np.concatenate([s.upper for s in sets]),
        )

    def __getitem__(self, rows: AnyArray) -> FacePoints:
        return FacePoints(self.xyz[rows], self.above[rows], self.lid[rows], self.close_rad[rows], self.upper[rows])

    def mirrored(self) -> FacePoints:
        """The same points of the mirrored face."""
        return FacePoints(self.xyz * [-1.0, 1.0, 1.0], self.above, self.lid, self.close_rad, self.upper)


def mouth_line(x: Float64) -> Float64:
    """Height at which the closed lips meet; rises towards the corners."""
    out: Float64 = -5.78 + 0.34 * np.minimum(np.abs(x) / MOUTH_HALF, 1.3) ** 2
    return out


def skin(p: Float64) -> Float64:
    """Distance to the skin with closed eyes and without lips."""
    p = np.concatenate([np.abs(p[..., :1]), p[..., 1:]], axis=-1)
    d = ellipsoid(p, (0.0, 3.0, -1.7), (8.1, 8.3, 9.0))
    d = join(d, ellipsoid(p, (0.0, -1.0, 1.6), (7.1, 8.6, 5.5)), 2.5)
    d = join(d, ellipsoid(p, (0.0, -4.6, 1.6), (5.9, 5.0, 5.2)), 2.0)
    d = join(d, ball(p, (0.0, -8.1, 4.9), 1.75), 2.2)
    d = join(d, ball(p, (3.7, -3.9, 3.9), 2.75), 2.2)
    d = join(d, capsule(p, ((0.9, 3.0, 5.4), (4.9, 3.4, 4.0)), (1.0, 1.0)), 1.6)
    d = join(d, ellipsoid(p, (0.0, -5.7, 5.2), (2.9, 2.0, 2.0)), 1.6)
    d = carve(d, ball(p, (3.3, -0.1, 8.6), 2.1), 1.2)
    d = join(d, capsule(p, ((0.0, 1.2, 5.6), (0.0, -2.6, 7.3)), (0.75, 0.85)), 1.3)
    d = join(d, ball(p, (0.0, -2.75, 7.65), 0.92), 0.8)
    d = join(d, ball(p, (0.98, -3.0, 6.85), 0.62), 0.55)
    return join(d, ball(p, EYE, LID_RADIUS), 0.5)


def head_radius_hint(directions: Float64) -> Float64:
    """(N,) spacing of skin points as an angle, rad: fine at nose and mouth, coarse under the hair."""
    centre = np.array([0.0, -0.35, 1.0]) / np.hypot(0.35, 1.0)
    away = np.arccos(np.clip(directions @ centre, -1.0, 1.0))
    nose = np.array([0.0, -0.30, 1.0]) / np.hypot(0.30, 1.0)
    near_nose = np.exp(-((np.arccos(np.clip(directions @ nose, -1, 1)) / 0.16) ** 2))
    out: Float64 = 0.046 + 0.095 * np.clip((away - 0.7) / 1.5, 0.0, 1.0) - 0.016 * near_nose
    return out

"""Soft solids: signed distances that melt into each other, and rays that find their surface.

Distances are negative inside. Units are those of the caller (the built-in character uses centimetres).
Formulas after Inigo Quilez, "distance functions" (ellipsoid, round cone, smooth minimum).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64

Solid = Callable[[Float64], Float64]
"""(N, 3) points → (N,) distances."""


def ball(p: Float64, centre: npt.ArrayLike, radius: float) -> Float64:
    """Distance to a sphere."""
    out: Float64 = np.linalg.norm(p - np.asarray(centre), axis=-1) - radius
    return out


def ellipsoid(p: Float64, centre: npt.ArrayLike, radii: npt.ArrayLike) -> Float64:
    """Approximate distance to an ellipsoid with axes along x, y, z."""
    q = (p - np.asarray(centre)) / np.asarray(radii)
    k0 = np.linalg.norm(q, axis=-1)
    k1 = np.linalg.norm(q / np.asarray(radii), axis=-1)
    out: Float64 = k0 * (k0 - 1.0) / np.maximum(k1, 1e-9)
    return out


def capsule(p: Float64, ends: npt.ArrayLike, radii: tuple[float, float]) -> Float64:
    """Approximate distance to a rod between two points whose radius changes linearly."""
    a, b = np.asarray(ends, dtype=np.float64)
    along = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
    radius = radii[0] + (radii[1] - radii[0]) * along
    out: Float64 = np.linalg.norm(p - a - along[..., None] * (b - a), axis=-1) - radius
    return out


def join(a: Float64, b: Float64, soft: float) -> Float64:
    """Union that melts over a width of `soft`."""
    h = np.maximum(soft - np.abs(a - b), 0.0) / soft
    out: Float64 = np.minimum(a, b) - h * h * soft * 0.25
    return out


def carve(a: Float64, b: Float64, soft: float) -> Float64:
    """`a` without `b`, with a soft edge."""
    return -join(-a, b, soft)


def cast(solid: Solid, origins: Float64, directions: Float64, steps: int = 90) -> Float64:
    """(N, 3) first points of the solid along rays that start outside; directions are unit vectors.

    The steps are cautious because joined distances are not exact. A ray that misses ends far away.
    """
    travelled = np.zeros(len(origins))
    for _ in range(steps):
        travelled += 0.75 * solid(origins + travelled[:, None] * directions)
    return origins + travelled[:, None] * directions


def smooth_step(low: float, high: float, x: Float64) -> Float64:
    """0 below `low`, 1 above `high`, an S between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    out: Float64 = t * t * (3.0 - 2.0 * t)
    return out

"""What of a face's movement is the head's: a small, robust fit that leaves the expression over.

Model, for places p with depth z in the picture of a face that moves a little:
    p' − p = (t + M·p) + z·d
with a shift t, a matrix M of scale and roll (free) and of stretch and shear (held near 0), and a shift d in proportion
to depth (held near 0): the first order of a head that turns, comes nearer, or is seen by a moving camera. Places count
by how steady they are, and the less the worse they fit (Geman & McClure 1987), so that a raised brow is not taken for
a nod.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float64

_NOISE = 0.0035
"""Misfit from which a place begins to lose its weight, in distances between the outer eye corners."""
_HELD = np.array([0.0, 0.0, 0.0, 0.0, 0.004, 0.004, 0.03, 0.03])
"""Standard deviations that stretch, shear and the two depth terms are held to; 0 = free."""
_DATA = 0.0015
_ROUNDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class HeadMotion:
    """The head's part of a movement.

    Attributes:
        own: (P, 2) float64 what is left: the expression, in the unit of the places.
        linear: (2, 2) float64, shift: (2,) float64: the similarity part, p' ≈ linear·p + shift.
        parameters: (8,) float64: shift x, y; scale; roll; stretch; shear; depth x, y.
        misfit: weighted root mean square of `own` at the steady places.
    """

    own: Float64
    linear: Float64
    shift: Float64
    parameters: Float64
    misfit: float


def fit_head(before: Float64, after: Float64, depth: Float64, steady: Float64) -> HeadMotion:
    """Estimate the head's movement between two pictures of one face.

    Args:
        before, after: (P, 2) places, origin near the middle of the face, in distances between the outer eye corners;
            places that are NaN in either are left out and stay NaN in `own`.
        depth: (P,) same unit.
        steady: (P,) weights, 0–1.
    """
    known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    start, end = np.where(known[:, None], before, 0.0), np.where(known[:, None], after, 0.0)
    own, found, misfit = _fit_one(start, end - start, depth, np.where(known, steady, 0.0))
    tx, ty, scale, roll = found[:4].tolist()
    linear = np.array([[1 + scale, -roll], [roll, 1 + scale]])
    rest = np.where(known[:, None], own, np.nan)
    return HeadMotion(rest, linear, np.array([tx, ty]), found, misfit)


def _fit_one(before: Float64, moved: Float64, depth: Float64, steady: Float64) -> tuple[Float64, Float64, float]:
    """`fit_heads` of one picture, x above y in one column: half the time, which every frame of a camera takes."""
    (x, y), n = before.T, len(before)
    basis = np.zeros((2 * n, len(_HELD)))
    basis[:n, 0] = basis[n:, 1] = 1.0
    basis[:n, 2] = basis[n:, 3] = basis[:n, 4] = basis[n:, 5] = x
    basis[n:, 2] = basis[:n, 5] = y
    basis[:n, 3] = basis[n:, 4] = -y
    basis[:n, 6] = basis[n:, 7] = depth
    wanted, hold = moved.T.reshape(-1), np.diag(_hold())
    weight, solution, rest, size = np.tile(steady, 2), np.zeros(len(_HELD)), wanted, np.zeros(n)
    for _ in range(_ROUNDS):
        weighted = basis * weight[:, None]
        left = weighted.T @ basis + max(float(weight[:n].sum()), 1e-3) * hold
        solution = np.linalg.solve(left, wanted @ weighted)
        rest = wanted - basis @ solution
        square = rest * rest
        size = square[:n] + square[n:]
        weight = np.tile(steady / (1.0 + size / _NOISE**2) ** 2, 2)
    misfit = float(np.sqrt((size @ steady) / max(float(steady.sum()), 1e-9)))
    return np.asarray(rest.reshape(2, n).T, dtype=np.float64), np.asarray(solution, dtype=np.float64), misfit


def _hold() -> Float64:
    return np.where(_HELD > 0, (_DATA / np.where(_HELD > 0, _HELD, 1.0)) ** 2, 1e-9)


def fit_heads(before: Float64, after: Float64, depth: Float64, steady: Float64) -> tuple[Float64, Float64, Float64]:
    """The same for (T, P, 2) pictures `after` at once, without NaN.

    Returns:
        `own` (T, P, 2), `parameters` (T, 8) and `misfit` (T,) of `HeadMotion`.
    """
    (x, y), moved = before.T, after - before
    one, none = np.ones_like(x), np.zeros_like(x)
    across = np.stack([one, none, x, -y, x, y, depth, none], axis=1)
    down = np.stack([none, one, y, x, -y, x, none, depth], axis=1)
    squares = across[:, :, None] * across[:, None, :] + down[:, :, None] * down[:, None, :]  # (P, 8, 8)
    flat = squares.reshape(len(x), -1)
    hold = _hold()
    weight = np.broadcast_to(steady, after.shape[:2])
    solution, rest = np.zeros((len(after), 8)), moved
    for _ in range(_ROUNDS):
        total = np.maximum(weight.sum(axis=1), 1e-3)
        left = (weight @ flat).reshape(-1, 8, 8) + total[:, None, None] * np.diag(hold)
        right = (weight * moved[..., 0]) @ across + (weight * moved[..., 1]) @ down
        solution = np.linalg.solve(left, right[..., None])[..., 0]
        rest = moved - np.stack([solution @ across.T, solution @ down.T], axis=-1)
        weight = steady / (1.0 + (rest**2).sum(axis=-1) / _NOISE**2) ** 2
    misfit = np.sqrt(((rest**2).sum(axis=-1) @ steady) / max(float(steady.sum()), 1e-9))
    return rest, solution, misfit

"""What of a face's movement is the head's: a small, robust fit that leaves the expression over.

Model, for places p with depth z in the picture of a face that moves a little:
    p' − p = (t + M·p) + z·d
with a shift t, a matrix M of scale and roll (free) and of stretch and shear (held near 0), and a shift d in proportion
to depth (held near 0): the first order of a head that turns, comes nearer, or is seen by a moving camera. Places count
by how steady they are, and the less the worse they fit (Geman & McClure 1987), so that a raised brow is not taken for
a nod.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import cv2
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
    if known.all():
        return HeadFit(before, depth, steady).of(after)
    start, end = np.where(known[:, None], before, 0.0), np.where(known[:, None], after, 0.0)
    found = HeadFit(start, depth, np.where(known, steady, 0.0)).of(end)
    return replace(found, own=np.where(known[:, None], found.own, np.nan))


class HeadFit:
    """`fit_head` of many pictures, one after the other, against one: what hangs on that one is made once.

    Args:
        before: (P, 2) places without NaN.
        depth, steady: (P,).
    """

    def __init__(self, before: Float64, depth: Float64, steady: Float64) -> None:
        self._before, self._steady, self._total = before, steady, max(float(steady.sum()), 1e-9)
        across, down = _basis(before, depth)
        self._across, self._down = across, down
        self._basis = np.concatenate([across, down])
        squares = across[:, :, None] * across[:, None, :] + down[:, :, None] * down[:, None, :]
        size = len(_HELD)
        self._table = np.empty((len(before), size * size + size + 1))
        """For each place what it adds to both sides of the equations, which `of` fills in, and to the weight."""
        self._table[:, : size * size] = squares.reshape(len(before), -1)
        self._table[:, -1] = 1.0

    def of(self, after: Float64) -> HeadMotion:
        """The head's movement to (P, 2) places without NaN."""
        n, size = len(after), len(_HELD)
        moved = after - self._before
        np.add(moved[:, :1] * self._across, moved[:, 1:] * self._down, out=self._table[:, size * size : -1])
        wanted, hold, weight = moved.T.reshape(-1), _hold(), self._steady
        solution, rest, far = np.zeros(size), wanted, np.zeros(n)
        for _ in range(_ROUNDS):
            sums = weight @ self._table
            left = sums[: size * size].reshape(size, size)
            left.flat[:: size + 1] += max(float(sums[-1]), 1e-3) * hold
            solution = _solved(left, sums[size * size : -1])
            rest = wanted - self._basis @ solution
            square = rest * rest
            far = square[:n] + square[n:]
            weight = self._steady / (1.0 + far * (1 / _NOISE**2)) ** 2
        scale, roll = solution[2:4].tolist()
        linear = np.array([[1 + scale, -roll], [roll, 1 + scale]])
        misfit = math.sqrt(float(far @ self._steady) / self._total)
        return HeadMotion(rest.reshape(2, n).T, linear, solution[:2].copy(), solution, misfit)


def _solved(left: Float64, right: Float64) -> Float64:
    """left·x = right for a symmetric `left`; OpenCV's needs a fifth of numpy's time, from 5 on a column."""
    found, x = cv2.solve(left, right[:, None], flags=cv2.DECOMP_CHOLESKY)
    return np.asarray(x[:, 0] if found else np.linalg.solve(left, right), dtype=np.float64)


def _basis(before: Float64, depth: Float64) -> tuple[Float64, Float64]:
    """(P, 8) each: what every parameter moves each place by, across and down."""
    x, y = before.T
    one, none = np.ones_like(x), np.zeros_like(x)
    across = np.stack([one, none, x, -y, x, y, depth, none], axis=1)
    return across, np.stack([none, one, y, x, -y, x, none, depth], axis=1)


@cache
def _hold() -> Float64:
    return np.where(_HELD > 0, (_DATA / np.where(_HELD > 0, _HELD, 1.0)) ** 2, 1e-9)


def fit_heads(before: Float64, after: Float64, depth: Float64, steady: Float64) -> tuple[Float64, Float64, Float64]:
    """`fit_head` for (T, P, 2) pictures `after` at once, without NaN.

    Returns:
        `own` (T, P, 2), `parameters` (T, 8) and `misfit` (T,) of `HeadMotion`.
    """
    moved = after - before
    across, down = _basis(before, depth)
    squares = across[:, :, None] * across[:, None, :] + down[:, :, None] * down[:, None, :]  # (P, 8, 8)
    flat = squares.reshape(len(before), -1)
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

"""A mesh over the whole portrait that moves: every triangle carries its pixels along (piecewise affine)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from mien.core.arrays import Float32, Float64, Int64

_SHIFT = 4
"""Triangles are painted at 1/16 px."""
_RELAX = 30
LEAST_AREA = 0.02
"""A triangle keeps at least this share of its area: below, skin would vanish or turn over."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Points of the portrait and triangles between them.

    Attributes:
        xy: (N, 2) float64 px.
        triangles: (F, 3) int32, all turned the same way.
        size_wh: of the picture; the mesh covers it.
        solid: (F,) skin and background, which may not fold; False = inside an eye, where a lid may cover all.
    """

    xy: Float64
    triangles: npt.NDArray[np.int32]
    size_wh: tuple[int, int]
    solid: npt.NDArray[np.bool_]

    @classmethod
    def over(cls, xy: Float64, size_wh: tuple[int, int], covered: Int64) -> Mesh:
        """Triangulate (Delaunay); triangles among the points `covered` may vanish."""
        triangles = Delaunay(xy).simplices.astype(np.int32)
        turned = _areas(xy, triangles) < 0
        triangles[turned] = triangles[turned][:, ::-1]
        flat = _areas(xy, triangles) < 1e-3
        triangles = triangles[~flat]
        return cls(xy, triangles, size_wh, ~np.isin(triangles, covered).all(axis=1))

    def area_ratio(self, moved: Float64) -> Float64:
        """(F,) area of every moved triangle as a share of its area at rest; negative = turned over."""
        return np.asarray(_areas(moved, self.triangles) / _areas(self.xy, self.triangles))

    def least_area(self, moved: Float64) -> float:
        """The smallest share of its area that a solid triangle keeps."""
        return float(self.area_ratio(moved)[self.solid].min())

    def relaxed(self, moved: Float64, held: npt.NDArray[np.bool_]) -> Float64:
        """Calm the movement around triangles that collapse or turn over; `held` points stay where they are."""
        out = moved.copy()
        for _ in range(_RELAX):
            bad = (self.area_ratio(out) < LEAST_AREA) & self.solid
            if not bad.any():
                break
            loose = np.zeros(len(out), dtype=np.bool_)
            loose[self.triangles[bad].ravel()] = True
            near = np.isin(self.triangles, np.flatnonzero(loose)).any(axis=1)
            loose[self.triangles[near].ravel()] = True
            loose &= ~held
            out[loose] = self.xy[loose] + self._mean_of_neighbours(out - self.xy)[loose]
        return out

    def _mean_of_neighbours(self, move: Float64) -> Float64:
        total, count = np.zeros_like(move), np.zeros(len(move))
        for a, b in ((0, 1), (1, 2), (2, 0)):
            for i, j in ((a, b), (b, a)):
                np.add.at(total, self.triangles[:, i], move[self.triangles[:, j]])
                np.add.at(count, self.triangles[:, i], 1)
        return np.asarray(total / np.maximum(count, 1)[:, None])

    def map_back(self, moved: Float64) -> Float32:
        """(H, W, 2) float32: for every pixel of the moved picture, where in the portrait it comes from."""
        w, h = self.size_wh
        which = np.full((h, w), -1, dtype=np.int32)
        away = (moved != self.xy).any(axis=1)
        active = np.flatnonzero(away[self.triangles].any(axis=1))
        corners = np.round(moved[self.triangles] * (1 << _SHIFT)).astype(np.int32)
        for i in active.tolist():
            cv2.fillConvexPoly(which, corners[i], i, shift=_SHIFT)
        ys, xs = np.nonzero(which >= 0)
        back = np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=2).astype(np.float32)
        if len(xs):
            affine: Float64 = _affine(moved[self.triangles], self.xy[self.triangles])[which[ys, xs]]
            places = np.stack([xs, ys, np.ones_like(xs)], axis=1).astype(np.float64)
            back[ys, xs] = np.einsum("nij,nj->ni", affine, places)
        return np.asarray(back, dtype=np.float32)


def _areas(xy: Float64, triangles: npt.NDArray[np.int32]) -> Float64:
    a, b, c = (xy[triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    return np.asarray((u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2)


def _affine(of: Float64, to: Float64) -> Float64:
    """(F, 2, 3) maps that take (F, 3, 2) corners to others."""
    ones = np.ones((*of.shape[:2], 1))
    left = np.concatenate([of, ones], axis=2)
    flat = np.abs(np.linalg.det(left)) < 1e-9
    left[flat] = np.concatenate([to[flat], ones[flat]], axis=2)
    return np.asarray(np.linalg.solve(left, to).transpose(0, 2, 1))

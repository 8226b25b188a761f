"""Draws the moved portrait: a triangle mesh whose vertices follow the landmarks, textured with the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial import Delaunay

from mien.core.arrays import AnyArray, Float32, Float64, Int64, UInt8
from mien.runtime.loops import loop
from mien.sources.portrait import (
    BROW_CURVES,
    INNER_LIPS,
    LID_CURVES,
    LOWER_LIDS,
    UPPER_LIDS,
    curve_matrix,
    geometry,
    to_canvas,
)
from mien.sources.portrait_layers import build_layers
from mien.sources.portrait_motion import depth, points_at, turn

_GRID_PX = 5.0


class Puppet:
    """The portrait at one size, ready to be drawn with any weights and head angles.

    Args:
        size_px: width and height of the images.
    """

    def __init__(self, size_px: int) -> None:
        self._size = size_px
        self._layers = build_layers(size_px)
        g = geometry()
        self._rest = np.concatenate([g.points, g.extras])
        controls = _with_curves(self._rest)
        fixed = np.concatenate([g.outline[1:-1], [[x, 74.0] for x in range(188, 264, 15)]])
        self._vertices, self._triangles = _mesh(controls, g.outline, g.points[:33])
        self._follow = _follow(self._vertices, controls, fixed)
        self._z = depth(self._vertices)
        self._texture_xy = to_canvas(self._vertices, size_px).astype(np.float32)
        self._inner = _window((199.0, 134.0, 248.0, 156.0))
        self._cuts = [(c[box], box) for c in self._layers.openings for box in [_bounds(c)]]
        self._eyes = [_window((188.0, 92.0, 219.0, 110.0)), _window((230.0, 94.0, 263.0, 112.0))]

    def draw(self, weights: Mapping[str, float], head_deg: tuple[float, float, float]) -> UInt8:
        """(S, S, 3) uint8 RGB."""
        moved = points_at(weights)
        out = self._layers.plate.copy()
        self._draw_mouth(out, moved, head_deg)
        for (xy, triangles), side in zip(self._eyes, ("Right", "Left"), strict=True):
            shade = 1 - 0.8 * weights.get("eyeBlink" + side, 0.0) ** 2
            self._layer(out, self._layers.eyes, xy, xy, triangles, head_deg, shade)
        skin = self._vertices + self._follow @ (_with_curves(moved) - _with_curves(self._rest))
        self._layer(out, self._skin_texture(weights, moved), skin, self._vertices, self._triangles, head_deg, 1.0)
        return out

    def _draw_mouth(self, out: UInt8, moved: Float64, head_deg: tuple[float, float, float]) -> None:
        drop = np.array([0.0, max(moved[16, 1] - self._rest[16, 1], 0.0) * 0.93])
        shade = 0.2 + 0.8 * min(_gap(moved, _LIPS) / 1.5, 1.0)  # little light falls between lips that hardly part
        for texture, offset in ((self._layers.jaw, drop), (self._layers.teeth, 0.0)):
            xy, triangles = self._inner
            self._layer(out, texture, xy + offset, xy, triangles, head_deg, shade)

    def _skin_texture(self, weights: Mapping[str, float], moved: Float64) -> UInt8:
        smile = (weights.get("mouthSmileLeft", 0.0) + weights.get("mouthSmileRight", 0.0)) / 2
        mix = round(min(max(smile, 0.0), 1.0) * 256)
        a, b = self._layers.smiling, self._layers.relaxed
        out = (b if mix < 256 else a).copy()
        if 0 < mix < 256:
            x0, y0, x1, y1 = to_canvas(_SMILE_XYXY, self._size).astype(int).ravel()
            part = a[y0:y1, x0:x1].astype(np.uint16) * mix + b[y0:y1, x0:x1].astype(np.uint16) * (256 - mix)
            out[y0:y1, x0:x1] = (part >> 8).astype(np.uint8)
        for (cut, box), pairs in zip(self._cuts, (_LIPS, *_LIDS), strict=True):
            out[box][..., 3] = (out[box][..., 3] * (1 - cut * min(_gap(moved, pairs) / 0.3, 1.0))).astype(np.uint8)
        return out

    def _layer(
        self,
        out: UInt8,
        texture: UInt8,
        xy: Float64,
        rest: Float64,
        triangles: Int64,
        head_deg: tuple[float, float, float],
        shade: float,
    ) -> None:
        position = to_canvas(turn(xy, depth(rest), head_deg), self._size).astype(np.float32)
        _draw(out, texture, position, to_canvas(rest, self._size).astype(np.float32), triangles, np.float32(shade))


_SMILE_XYXY = np.array([[190.0, 115.0], [256.0, 158.0]])
_LIPS = ((89, 95), (90, 94), (91, 93))
_LIDS = tuple(tuple(zip(u, d, strict=True)) for u, d in zip(UPPER_LIDS, LOWER_LIDS, strict=True))


def _gap(points: Float64, pairs: tuple[tuple[int, int], ...]) -> float:
    """How far an opening is open at its widest, px of the picture."""
    return max(float(points[lower, 1] - points[upper, 1]) for upper, lower in pairs)


def _bounds(mask: Float32) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _with_curves(points: Float64) -> Float64:
    """Points and the margins of lips, lids and brows between them."""
    matrix = curve_matrix()
    curves = [matrix[1:-1] @ points[list(c)] for pair in (INNER_LIPS, *LID_CURVES, *BROW_CURVES) for c in pair]
    keep = np.ones(15, bool)
    keep[[3, 7, 11]] = False  # these samples are the landmarks themselves
    return np.concatenate([points, *(c[keep] for c in curves)])


def _mesh(controls: Float64, outline: Float64, jaw: Float64) -> tuple[Float64, Int64]:
    """Vertices (the controls first) and triangles over the head."""
    rim = np.concatenate([outline, jaw[27:4:-1]])
    centre = np.array([224.0, 105.0])
    away = rim - centre
    rim = rim + 6.0 * away / np.linalg.norm(away, axis=1, keepdims=True)
    low, high = rim.min(0), rim.max(0)
    grid = np.stack(np.meshgrid(np.arange(low[0], high[0], _GRID_PX), np.arange(low[1], high[1], _GRID_PX)), -1)
    grid = grid.reshape(-1, 2)
    # cut by angle and radius: the head is star-shaped about its centre
    angle = np.arctan2(rim[:, 1] - centre[1], rim[:, 0] - centre[0])
    order = np.argsort(angle)
    reach = np.interp(
        np.arctan2(grid[:, 1] - centre[1], grid[:, 0] - centre[0]),
        angle[order],
        np.linalg.norm(rim - centre, axis=1)[order],
        period=2 * np.pi,
    )
    grid = grid[np.linalg.norm(grid - centre, axis=1) < reach - 2.0]
    near = np.linalg.norm(grid[:, None] - controls[None], axis=2).min(1)
    vertices = np.concatenate([controls, grid[near > 2.0], rim])
    return vertices, np.ascontiguousarray(Delaunay(vertices).simplices, dtype=np.int64)


def _follow(vertices: Float64, controls: Float64, fixed: Float64) -> Float64:
    """(V, C): how much each vertex follows each control; exact at the controls, 0 at the fixed points.

    Interpolation with the radial basis r (the biharmonic spline of space): smooth, and without the overshoot
    of the thin plate between lids and brows.
    """
    sites = np.concatenate([controls, fixed])
    kernel = np.linalg.norm(sites[:, None] - sites[None], axis=2)
    system = np.block([[kernel, np.ones((len(sites), 1))], [np.ones((1, len(sites))), np.zeros((1, 1))]])
    inverse = np.linalg.inv(system)[:, : len(controls)]
    basis = np.linalg.norm(vertices[:, None] - sites[None], axis=2)
    return np.asarray(np.column_stack([basis, np.ones(len(vertices))]) @ inverse, dtype=np.float64)


def _window(box_xyxy: tuple[float, float, float, float]) -> tuple[Float64, Int64]:
    """A small regular mesh over a rectangle."""
    x0, y0, x1, y1 = box_xyxy
    nodes = np.stack(np.meshgrid(np.linspace(x0, x1, 9), np.linspace(y0, y1, 7)), -1).reshape(-1, 2)
    return nodes, np.ascontiguousarray(Delaunay(nodes).simplices, dtype=np.int64)


def _rasterise(out: AnyArray, texture: AnyArray, xy: AnyArray, uv: AnyArray, triangles: AnyArray, shade: float) -> None:
    """Draw textured triangles over `out`, mixing by the texture's alpha; bilinear."""
    height, width = out.shape[0], out.shape[1]
    last_y, last_x = texture.shape[0] - 1.001, texture.shape[1] - 1.001
    one, opaque = np.uintp(1), np.uintp(3)  # indices that are never negative need no wrapping
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = xy[i, 0], xy[i, 1], xy[j, 0], xy[j, 1], xy[k, 0], xy[k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-6:
            continue
        ux, uy, vx, vy, wx, wy = uv[i, 0], uv[i, 1], uv[j, 0], uv[j, 1], uv[k, 0], uv[k, 1]
        left, right = max(int(np.ceil(min(ax, bx, cx))), 0), min(int(np.floor(max(ax, bx, cx))), width - 1)
        for y in range(max(int(np.ceil(min(ay, by, cy))), 0), min(int(np.floor(max(ay, by, cy))), height - 1) + 1):
            for x in range(left, right + 1):
                v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                u = 1 - v - w
                if u < -1e-4 or v < -1e-4 or w < -1e-4:
                    continue
                sx = min(max(u * ux + v * vx + w * wx, 0.0), last_x)
                sy = min(max(u * uy + v * vy + w * wy, 0.0), last_y)
                x0, y0 = np.uintp(sx), np.uintp(sy)
                fx, fy = sx - x0, sy - y0
                x1, y1 = x0 + one, y0 + one
                w00, w10 = (1 - fx) * (1 - fy), fx * (1 - fy)
                w01, w11 = (1 - fx) * fy, fx * fy
                alpha = (
                    w00 * texture[y0, x0, opaque]
                    + w10 * texture[y0, x1, opaque]
                    + w01 * texture[y1, x0, opaque]
                    + w11 * texture[y1, x1, opaque]
                ) / 255.0
                if alpha <= 0.0:
                    continue
                for c in range(3):
                    colour = (
                        w00 * texture[y0, x0, c]
                        + w10 * texture[y0, x1, c]
                        + w01 * texture[y1, x0, c]
                        + w11 * texture[y1, x1, c]
                    )
                    out[y, x, c] = np.uint8(out[y, x, c] * (1 - alpha) + shade * colour * alpha + 0.5)


_draw: Any = loop(nogil=True, fastmath=True, error_model="numpy")(_rasterise)
"""In a live run the capture works meanwhile, so it must be quick and hold nobody up."""

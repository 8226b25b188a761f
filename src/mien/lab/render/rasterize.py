"""Scene → linear picture and z-buffer.

Visibility is sampled four times per pixel by the avatar's rasteriser; light is computed once per pixel inside a
surface and four times at its edges. The first lamp has a depth map of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32, Float64
from mien.core.geometry import FRONTAL
from mien.lab.render import shading, texels, visible
from mien.lab.render.scene import Camera, Eye, Scene, Surface
from mien.runtime.loops import loop

_SAMPLES = 2
_SHADOW_PX = 128
_SHADOW_MM = 380.0
"""Width of the region, around the head's origin, that casts and receives shadows."""
_EDGE_MM = 5.0
"""Samples of one pixel further apart than this belong to two surfaces."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What the rasteriser gives.

    Attributes:
        linear: (S, S, 3) float32, linear RGB.
        near: (2S, 2S) float32: 1 / distance along the axis, 1/mm; 0 = background. Sample (i, j) lies at
            ((j - 0.5) / 2, (i - 0.5) / 2) px.
        material: (2S, 2S) int16 `Material`; -1 = background.
    """

    linear: Float32
    near: Float32
    material: npt.NDArray[np.int16]


def draw(scene: Scene) -> Drawing:
    """Draw a scene; a few ms for 256 × 256."""
    camera, surface = scene.camera, scene.surface
    rows = _vertices(surface, camera)
    size = camera.size_px * _SAMPLES
    nearest = np.empty((size, size), np.int64)
    visible.fill(nearest, rows, surface.triangles)
    near, owner = np.empty((size, size), np.float32), np.empty((size, size), np.int32)
    visible.unpack(near, owner, nearest)
    visible.normals(rows, surface.triangles, surface.weld)
    visible.dress(rows, 0, surface.colour, surface.uv, surface.occlusion)
    depth, to_map = _depth_map(rows, surface.triangles, camera.view(np.zeros(3)), scene.light.lamps[0, :3])
    mesh = (surface.triangles, surface.material, surface.layer, surface.corner_uv, rows)
    eyes = np.stack([_eye_row(e, camera) for e in scene.eyes])
    paint = (scene.atlas[None], scene.strands, eyes, scene.textures)
    light = scene.light
    lit = (np.float32(light.shadow), depth, to_map, shading.finish_rows(scene.gloss), light.lamps, light.environment)
    linear = scene.background.astype(np.float32, copy=True)
    kinds = np.empty((size, size), np.int16)
    resolve((linear, kinds), (near, owner), mesh, paint, lit)
    return Drawing(linear, near, kinds)


def _vertices(surface: Surface, camera: Camera) -> Float32:
    """(V, ROW) rows of `visible`, without colours and normals."""
    rows = np.empty((len(surface.vertices), visible.ROW), np.float32)
    to_view = FRONTAL @ np.column_stack([camera.camera_from_head, camera.translation_mm])
    middle = _SAMPLES * (camera.size_px - 1) / 2 + 0.5
    visible.place(rows, surface.vertices, to_view, (_SAMPLES * camera.focal_px, middle, middle))
    return rows


def sky_seen(vertices: Float32, triangles: AnyArray, directions: int = 48) -> Float32:
    """(V,) share of the sky that each vertex sees, 0–1: how often one of many far lamps reaches it.

    Args:
        vertices: (V, 3) mm, at rest.
        triangles: (F, 3).
        directions: lamps, spread evenly over the sphere.
    """
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    faces = np.ascontiguousarray(triangles, dtype=np.int32)
    rows = np.zeros((len(points), visible.ROW), np.float32)
    rows[:, :3] = points
    visible.normals(rows, faces, np.arange(len(points), dtype=np.int32))
    normals = rows[:, 3:6] / (np.linalg.norm(rows[:, 3:6], axis=1, keepdims=True) + np.float32(1e-20))
    total, seen = np.zeros(len(points)), np.zeros(len(points))
    k = np.arange(directions) + 0.5
    high, angle = 1.0 - 2.0 * k / directions, np.pi * (1.0 + 5.0**0.5) * k
    for x, y, z in zip(np.cos(angle) * np.sqrt(1 - high**2), high, np.sin(angle) * np.sqrt(1 - high**2), strict=True):
        lamp = np.array([x, y, z])
        depth, to_map = _depth_map(rows, faces, points.mean(axis=0), lamp)
        cosine = np.clip(normals @ lamp, 0.0, None)
        total += cosine
        seen += cosine * _reached(depth, to_map, points + np.float32(1.5) * normals)
    return np.asarray(np.where(total > 0, seen / np.maximum(total, 1e-9), 1.0), dtype=np.float32)


def _reached(depth: Float32, to_map: Float32, points: Float32) -> Float32:
    out = np.empty(len(points), np.float32)
    _reach(out, depth, to_map, points)
    return out


@loop(nogil=True)
def _reach(out: Float32, depth: Float32, to_map: Float32, points: Float32) -> None:
    for i in range(len(points)):
        out[i] = texels.shadow(depth, to_map, points[i, 0], points[i, 1], points[i, 2])


def _depth_map(rows: Float32, triangles: AnyArray, middle: Float32, lamp: AnyArray) -> tuple[Float32, Float32]:
    """Nearness to a far lamp, and where points lie in this map."""
    to_map = _map_of(middle, lamp)
    seen = np.empty((len(rows), 3), np.float32)
    visible.seen_from_lamp(seen, rows, to_map)
    depth = np.empty((_SHADOW_PX, _SHADOW_PX), np.float32)
    visible.fill_depth(depth, seen, triangles)
    return depth, to_map


def _map_of(middle: Float32, lamp: AnyArray) -> Float32:
    """(3, 4): from points to column, row and nearness (mm) in the depth map of a far lamp."""
    up = np.array([0.0, 1.0, 0.0]) if abs(lamp[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = _crossed(up, lamp)
    right /= np.sqrt(right @ right)
    scale = _SHADOW_PX / _SHADOW_MM
    linear = np.stack([scale * right, -scale * _crossed(lamp, right), lamp])
    offset = np.array([_SHADOW_PX / 2, _SHADOW_PX / 2, 1000.0]) - linear @ middle
    return np.column_stack([linear, offset]).astype(np.float32)


def _crossed(a: AnyArray, b: AnyArray) -> Float64:
    """The vector product of two vectors; ten times as quick as NumPy's for many."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _eye_row(eye: Eye, camera: Camera) -> Float32:
    """The (19,) numbers that `shading.iris` reads, in the view frame."""
    centre = camera.view(eye.centre_mm)
    forward = (camera.view(eye.centre_mm + eye.forward) - centre).astype(np.float64)
    up = (camera.view(eye.centre_mm + np.array([0.0, 1.0, 0.0])) - centre).astype(np.float64)
    side = np.cross(up, forward)
    side /= np.linalg.norm(side)
    up = np.cross(forward, side)
    # The edge of the iris is as soft as a pixel is wide.
    pixel_rad = -float(centre[2]) / camera.focal_px / eye.radius_mm
    last = (1.2 * pixel_rad, eye.iris_rad, eye.pupil_rad, *eye.iris, eye.fibres)
    return np.concatenate([centre, forward, up, side, last]).astype(np.float32)


@loop(fastmath=True, boundscheck=False, nogil=True)
def resolve(out: Any, buffers: Any, mesh: Any, paint: Any, light: Any) -> None:
    """Shade every pixel of `out` = (linear, material) from `buffers` = (near, owner), in place, row by row."""
    linear, kinds = out
    near, owner = buffers
    strength, depth, to_map, finish, lamps, environment = light
    height, width, _ = linear.shape
    points = np.empty(4 * width * shading.POINT, np.float32)
    faces, column = np.empty(4 * width, np.int32), np.empty(4 * width, np.int32)
    first, second, share = (
        np.empty(4 * width, np.float32),
        np.empty(4 * width, np.float32),
        np.empty(4 * width, np.float32),
    )
    for y in range(height):
        count = spots(y, (linear, near, owner, kinds), mesh, (faces, first, second, column, share))
        if count == 0:
            continue
        chosen = (count, faces, first, second)
        shading.gather(points, chosen, mesh, finish)
        shading.colour(points, chosen, mesh, paint)
        shading.darken(points, count, strength, depth, to_map)
        shading.surround(points, count, environment)
        for k in range(len(lamps)):
            shading.add_lamp(points, count, lamps[k], k == 0)
        for i in range(count):
            p, x = i * shading.POINT, column[i]
            for k in range(3):
                linear[y, x, k] += share[i] * (points[p + 18 + k] * points[p + 6 + k] + points[p + 21 + k])


@loop(fastmath=True, boundscheck=False, nogil=True)
def spots(y: int, buffers: Any, mesh: Any, out: Any) -> int:
    """The points of a row of pixels to be lit: one per pixel and surface in it. Returns how many.

    Args:
        y: the row.
        buffers: (linear, near, owner, kinds); `kinds` is written, `linear` dimmed to what the background's share is.
        mesh: of `resolve`.
        out: triangle, weights of its first two corners, column and share of the pixel; written.
    """
    linear, near, owner, kinds = buffers
    triangles, material, _, _, rows = mesh
    count = 0
    for x in range(linear.shape[1]):
        i, j = 2 * y, 2 * x
        f0, f1, f2, f3 = owner[i, j], owner[i, j + 1], owner[i + 1, j], owner[i + 1, j + 1]
        if f0 < 0 and f1 < 0 and f2 < 0 and f3 < 0:
            kinds[i, j], kinds[i, j + 1], kinds[i + 1, j], kinds[i + 1, j + 1] = -1, -1, -1, -1
            continue
        covered = 0
        for k in range(4):
            f = owner[i + k // 2, j + k % 2]
            kinds[i + k // 2, j + k % 2] = material[f] if f >= 0 else -1
            covered += f >= 0
        rest = np.float32(1.0) - np.float32(0.25) * np.float32(covered)
        for k in range(3):
            linear[y, x, k] *= rest
        left = covered
        taken = 0
        for k in range(4):
            if left == 0:
                break
            f = owner[i + k // 2, j + k % 2]
            if f < 0 or (taken >> k) & 1:
                continue
            n, kind, members = near[i + k // 2, j + k % 2], kinds[i + k // 2, j + k % 2], 0
            for m in range(k, 4):
                d = abs(near[i + m // 2, j + m % 2] - n)
                if kinds[i + m // 2, j + m % 2] == kind and d < _EDGE_MM * n * n and not (taken >> m) & 1:
                    taken |= 1 << m
                    members += 1
            left -= members
            # A surface that fills the pixel is lit in its middle, others at a sample.
            sx, sy = (j + 0.5, i + 0.5) if members == 4 else (float(j + k % 2), float(i + k // 2))
            a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            ax, ay, bx, by = float(rows[a, 12]), float(rows[a, 13]), float(rows[b, 12]), float(rows[b, 13])
            cx, cy = float(rows[c, 12]), float(rows[c, 13])
            area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
            # The middle may lie just outside of this sample's triangle: stay on it.
            wa = min(1.0, max(0.0, ((sx - bx) * (cy - by) - (cx - bx) * (sy - by)) / area))
            wb = min(1.0 - wa, max(0.0, ((sx - cx) * (ay - cy) - (ax - cx) * (sy - cy)) / area))
            out[0][count], out[1][count], out[2][count] = f, wa, wb
            out[3][count], out[4][count] = x, 0.25 * members
            count += 1
    return count

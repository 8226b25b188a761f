"""Scene → linear picture and z-buffer.

Visibility is sampled four times per pixel by the avatar's rasteriser; light is computed once per pixel inside a
surface and four times at its edges. The first lamp has a depth map of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from mien.avatar import raster
from mien.core.arrays import AnyArray, Float32
from mien.lab.render import shading
from mien.lab.render.scene import Camera, Eye, Light, Material, Scene

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
    """Draw a scene; about 10 ms for 10 000 triangles at 256 × 256."""
    camera, surface = scene.camera, scene.surface
    points = camera.view(surface.vertices)
    normals = np.zeros_like(points)
    raster.normals(normals, points, surface.triangles, surface.weld)
    size = camera.size_px * _SAMPLES
    near = np.empty((size, size), np.float32)
    owner = np.empty((size, size), np.int32)
    bary = np.empty((size, size, 2), np.float32)
    screen = _screen(camera, points)
    raster.rasterise(screen, surface.triangles, near, owner, bary)
    depth, place = _shadow_map(points, surface.triangles, camera, scene.light)
    # One row per vertex: what the shader reads together lies together.
    packed = np.hstack([points, normals, surface.colour, surface.uv, surface.occlusion[:, None]])
    mesh = (surface.triangles, surface.material, surface.layer, surface.corner_uv, packed.astype(np.float32))
    eyes = np.stack([_eye_row(e, camera) for e in scene.eyes])
    lamps, around = scene.light.lamps, scene.light.environment
    finish = shading.FINISH.copy()
    finish[Material.SKIN, 0] *= scene.gloss
    light = (lamps, around, np.float32(scene.light.shadow), depth, place, finish)
    linear = scene.background.astype(np.float32, copy=True)
    kinds = np.empty((size, size), np.int16)
    paint = (scene.atlas, np.repeat(scene.strands[..., None], 3, axis=2), eyes, scene.textures)
    resolve((linear, kinds), (near, owner, bary, screen), mesh, paint, light)
    return Drawing(linear, near, kinds)


def sky_seen(vertices: Float32, triangles: AnyArray, directions: int = 48) -> Float32:
    """(V,) share of the sky that each vertex sees, 0–1: how often one of many far lamps reaches it.

    Args:
        vertices: (V, 3) mm, at rest.
        triangles: (F, 3).
        directions: lamps, spread evenly over the sphere.
    """
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    faces = np.ascontiguousarray(triangles, dtype=np.int32)
    normals = np.zeros_like(points)
    raster.normals(normals, points, faces, np.arange(len(points), dtype=np.int32))
    total, seen = np.zeros(len(points)), np.zeros(len(points))
    k = np.arange(directions) + 0.5
    high, angle = 1.0 - 2.0 * k / directions, np.pi * (1.0 + 5.0**0.5) * k
    for x, y, z in zip(np.cos(angle) * np.sqrt(1 - high**2), high, np.sin(angle) * np.sqrt(1 - high**2), strict=True):
        lamp = np.array([x, y, z])
        depth, place = _depth_map(points, faces, points.mean(axis=0), lamp)
        cosine = np.clip(normals @ lamp, 0.0, None)
        total += cosine
        seen += cosine * _reached(depth, place, points + 1.5 * normals)
    return np.asarray(np.where(total > 0, seen / np.maximum(total, 1e-9), 1.0), dtype=np.float32)


def _reached(depth: Float32, place: Float32, points: Float32) -> Float32:
    out = np.empty(len(points), np.float32)
    _reach(out, depth, place, points)
    return out


@njit(cache=True, nogil=True)
def _reach(out: Float32, depth: Float32, place: Float32, points: Float32) -> None:
    for i in range(len(points)):
        out[i] = shading.shadow(depth, place, points[i, 0], points[i, 1], points[i, 2])


def _screen(camera: Camera, points: Float32) -> Float32:
    """(V, 3) sample column, sample row, 1 / distance."""
    near = -1.0 / np.minimum(points[:, 2], -1.0)
    scale = camera.focal_px * near
    middle = (camera.size_px - 1) / 2
    x, y = middle + points[:, 0] * scale, middle - points[:, 1] * scale
    screen: Float32 = np.stack([_SAMPLES * x + 0.5, _SAMPLES * y + 0.5, near], axis=1).astype(np.float32)
    return screen


def _shadow_map(points: Float32, triangles: AnyArray, camera: Camera, light: Light) -> tuple[Float32, Float32]:
    return _depth_map(points, triangles, camera.view(np.zeros(3)), light.lamps[0, :3])


def _depth_map(points: Float32, triangles: AnyArray, middle: Float32, lamp: AnyArray) -> tuple[Float32, Float32]:
    """Nearness to a far lamp, and the (3, 4) map from points to column, row and nearness (mm)."""
    up = np.array([0.0, 1.0, 0.0]) if abs(lamp[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = np.cross(up, lamp)
    right /= np.linalg.norm(right)
    above = np.cross(lamp, right)
    scale = _SHADOW_PX / _SHADOW_MM
    linear = np.stack([scale * right, -scale * above, lamp])
    offset = np.array([_SHADOW_PX / 2, _SHADOW_PX / 2, 1000.0]) - linear @ middle
    place = np.column_stack([linear, offset]).astype(np.float32)
    seen = points @ place[:, :3].T + place[:, 3]
    depth = np.empty((_SHADOW_PX, _SHADOW_PX), np.float32)
    owner = np.empty((_SHADOW_PX, _SHADOW_PX), np.int32)
    bary = np.empty((_SHADOW_PX, _SHADOW_PX, 2), np.float32)
    raster.rasterise(np.ascontiguousarray(seen, dtype=np.float32), triangles, depth, owner, bary)
    return depth, place


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


@njit(cache=True, fastmath=True, boundscheck=False, nogil=True)
def resolve(out: Any, buffers: Any, mesh: Any, paint: Any, light: Any) -> None:
    """Shade every pixel of `out` = (linear, material) from `buffers` = (near, owner, bary, screen), in place."""
    linear, kinds = out
    near, owner, bary, screen = buffers
    triangles, material = mesh[0], mesh[1]
    height, width, _ = linear.shape
    for y in range(height):
        for x in range(width):
            i, j = 2 * y, 2 * x
            if owner[i, j] < 0 and owner[i, j + 1] < 0 and owner[i + 1, j] < 0 and owner[i + 1, j + 1] < 0:
                kinds[i, j], kinds[i, j + 1], kinds[i + 1, j], kinds[i + 1, j + 1] = -1, -1, -1, -1
                continue
            for k in range(4):
                f = owner[i + k // 2, j + k % 2]
                kinds[i + k // 2, j + k % 2] = -1 if f < 0 else material[f]
            first, same = kinds[i, j], True
            low, high = near[i, j], near[i, j]
            for k in range(1, 4):
                n = near[i + k // 2, j + k % 2]
                same = same and kinds[i + k // 2, j + k % 2] == first
                low, high = min(low, n), max(high, n)
            if same and high - low < _EDGE_MM * high * low:
                f = owner[i, j]
                a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
                ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
                cx, cy = screen[c, 0], screen[c, 1]
                area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
                mx, my = j + 0.5, i + 0.5
                # The middle of the pixel may lie just outside this sample's triangle: stay on it.
                wa = min(1.0, max(0.0, ((mx - bx) * (cy - by) - (cx - bx) * (my - by)) / area))
                wb = min(1.0 - wa, max(0.0, ((mx - cx) * (ay - cy) - (ax - cx) * (my - cy)) / area))
                r, g, bl = shading.point(f, wa, wb, mesh, paint, light)
            else:
                r, g, bl = 0.0, 0.0, 0.0
                for k in range(4):
                    p, q = i + k // 2, j + k % 2
                    if owner[p, q] < 0:
                        sr, sg, sb = linear[y, x, 0], linear[y, x, 1], linear[y, x, 2]
                    else:
                        sr, sg, sb = shading.point(owner[p, q], bary[p, q, 0], bary[p, q, 1], mesh, paint, light)
                    r, g, bl = r + 0.25 * sr, g + 0.25 * sg, bl + 0.25 * sb
            linear[y, x, 0], linear[y, x, 1], linear[y, x, 2] = r, g, bl

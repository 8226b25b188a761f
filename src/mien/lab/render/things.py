"""Things on and before a face: glasses, masks, hands, objects. Meshes in mm, head frame.

Each function returns vertices, triangles, one albedo per vertex and the material.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import AnyArray, Float32, Float64
from mien.lab.render.paint import ATLAS_WH, Unrolling
from mien.lab.render.scene import Material

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """A mesh of one material.

    Attributes:
        vertices: (V, 3) float32 mm, head frame.
        triangles: (F, 3) int32.
        colour: (V, 3) float32 albedo.
        material: what it is.
    """

    vertices: Float32
    triangles: AnyArray
    colour: Float32
    material: Material

    @classmethod
    def of(cls, mesh: tuple[AnyArray, AnyArray], colour: Rgb, material: Material) -> Thing:
        """All of one colour."""
        xyz, triangles = mesh
        tones = np.tile(np.array(colour, np.float32), (len(xyz), 1))
        return cls(xyz.astype(np.float32), triangles.astype(np.int32), tones, material)


def _grid_faces(rings: int, steps: int, closed_rings: bool) -> AnyArray:
    r, i = np.meshgrid(np.arange(rings if closed_rings else rings - 1), np.arange(steps), indexing="ij")
    a, b = r * steps + i, r * steps + (i + 1) % steps
    c, d = ((r + 1) % rings) * steps + i, ((r + 1) % rings) * steps + (i + 1) % steps
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])


def tube(path: Float64, radius: Float64, closed: bool = False, steps: int = 7) -> tuple[Float64, AnyArray]:
    """A round tube through (R, 3) points with (R,) radii; open ones narrow to a point at both ends."""
    along = np.gradient(path, axis=0) if not closed else np.roll(path, -1, 0) - np.roll(path, 1, 0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    least = np.eye(3)[np.argmin(np.abs(along).mean(axis=0))]
    side = np.cross(along, least)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    up = np.cross(along, side)
    angle = np.arange(steps) * 2 * np.pi / steps
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    xyz = (path[:, None] + radius[:, None, None] * ring).reshape(-1, 3)
    return xyz, _grid_faces(len(path), steps, closed)


def capsule(start: Float64, end: Float64, radius: float, steps: int = 14) -> tuple[Float64, AnyArray]:
    """A stick with round ends."""
    t = np.concatenate([-np.cos(np.linspace(0, np.pi / 2, 7)), np.cos(np.linspace(np.pi / 2, 0, 7))])
    way = (end - start) / (np.linalg.norm(end - start) + 1e-9)
    base = np.where((np.arange(14) < 7)[:, None], start, end)
    return tube(base + radius * t[:, None] * way, radius * np.sqrt(np.clip(1.0 - t**2, 0.0, 1.0)), steps=steps)


def _joined(*meshes: tuple[Float64, AnyArray]) -> tuple[Float64, AnyArray]:
    first = np.cumsum([0] + [len(m[0]) for m in meshes])
    return np.concatenate([m[0] for m in meshes]), np.concatenate(
        [m[1] + f for m, f in zip(meshes, first, strict=False)]
    )


def glasses(points_mm: Float64, rng: np.random.Generator, sun: bool) -> list[Thing]:
    """Frames, bridge and temples, and dark lenses if they are sunglasses.

    Args:
        points_mm: (98, 3) the posed face.
        rng: shape and colour.
        sun: dark lenses.
    """
    right, left = points_mm[60:68].mean(axis=0), points_mm[68:76].mean(axis=0)
    apart = float(left[0] - right[0])
    front = max(float(points_mm[[51, 52], 2].max()) + 1.0, float(points_mm[60:76, 2].max()) + 9.0)
    wide, high = apart * rng.uniform(0.36, 0.44), apart * rng.uniform(0.24, 0.40)
    power, thick = rng.uniform(2.0, 5.0), rng.uniform(0.8, 2.6)
    tone = tuple(rng.choice([0.02, 0.03, 0.10, 0.45]) * rng.uniform(0.6, 1.0, 3))
    angle = -np.arange(36) * 2 * np.pi / 36
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power)
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power)
    parts, lenses, middle_y = [], [], (right[1] + left[1]) / 2 - 2.0
    for sign in (-1.0, 1.0):
        rim = np.column_stack([sign * apart / 2 * 1.03 + wide * x, middle_y + high * y, np.full(36, front)])
        rim[:, 2] -= 0.0016 * rim[:, 0] ** 2
        parts.append(tube(rim, np.full(36, thick), closed=True, steps=6))
        outer = np.array(
            [sign * (apart / 2 * 1.03 + wide), middle_y + 0.3 * high, front - 0.0016 * (apart / 2 + wide) ** 2]
        )
        cheek = abs(points_mm[2 if sign < 0 else 30, 0]) + 4.0
        ear = np.array([sign * max(cheek, abs(outer[0])), middle_y + 6.0, front - 105.0])
        hinge = outer + np.array([sign * 3.0, 0.0, -3.0])
        parts.append(tube(np.stack([outer, hinge, 0.5 * (hinge + ear), ear]), np.full(4, thick), steps=6))
        back = np.array([0.0, 0.0, 0.6])
        disc = np.concatenate([rim - back, rim.mean(axis=0, keepdims=True) + 2.0 * back])
        i = np.arange(36)
        lenses.append((disc, np.stack([(i + 1) % 36, i, np.full(36, 36)], axis=1)))
    gap = apart / 2 * 1.03 - wide
    bridge = np.column_stack(
        [np.linspace(-gap, gap, 7), middle_y + 0.25 * high + 2.0 * np.cos(np.linspace(-1.5, 1.5, 7)), np.full(7, front)]
    )
    parts.append(tube(bridge, np.full(7, thick), steps=6))
    things = [Thing.of(_joined(*parts), tone, Material.GLASSES)]
    if sun:
        things.append(Thing.of(_joined(*lenses), tuple(rng.uniform(0.005, 0.03, 3)), Material.GLASSES))
    return things


def mask(skin_mm: Float32, points_mm: Float64, unrolling: Unrolling, rng: np.random.Generator) -> Thing:
    """A cloth over nose, mouth and chin: a smooth sheet just outside everything below it.

    Args:
        skin_mm: (V, 3) posed skin vertices.
        points_mm: (98, 3) posed.
        unrolling: of the head.
        rng: how high it sits, and its colour.
    """
    px = unrolling.pixels(points_mm)
    radius = _outside(skin_mm, unrolling)
    high = px[52] + rng.uniform(0.0, 0.8) * (px[53] - px[52])
    top = np.stack(
        [px[3], (px[66] + px[76]) / 2, (px[65] + high) / 2, high, (px[73] + high) / 2, (px[74] + px[82]) / 2, px[29]]
    )
    low = px[3:30]
    columns, rows = 33, 17
    u = np.linspace(px[3, 0], px[29, 0], columns)
    v_top = np.interp(u, top[:, 0], top[:, 1])
    v_low = np.interp(u, low[:, 0], low[:, 1]) + 7.0 * np.sin(np.linspace(0, np.pi, columns))
    v = v_top + np.linspace(0.0, 1.0, rows)[:, None] * np.maximum(v_low - v_top, 0.5)
    x = np.broadcast_to(u, v.shape)
    reach = cv2.remap(radius, (x / _CELL).astype(np.float32), (v / _CELL).astype(np.float32), cv2.INTER_LINEAR)
    xyz = unrolling.place(np.stack([x, v], axis=-1), reach + rng.uniform(2.0, 4.0)).reshape(-1, 3)
    r, i = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a, b = r * columns + i, r * columns + i + 1
    c, d = a + columns, b + columns
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    palette = ((0.70, 0.74, 0.76), (0.25, 0.48, 0.62), (0.02, 0.02, 0.025), tuple(rng.uniform(0.02, 0.7, 3)))
    return Thing.of((xyz, faces), palette[rng.integers(4)], Material.MASK)


_CELL = 6.0
"""Atlas pixels per cell of the map of radii."""


def _outside(skin_mm: Float32, unrolling: Unrolling) -> Float32:
    """Map over the atlas: distance from the head's axis within which all skin nearby lies, mm."""
    width, height = (int(np.ceil(n / _CELL)) + 1 for n in ATLAS_WH)
    front = skin_mm[skin_mm[:, 2] > unrolling.axis_z_mm + 10.0]
    cell = np.round(unrolling.pixels(front) / _CELL).astype(np.int64)
    radius = np.zeros((height, width), np.float32)
    far = np.hypot(front[:, 0], front[:, 2] - unrolling.axis_z_mm)
    np.maximum.at(radius, (np.clip(cell[:, 1], 0, height - 1), np.clip(cell[:, 0], 0, width - 1)), far)
    wide = cv2.dilate(radius, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), 1.2), dtype=np.float32)


def hand(points_mm: Float64, rng: np.random.Generator, skin: Rgb) -> Thing:
    """Something like a hand before a part of the face."""
    target = points_mm[rng.choice([16, 8, 24, 57, 90, 66, 74, 38, 50])] + rng.normal(0.0, 8.0, 3) * [1, 1, 0]
    target[2] = points_mm[54, 2] * 0.55 + target[2] * 0.45 + rng.uniform(8.0, 22.0)
    roll = rng.normal(0.0, 0.9)
    up = np.array([np.sin(roll), np.cos(roll), 0.0])
    side = np.array([np.cos(roll), -np.sin(roll), 0.0])
    into = np.array([0.0, 0.0, 1.0])
    parts = []
    spread, bend = rng.uniform(0.0, 0.22), rng.uniform(-0.1, 0.35)
    for k, length in enumerate((62.0, 72.0, 68.0, 54.0)):
        root = target + side * (k - 1.5) * 19.0
        way = up + side * (k - 1.5) * spread
        knuckle = root + way * length * 0.55
        parts.append(capsule(root, knuckle, 9.3))
        parts.append(capsule(knuckle, knuckle + (way - bend * into) * length * 0.45, 8.2))
    for k in np.linspace(-1.6, 1.6, 5):
        parts.append(capsule(target + side * k * 17.0, target - up * 85.0 + side * k * 12.0, 13.0))
    parts.append(capsule(target - up * 60.0 + side * 30.0, target - up * 8.0 + side * 58.0, 10.5))
    parts.append(capsule(target - up * 85.0, target - up * 260.0 - into * 40.0, 30.0))
    return Thing.of(_joined(*parts), skin, Material.HAND)


def object_before(points_mm: Float64, rng: np.random.Generator) -> Thing:
    """A bar, a microphone or a ball in front of the face."""
    target = points_mm[rng.integers(0, 98)] * [0.8, 0.8, 0.0] + [0.0, 0.0, points_mm[54, 2] + rng.uniform(12.0, 60.0)]
    tone = tuple(rng.uniform(0.01, 0.8, 3))
    roll = rng.uniform(0.0, np.pi)
    way = np.array([np.cos(roll), np.sin(roll), 0.1])
    kind = rng.integers(3)
    if kind == 0:
        return Thing.of(
            capsule(target - 400.0 * way, target + 400.0 * way, rng.uniform(4.0, 16.0)), tone, Material.OBJECT
        )
    if kind == 1:
        low = points_mm[85] + [rng.normal(0, 12), rng.uniform(-45, -5), rng.uniform(25, 45)]
        stick = low + np.array([rng.normal(0, 60), -240.0, 60.0])
        return Thing.of(
            _joined(capsule(low, low + np.array([0.0, 0.5, 0.0]), rng.uniform(16, 26), 20), capsule(low, stick, 11.0)),
            (0.03, 0.03, 0.035),
            Material.OBJECT,
        )
    return Thing.of(capsule(target, target + 20.0 * way, rng.uniform(18.0, 40.0), 24), tone, Material.OBJECT)

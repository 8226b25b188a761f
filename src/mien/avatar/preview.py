"""Draw a character into an image, without a window or a graphics card.

Made for small pictures beside a video, for the report and for tests: three lights, soft skin, no shadows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.avatar import raster
from mien.avatar.character import SHAPES, Character, Part, playable
from mien.core.arrays import Float32, UInt8, as_float32
from mien.core.geometry import rotation_from_quaternion

_LIGHTS = (  # direction towards the light, linear RGB
    ((-0.45, 0.55, 0.75), (0.72, 0.66, 0.58)),
    ((0.85, 0.10, 0.55), (0.22, 0.25, 0.30)),
    ((0.35, 0.60, -0.70), (0.42, 0.44, 0.52)),
)
_EYE_M = 1.25
"""Distance of the camera from the head's origin."""
_TURNED = ("head", "eye_left", "eye_right")


class Preview:
    """Draws one character again and again. Not thread-safe.

    Args:
        character: whom to draw.
        size_wh: size of the pictures, px.
        supersample: every pixel is the mean of supersample² samples; 1 = fastest.
    """

    def __init__(self, character: Character, size_wh: tuple[int, int] = (360, 360), supersample: int = 2) -> None:
        if min(size_wh) < 8 or supersample < 1:
            raise ValueError(f"Preview: expected at least 8 × 8 px and supersample >= 1, got {size_wh}, {supersample}")
        self._character = character
        self._size_wh = size_wh
        self._factor = supersample
        self._nodes = [n.name for n in character.nodes]
        self._gather(character)
        w, h = size_wh[0] * supersample, size_wh[1] * supersample
        self._depth = np.zeros((h, w), np.float32)
        self._owner = np.zeros((h, w), np.int32)
        self._bary = np.zeros((h, w, 2), np.float32)
        self._background = _background(w, h)
        self._image = np.zeros((h, w, 3), np.float32)
        self._curve = _display_curve()

    def render(
        self,
        weights: npt.ArrayLike,
        head_xyzw: npt.ArrayLike | None = None,
        left_eye_xyzw: npt.ArrayLike | None = None,
        right_eye_xyzw: npt.ArrayLike | None = None,
    ) -> UInt8:
        """(H, W, 3) uint8 RGB picture of the character seen from the front.

        Args:
            weights: (52,) schema "arkit52"; NaN = 0.
            head_xyzw, left_eye_xyzw, right_eye_xyzw: (4,) rotations as in `animate.performance`; None = at rest.
        """
        given = np.nan_to_num(as_float32(weights, (len(SHAPES),), "Preview.render: weights"))
        points = self._base.copy()
        raster.morph(points, self._starts, self._index, self._offset, playable(given))
        raster.turn(points, self._node, self._matrices((head_xyzw, left_eye_xyzw, right_eye_xyzw)))
        raster.normals(self._normals, points, self._triangles, self._weld)
        raster.rasterise(self._project(points), self._triangles, self._depth, self._owner, self._bary)
        self._image[:] = self._background
        mesh = (self._triangles, points, self._normals, self._colours, self._finish, np.float32(_EYE_M))
        raster.shade(self._image, self._owner, self._bary, mesh, self._lights)
        out = np.empty((self._size_wh[1], self._size_wh[0], 3), np.uint8)
        raster.develop(self._image, self._factor, self._curve, out)
        return out

    def _gather(self, character: Character) -> None:
        """Put all parts into one mesh."""
        parts = character.parts
        first = np.cumsum([0] + [len(p.positions) for p in parts])
        self._base = np.concatenate([p.positions for p in parts]).astype(np.float32)
        self._triangles = np.concatenate(
            [p.triangles.astype(np.int32) + np.int32(f) for p, f in zip(parts, first, strict=False)]
        )
        self._node = np.concatenate([np.full(len(p.positions), self._nodes.index(p.node), np.int32) for p in parts])
        self._colours = np.concatenate([_albedo(p) for p in parts])
        self._finish = np.concatenate([np.tile(_finish(p), (len(p.positions), 1)) for p in parts])
        self._weld = np.concatenate([_weld(p.positions) + f for p, f in zip(parts, first, strict=False)]).astype(
            np.int32
        )
        self._normals = np.zeros_like(self._base)
        index, offset, starts = [], [], [0]
        for name in SHAPES.names:
            moved = 0
            for part, begin in zip(parts, first, strict=False):
                delta = part.morphs.get(name)
                if delta is not None:
                    rows = np.flatnonzero(np.abs(delta).max(axis=1) > 0)
                    index.append(rows + begin)
                    offset.append(delta[rows])
                    moved += len(rows)
            starts.append(starts[-1] + moved)
        self._starts = np.array(starts, np.int64)
        self._index = np.concatenate([np.zeros(0, np.int64), *index]).astype(np.int32)
        self._offset = np.concatenate([np.zeros((0, 3), np.float32), *offset]).astype(np.float32)
        lights = [[*(np.array(d) / np.linalg.norm(d)), *rgb] for d, rgb in _LIGHTS]
        self._lights = np.array(lights, np.float32)

    def _matrices(self, rotations: tuple[npt.ArrayLike | None, ...]) -> Float32:
        """(N, 3, 4) root_from_node, in the order of the character's nodes."""
        turned = dict(zip(_TURNED, rotations, strict=True))
        world: dict[str | None, npt.NDArray[np.float64]] = {None: np.eye(4)}
        for node in self._character.nodes:
            local = np.eye(4)
            xyzw = turned.get(node.name)
            if xyzw is not None:
                local[:3, :3] = rotation_from_quaternion(xyzw)
            local[:3, 3] = node.translation_m
            world[node.name] = world[node.parent] @ local
        matrices: Float32 = np.stack([world[n][:3] for n in self._nodes]).astype(np.float32)
        return matrices

    def _project(self, points: Float32) -> Float32:
        """(V, 3) x px, y px, 1 / distance: a camera in front of the head, its picture 0.34 m high."""
        w, h = self._size_wh[0] * self._factor, self._size_wh[1] * self._factor
        near = 1.0 / (_EYE_M - points[:, 2])
        scale = min(w, h) / 0.34 * _EYE_M * near
        x = (w - 1) / 2 + points[:, 0] * scale
        y = (h - 1) / 2 - (points[:, 1] - 0.002) * scale
        screen: Float32 = np.stack([x, y, near], axis=1).astype(np.float32)
        return screen


def _albedo(part: Part) -> Float32:
    own = np.ones((len(part.positions), 3), np.float32) if part.colours is None else part.colours
    albedo: Float32 = (own * np.array(part.colour[:3], np.float32)).astype(np.float32)
    return albedo


def _finish(part: Part) -> Float32:
    """Gloss strength, gloss exponent and softness from the part's roughness; skin is what is called skin."""
    smooth = 1.0 - part.roughness
    wrap = 0.5 if "skin" in part.name else 0.1
    return np.array([0.04 + 0.9 * smooth**3, 4.0 + 400.0 * smooth**4, wrap], np.float32)


def _weld(positions: Float32) -> npt.NDArray[np.int64]:
    """For each vertex, the first vertex at the same place."""
    _, first, inverse = np.unique(np.round(positions, 6), axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[inverse.reshape(-1)], dtype=np.int64)


def _background(w: int, h: int) -> Float32:
    """A soft wall, lighter behind the head."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    away = np.hypot((x - w / 2) / w, (y - h * 0.45) / h)[..., None]
    near, far = np.array([0.46, 0.55, 0.60], np.float32), np.array([0.13, 0.19, 0.25], np.float32)
    wall: Float32 = near + (far - near) * np.clip(away * 1.5, 0.0, 1.0)
    return wall


def _display_curve() -> UInt8:
    """Linear 0–2 → sRGB bytes, with highlights that roll off instead of clipping."""
    x = np.linspace(0.0, 2.0, 4096)
    rolled = np.where(x < 0.6, x, 0.6 + 0.4 * np.tanh((x - 0.6) / 0.4))
    srgb = np.where(rolled <= 0.0031308, 12.92 * rolled, 1.055 * rolled ** (1 / 2.4) - 0.055)
    curve: UInt8 = np.round(255.0 * np.clip(srgb, 0, 1)).astype(np.uint8)
    return curve

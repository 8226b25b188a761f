"""What is drawn: surface, eyes, light, camera, background. Plain frozen data; nothing here is random or draws.

View frame: right-handed, x right in the picture, y up, z towards the camera, mm, the camera at the origin:
FRONTAL · the camera frame of `core.geometry`. Colours are linear RGB, 1 = a white sheet in full light.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import FRONTAL

Int32 = npt.NDArray[np.int32]


class Material(IntEnum):
    """What a triangle is made of. The shader and the labels both ask for it."""

    SKIN = 0
    EYE = 1
    TEETH = 2
    MOUTH = 3
    HAIR = 4
    LASH = 5
    CLOTH = 6
    GLASSES = 7
    MASK = 8
    HAND = 9
    OBJECT = 10


FACE_MATERIALS = (Material.SKIN, Material.EYE, Material.TEETH, Material.MOUTH, Material.LASH)
"""What a label point can lie on; in front of it anything else hides it."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A triangle mesh ready to be drawn, head frame.

    Attributes:
        vertices: (V, 3) float32, mm.
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        material: (F,) uint8 `Material`.
        colour: (V, 3) float32 albedo before the atlas is applied, linear RGB.
        uv: (V, 2) float32 place in the atlas, 0–1; u goes round the head, v up.
        occlusion: (V,) float32, how much of the sky a vertex sees at rest, 0–1.
        weld: (V,) int32, vertices with the same number share a normal.
        layer: (F,) int16: which of the scene's textures colours the triangle; -1 = none.
        corner_uv: (≤ F, 3, 2) float32: place of each corner in that texture, v down; triangles that have no texture
            need none if they come last.
    """

    vertices: Float32
    triangles: Int32
    material: npt.NDArray[np.uint8]
    colour: Float32
    uv: Float32
    occlusion: Float32
    weld: Int32
    layer: npt.NDArray[np.int16]
    corner_uv: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """An eyeball as the shader paints it.

    Attributes:
        centre_mm: (3,) head frame.
        forward: (3,) unit vector through the pupil, head frame.
        radius_mm: of the ball.
        iris_rad, pupil_rad: angle between the axis and the edge.
        iris: (3,) albedo.
        fibres: number that places the fibres of the iris.
    """

    centre_mm: Float32
    forward: Float32
    radius_mm: float
    iris_rad: float
    pupil_rad: float
    iris: tuple[float, float, float]
    fibres: float

    @property
    def pupil_mm(self) -> Float32:
        """(3,) where the axis leaves the ball, head frame."""
        return np.asarray(self.centre_mm + np.float32(self.radius_mm) * self.forward, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera and where the head is in it.

    Attributes:
        size_px: the picture is square.
        focal_px: focal length; the principal point is the middle of the picture.
        camera_from_head: (3, 3) rotation.
        translation_mm: (3,) head origin in the camera frame (z into the scene).
    """

    size_px: int
    focal_px: float
    camera_from_head: Float64
    translation_mm: Float64

    def view(self, head_mm: npt.ArrayLike) -> Float32:
        """(..., 3) float32 head frame → view frame."""
        camera = np.asarray(head_mm, dtype=np.float64) @ self.camera_from_head.T + self.translation_mm
        return np.asarray(camera @ FRONTAL, dtype=np.float32)

    def pixels(self, head_mm: npt.ArrayLike) -> Float32:
        """(..., 2) float32 px of head-frame points; the centre of the first pixel is (0, 0)."""
        view = self.view(head_mm).astype(np.float64)
        scale = self.focal_px / -view[..., 2:]
        middle = (self.size_px - 1) / 2
        return np.asarray(middle + view[..., :2] * [1.0, -1.0] * scale, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Far lights and the colour of everything around. View frame.

    Attributes:
        lamps: (L, 6) float32: unit direction towards the lamp, its RGB. Only the first one casts shadows.
        environment: (4, 3) float32: spherical harmonics of degree one: constant, x, y, z times RGB.
        shadow: how dark the first lamp's shadows are, 0–1.
    """

    lamps: Float32
    environment: Float32
    shadow: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Everything the rasteriser needs.

    Attributes:
        surface: the head and all things around it.
        eyes: left and right (the subject's).
        camera, light: see there.
        atlas: (H, W, 4) uint8 of `paint.skin`: skin albedo (multiplied with the surface's colour) and gloss, by
            `Surface.uv`.
        gloss: multiplies the shine of skin.
        strands: (H, W) float32 around 1: brightness of hair strands.
        textures: (T, H, W, 4) uint8 sRGB (the last channel unused), by `Surface.layer`.
        background: (size, size, 3) float32.
    """

    surface: Surface
    eyes: tuple[Eye, Eye]
    camera: Camera
    light: Light
    atlas: UInt8
    gloss: float
    strands: Float32
    textures: UInt8
    background: Float32

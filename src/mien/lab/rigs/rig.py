"""What a face rig is to the laboratory: one mesh, many people, 52 shapes, two eyes that turn, 98 points.

Every rig speaks the same language, so that a renderer never asks which one it draws:

    rig = load_rig("builtin")                       # or "ict", "makehuman", "valid" with a folder
    person = rig.identity(np.random.default_rng(7))
    posed = rig.pose(person, weights, (10.0, 0.0), (10.0, 0.0))
    seen = landmarks.project(posed, rotation, translation_mm, intrinsics)

All lengths are mm in the head frame of `core.geometry`: x to the subject's left, y up, z out of the face, origin
midway between the centres of the eyeballs of the person at rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Int64, UInt8

if TYPE_CHECKING:
    from mien.lab.rigs.sparse_shapes import SparseShapes

MATERIALS = (
    *("skin", "sclera", "iris", "pupil", "teeth", "tongue", "gums", "lashes", "brow", "hair", "cloth", "mouth"),
    *("eye", "glint"),
)
"""What a triangle may be made of. "skin" with a texture may include short hair, lips and painted lashes; "eye" is a
whole eyeball whose texture holds sclera, iris and pupil; "mouth" is the lining of the mouth; "glint" a painted
highlight (leave it out where lights make highlights)."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """The topology of a rig: the same for all its people. Helper shells of the origin are left out.

    Attributes:
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        triangle_material: (F,) uint8 positions in `materials`.
        materials: names out of `MATERIALS`.
        uv: (F, 3, 2) float32 texture coordinates of each corner, v down (0 = top row of the picture); None = none.
        colours: (V, 3) float32 linear RGB of each vertex, for rigs painted that way; None = the renderer chooses.
    """

    triangles: npt.NDArray[np.int32]
    triangle_material: UInt8
    materials: tuple[str, ...]
    uv: Float32 | None = None
    colours: Float32 | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A loose mesh that one person wears, rigid with the head: separate hair.

    Attributes:
        vertices: (W, 3) float32 mm, head frame.
        triangles: (G, 3) int32.
        uv: (G, 3, 2) float32, v down; None = none.
        material: out of `MATERIALS`.
        texture: picture of the colour, or None.
    """

    vertices: Float32
    triangles: npt.NDArray[np.int32]
    uv: Float32 | None
    material: str
    texture: Path | None


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """A person at rest.

    Attributes:
        name: tells people of a rig apart; equal names = the same person.
        neutral: (V, 3) float32 mm, head frame.
        shapes: how the 52 shapes move this person.
        eye_centres: (2, 3) float32 mm: left and right eyeball.
        textures: material name → picture of its colour (sRGB), where the rig has one.
        pieces: separate hair.
        labels: what the origin says of the person ("sex", "ethnicity", ...), as text.
    """

    name: str
    neutral: Float32
    shapes: SparseShapes
    eye_centres: Float32
    textures: Mapping[str, Path] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """A person making a face.

    Attributes:
        vertices: (V, 3) float32 mm, head frame; the order of `Rig.mesh`.
        points: (98, 3) float32 mm: schema "wflw98"; contour points where they are in a frontal view.
        contour: (33, S, 3) float32 mm: places that each contour point can slide to, its frontal place first.
        eye_centres: (2, 3) float32 mm, left and right.
        gaze: (2, 3) float32 unit vectors, left and right.
        pieces: the loose meshes of the person.
    """

    vertices: Float32
    points: Float32
    contour: Float32
    eye_centres: Float32
    gaze: Float32
    pieces: tuple[Piece, ...] = ()


class Rig(Protocol):
    """A face model with many people."""

    @property
    def name(self) -> str:
        """Unique name: "builtin", "ict", "makehuman", "valid"."""

    @property
    def mesh(self) -> Mesh:
        """The topology that all its people share."""

    def identity(self, rng: np.random.Generator) -> Identity:
        """A random person; the same generator state gives the same person."""

    def pose(
        self,
        identity: Identity,
        shapes: npt.ArrayLike,
        left_eye_deg: tuple[float, float] = (0.0, 0.0),
        right_eye_deg: tuple[float, float] = (0.0, 0.0),
    ) -> Posed:
        """Let a person of this rig make a face.

        Args:
            identity: out of `identity` of the same rig.
            shapes: (52,) schema "arkit52", 0–1; outside is clipped, mouthClose never exceeds jawOpen, NaN = 0.
                eyeLook* move the lids only: eyes turn by the two angles.
            left_eye_deg, right_eye_deg: (yaw, pitch) as in `core.measures.Gaze`.

        Raises:
            ValueError: not 52 weights.
        """

    def attribution(self) -> str:
        """Whom to name, and under which licence, in one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Eyes:
    """Which vertices of a mesh are eyeballs.

    Attributes:
        left, right: vertex numbers of the balls.
        left_pupil, right_pupil: vertex numbers whose mean distance in front of the centre is that of the pupil.
    """

    left: Int64
    right: Int64
    left_pupil: Int64
    right_pupil: Int64

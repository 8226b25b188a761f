"""What a character is: nodes, parts and the 52 shapes, as plain arrays.

Everything is in the head frame, which is glTF's frame: right-handed, x to the subject's left, y up,
z out of the face, metres. Building, drawing and writing characters live in the other files of this folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mien.core.arrays import AnyArray, Float32
from mien.core.schema import load_schema

SHAPES = load_schema("arkit52")
"""Names and order of the weights that move a character."""


@dataclass(frozen=True, slots=True)
class Node:
    """A place that parts hang on and that may turn.

    Attributes:
        name: unique in the character. "head", "eye_left" and "eye_right" are turned by a performance.
        parent: name of the node it hangs on; None = root.
        translation_m: its origin in the parent's frame.
    """

    name: str
    parent: str | None
    translation_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One mesh of one material.

    Attributes:
        name: unique in the character.
        node: the node it hangs on.
        positions: (V, 3) float32, m, relative to the node.
        triangles: (F, 3) uint32, counter-clockwise seen from outside.
        normals: (V, 3) float32, unit length.
        colour: base colour, linear RGB and opacity, 0–1.
        roughness: 0 = mirror, 1 = chalk.
        colours: (V, 3) float32 linear RGB, multiplied with `colour`; None = all ones.
        morphs: shape name → (V, 3) float32 offsets at weight 1; a missing name = does not move.
    """

    name: str
    node: str
    positions: Float32
    triangles: AnyArray
    normals: Float32
    colour: tuple[float, float, float, float]
    roughness: float = 0.8
    colours: Float32 | None = None
    morphs: Mapping[str, Float32] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Character:
    """A face that can be played.

    Attributes:
        name: what it is called.
        nodes: parents before children.
        parts: all meshes.
    """

    name: str
    nodes: tuple[Node, ...]
    parts: tuple[Part, ...]

    @property
    def vertex_count(self) -> int:
        """Vertices of all parts."""
        return sum(len(p.positions) for p in self.parts)

    @property
    def triangle_count(self) -> int:
        """Triangles of all parts."""
        return sum(len(p.triangles) for p in self.parts)

    @property
    def shape_names(self) -> tuple[str, ...]:
        """The shapes that move at least one part, in the order of the schema."""
        return tuple(n for n in SHAPES.names if any(n in p.morphs for p in self.parts))

    def origin_m(self, node: str) -> Float32:
        """(3,) position of a node in the root's frame at rest, m.

        Raises:
            KeyError: there is no such node.
        """
        by_name = {n.name: n for n in self.nodes}
        at = np.zeros(3, np.float32)
        here: str | None = node
        while here is not None:
            at += np.array(by_name[here].translation_m, np.float32)
            here = by_name[here].parent
        return at


def playable(weights: Float32) -> Float32:
    """(..., 52) weights as a face can show them: 0–1, and mouthClose never above jawOpen.

    mouthClose is the correction that keeps the lips together over an open jaw; with a closed jaw it has
    nothing to correct and would push the lower lip through the upper one.
    """
    out: Float32 = np.clip(weights, 0.0, 1.0).astype(np.float32)
    close = SHAPES.index("mouthClose")
    out[..., close] = np.minimum(out[..., close], out[..., SHAPES.index("jawOpen")])
    return out


def vertex_normals(positions: Float32, triangles: AnyArray) -> Float32:
    """(V, 3) unit normals, area-weighted means of the triangles around each vertex."""
    a, b, c = (positions[triangles[:, i].astype(np.int64)].astype(np.float64) for i in range(3))
    face = np.cross(b - a, c - a)
    corners = triangles.astype(np.int64).T.reshape(-1)
    total = np.stack([np.bincount(corners, np.tile(face[:, k], 3), len(positions)) for k in range(3)], axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    normals: Float32 = np.where(length > 0, total / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0]).astype(
        np.float32
    )
    return normals

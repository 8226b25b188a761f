"""The one way all rigs are posed: a neutral face, weighted offsets, eyes turned about their centres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.avatar.character import playable
from mien.core.arrays import Float32, Int64, as_float32
from mien.core.geometry import local_rotation
from mien.core.schema import load_schema
from mien.lab.rigs.landmarks import Definition, meet
from mien.lab.rigs.rig import Eyes, Identity, Mesh, Posed


@dataclass(frozen=True, slots=True, eq=False)
class BlendRig:
    """A rig made of offsets; implements `rig.Rig`.

    Attributes:
        name: of the rig.
        mesh: its topology.
        eyes: its eyeballs.
        definition: where the 98 points are.
        draw: makes a random person.
        credit: what `attribution` says.
    """

    name: str
    mesh: Mesh
    eyes: Eyes
    definition: Definition
    draw: Callable[[np.random.Generator], Identity]
    credit: str

    def identity(self, rng: np.random.Generator) -> Identity:
        """See `Rig.identity`."""
        return self.draw(rng)

    def pose(
        self,
        identity: Identity,
        shapes: npt.ArrayLike,
        left_eye_deg: tuple[float, float] = (0.0, 0.0),
        right_eye_deg: tuple[float, float] = (0.0, 0.0),
    ) -> Posed:
        """See `Rig.pose`."""
        count = len(load_schema("arkit52"))
        weights = playable(np.nan_to_num(as_float32(shapes, (count,), f"{self.name}.pose: shapes")))
        vertices = identity.neutral.copy()
        identity.shapes.add(vertices, weights)
        gaze, pupils = [], []
        balls = ((self.eyes.left, self.eyes.left_pupil), (self.eyes.right, self.eyes.right_pupil))
        angles_deg = (left_eye_deg, right_eye_deg)
        for (rows, pupil), centre, angles in zip(balls, identity.eye_centres, angles_deg, strict=True):
            turn = local_rotation(*angles).astype(np.float32)
            vertices[rows] = (vertices[rows] - centre) @ turn.T + centre
            gaze.append(turn[:, 2])
            pupils.append(centre + turn[:, 2] * _reach(identity.neutral, pupil, centre))
        points = np.concatenate([self.definition.points(vertices), [pupils[1], pupils[0]]]).astype(np.float32)
        meet(points)
        contour = self.definition.contour(vertices)
        return Posed(
            vertices, points, contour, identity.eye_centres, np.stack(gaze).astype(np.float32), identity.pieces
        )

    def attribution(self) -> str:
        """See `Rig.attribution`."""
        return self.credit


def _reach(neutral: Float32, rows: Int64, centre: Float32) -> float:
    """How far in front of the centre of the eyeball its pupil is, mm."""
    return float(neutral[rows, 2].mean() - centre[2])

"""Where people move otherwise than the ICT rig: random changes to its moved points.

Points are (B, 98, 3) mm in the head frame. Every size comes from other rigs' people (`Habits`, measured by
`mien.lab.train.landmark_habits`) or is a plain random share of the rig's own movement; no clip of a person is behind
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Float32

LID_PAIRS = ((61, 67), (62, 66), (63, 65), (69, 75), (70, 74), (71, 73))
"""Upper and lower point of the lids, three for each eye."""
_CONCENTRATION, _OWN_CONCENTRATION = 0.5, 1.0
"""Of the mixture of rigs that a person moves like: low = mostly one of them. The ICT rig, captured from people, counts
for two."""


@dataclass(frozen=True, slots=True, eq=False)
class Habits:
    """How the shapes of other rigs move the points at weight 1, compared with the ICT rig's.

    Attributes:
        rigs: (R,) their names.
        beyond_mm: (R, 52, 98, 3) float32 movement minus the ICT rig's, at the scale of its mean face; 0 where a rig
            lacks the shape.
    """

    rigs: tuple[str, ...]
    beyond_mm: Float32

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        np.savez_compressed(path, rigs=np.array(self.rigs), beyond_mm=self.beyond_mm)

    @classmethod
    def read(cls, path: Path) -> Habits:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as z:
            return cls(tuple(str(n) for n in z["rigs"]), z["beyond_mm"].astype(np.float32))


def unlike_the_rig(rng: np.random.Generator, moved: Float32) -> Float32:
    """(B, P, 3) displacements of a part, somewhat bent: no person moves exactly as the rig does."""
    n, p, _ = moved.shape
    bend = np.eye(3) + rng.normal(scale=0.08, size=(n, 3, 3))
    size = np.sqrt((moved**2).mean(axis=(1, 2), keepdims=True))
    own = 1 + rng.normal(scale=0.15, size=(n, p, 1))
    return np.asarray(moved @ bend * own + 0.1 * size * rng.normal(size=moved.shape), dtype=np.float32)


def beyond_the_rig(rng: np.random.Generator, weights: Float32, habits: Habits) -> Float32:
    """(B, 98, 3) mm to add to the points that the ICT rig moved with (B, 52) weights.

    Every person does every shape like a mixture of the rigs, the ICT rig among them.

    Lids close as far as the ICT rig's (their opening is what a blink is); only where they meet is mixed.

    """
    n, shapes = weights.shape
    rigs = len(habits.rigs)
    concentration = [*[_CONCENTRATION] * rigs, _OWN_CONCENTRATION]
    draw = rng.standard_gamma(concentration, size=(n, shapes, rigs + 1)).astype(np.float32)
    share = draw[..., :rigs] / np.maximum(draw.sum(axis=-1, keepdims=True), 1e-6)
    amount = (share * weights[..., None]).reshape(n, -1)
    field = habits.beyond_mm.transpose(1, 0, 2, 3).reshape(shapes * rigs, -1)
    beyond = (amount @ field).reshape(n, -1, 3)
    for upper, lower in LID_PAIRS:
        beyond[:, [upper, lower]] = (beyond[:, [upper]] + beyond[:, [lower]]) / 2
    return np.asarray(beyond, dtype=np.float32)

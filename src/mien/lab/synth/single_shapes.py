"""Random faces in which every shape comes as often as every other: what a reader of shapes is taught on.

`expressions.random_weights` moves as people do, and hardly ever shows a dimple or a rolled lip; `exercise` shows all of
them, once each. Here one to three gestures out of the exercise's list come together.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.lab.render.prototypes import random_face, tidy
from mien.lab.synth.exercise import SIDED, TOGETHER
from mien.lab.synth.expressions import random_weights

_MANY = (0.5, 0.32, 0.18)
_BUSY_MANY = (0.25, 0.4, 0.35)
"""Odds of one, two and three gestures."""
_ONE_SIDED = 0.25
_BLINKS = 0.2
_KINDS, _BUSY_KINDS = (0.62, 0.2, 0.18), (0.8, 0.12, 0.08)
"""Shares of gestures, of mixtures as people make them, and of expressions with a name."""


def random_shapes(rng: np.random.Generator, *, busy: bool = False) -> Float32:
    """(52,) float32 weights 0–1; eyeLook* are left at 0. Shapes that exclude each other never come together.

    Args:
        rng: chance.
        busy: more often two or three gestures at once.
    """
    kind = int(rng.choice(3, p=_BUSY_KINDS if busy else _KINDS))
    if kind == 1:
        mixed: Float32 = random_weights(rng, 1)[0]
        return mixed
    if kind == 2:
        return random_face(rng).shapes
    schema = load_schema("arkit52")
    gestures = [*({name: 1.0} for name in SIDED), *TOGETHER]
    out = np.zeros(len(schema), dtype=np.float32)
    for place in rng.choice(len(gestures), 1 + int(rng.choice(3, p=_BUSY_MANY if busy else _MANY)), replace=False):
        size = float(np.sqrt(rng.uniform(0.02, 1.0)))
        only = str(rng.choice(["Left", "Right"])) if rng.random() < _ONE_SIDED else ""
        for name, weight in gestures[int(place)].items():
            for end in [""] if name in schema else [only] if only else ["Left", "Right"]:
                i = schema.index(name + end)
                out[i] = max(out[i], weight * size * float(rng.uniform(0.85, 1.0)))
    if rng.random() < _BLINKS:
        out[[schema.index("eyeBlinkLeft"), schema.index("eyeBlinkRight")]] = rng.choice([1.0, rng.random()])
    return tidy(out)

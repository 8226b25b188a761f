"""Drawn-back corners of the mouth: a smile, or the mouth of somebody who cries or shouts.

Both pull the corners outwards and lift the cheeks, and 98 points hardly tell them apart: crying on film read as a smile
of 0.7 to 0.8. What the whole face shows, an expression network says (`expression/network`). Where it sees hardly any
happiness, calm or surprise, most of the smile is taken for lips drawn outwards (AU20 in place of AU12).
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32
from mien.core.measures import Expression
from mien.core.schema import load_schema

_SHAPES = load_schema("arkit52")
_SMILES = [_SHAPES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
_STRETCHES = [_SHAPES.index(f"mouthStretch{side}") for side in ("Left", "Right")]
_CHEERFUL = ("neutral", "happiness", "surprise")

ENOUGH = 0.4
"""Probability of expressions that smile, or are calm, from which on a smile is believed entirely."""
LEFT = 0.25
"""Share of a smile that is always left."""
CALM, PLAINLY_CALM = 0.5, 0.8
"""Probability of a neutral expression above which a face looks calm, and from which on it does so entirely."""
DRAWN = 0.5
"""What the rest of it becomes of lips drawn outwards."""


def belief_in_smiles(expression: Expression | None) -> float:
    """LEFT … 1: how much of a smile to believe; 1 where nothing is known of the expression.

    Args:
        expression: of this moment, schema "expression8"; NaN = a class that is not known.
    """
    if expression is None or expression.schema.name != "expression8":
        return 1.0
    cheerful = expression.values[[expression.schema.index(name) for name in _CHEERFUL]]
    if not np.isfinite(cheerful).any():
        return 1.0
    return float(np.clip(np.nansum(cheerful) / ENOUGH, LEFT, 1.0))


def calmness(expression: Expression | None) -> float:
    """0 … 1: how plainly a face looks like one at rest; 0 where nothing is known.

    Args:
        expression: of this moment, schema "expression8"; NaN = a class that is not known.
    """
    if expression is None or expression.schema.name != "expression8":
        return 0.0
    neutral = float(expression.values[expression.schema.index("neutral")])
    return float(np.clip((np.nan_to_num(neutral) - CALM) / (PLAINLY_CALM - CALM), 0.0, 1.0))


def without_false_smiles(weights: Float32, expression: Expression | None) -> Float32:
    """(52,) weights, schema "arkit52", with smiles only as far as the expression allows; NaN stays NaN."""
    belief = belief_in_smiles(expression)
    if belief >= 1.0:
        return weights
    out = weights.copy()
    taken = (1.0 - belief) * weights[_SMILES]
    out[_SMILES] -= taken
    out[_STRETCHES] = np.where(np.isfinite(taken), np.minimum(out[_STRETCHES] + DRAWN * taken, 1.0), out[_STRETCHES])
    return out

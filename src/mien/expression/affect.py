"""Valence and arousal from probabilities of expressions.

No data with valence and arousal was at hand to learn from. What is said here is the expectation over the classes of
published ratings of their names: means of Russell & Mehrabian 1977 ("Evidence for a three-factor theory of emotions",
table 1: pleasure and arousal, −1…1), as they are usually quoted; not compared with the print again. It is a
projection of the classes, not a measurement of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mien.core.measures import Expression

RATINGS: Mapping[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "anger": (-0.51, 0.59),
    "contempt": (-0.23, 0.31),
    "disgust": (-0.60, 0.35),
    "fear": (-0.64, 0.60),
    "happiness": (0.81, 0.51),
    "sadness": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
}
"""Expression → pleasure, arousal. "neutral" is the origin by definition; "contempt" is their "disdainful"."""


def valence_arousal(expression: Expression) -> tuple[float, float]:
    """(valence, arousal), −1…1; NaN if no probability is known."""
    known = np.isfinite(expression.values)
    if not known.any():
        return float("nan"), float("nan")
    table = np.array([RATINGS[name] for name in expression.names])
    p = expression.values[known].astype(np.float64)
    valence, arousal = (p / p.sum()) @ table[known]
    return float(valence), float(arousal)

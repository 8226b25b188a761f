"""How strong a movement is at a FACS intensity: the reading curves of `action_units/arkit_to_facs.toml` turned round.

Intensities are letters with unequal steps; strengths are shape weights. Below A (1) the strength goes straight to 0, so
that nothing jumps when a unit starts. Between the letters the curve is monotone and smooth (Fritsch and Carlson 1980).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.interpolate import PchipInterpolator

from mien.action_units.facs import unit_rules
from mien.core.arrays import Float32, Float64

_STEPS = 201
_OWN = {
    # Read from the opening between the lips, or not at all: here how far the mouth opens.
    "AU25": ((0.0, 0.0), (1.0, 0.2), (2.0, 0.35), (3.0, 0.55), (4.0, 0.8), (5.0, 1.0)),
    "AU19": ((0.0, 0.0), (1.0, 0.2), (2.0, 0.4), (3.0, 0.65), (4.0, 0.85), (5.0, 1.0)),
}
FULL = 5.0


def strengths(intensity: Float32) -> Float32:
    """(..., 42) intensities 0–5 of schema "facs" → strengths 0–1; outside 0–5 they are cut off."""
    place = np.clip(np.asarray(intensity, np.float64), 0.0, FULL) * ((_STEPS - 1) / FULL)
    low = np.minimum(place.astype(np.int64), _STEPS - 2)
    table = _table()
    units = np.arange(table.shape[0])
    a, b = table[units, low], table[units, low + 1]
    out: Float32 = (a + (b - a) * (place - low)).astype(np.float32)
    return out


@cache
def _table() -> Float64:
    """(42, steps) strengths at evenly spaced intensities."""
    at = np.linspace(0.0, FULL, _STEPS)
    rows = []
    for rule in unit_rules():
        own = _OWN.get(rule.name)
        points = np.array(own) if own else np.vstack([[0.0, 0.0], rule.curve[1:, ::-1]])
        # A curve that ends below 5 goes no further.
        rows.append(PchipInterpolator(points[:, 0], points[:, 1])(np.minimum(at, points[-1, 0])))
    return np.asarray(rows, np.float64)

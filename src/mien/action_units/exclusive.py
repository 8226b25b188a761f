"""Which ARKit shapes exclude each other, and how a contradiction is taken out.

A lid is not wide and closed at once, a mouth corner not up and down. What two opposites have in common is noise:
it is subtracted from both, so that one of them is exactly 0 and nothing jumps when they cross.
browInnerUp and browDown stay together on purpose: sadness is AU 1 + 4.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mien.core.arrays import Float32, Int64
from mien.core.schema import load_schema

PAIRS: tuple[tuple[str, str], ...] = (
    *(("eyeBlink" + s, "eyeWide" + s) for s in ("Left", "Right")),
    *(("mouthSmile" + s, "mouthFrown" + s) for s in ("Left", "Right")),
    *(("browDown" + s, "browOuterUp" + s) for s in ("Left", "Right")),
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
)


def without_contradictions(weights: Float32) -> Float32:
    """(52,) weights with one of each pair at 0 and mouthClose <= jawOpen. NaN stays NaN and excludes nothing."""
    one, other, close, jaw = _indices()
    out = weights.copy()
    common = np.minimum(out[one], out[other])
    common[np.isnan(common)] = 0.0
    out[one] -= common
    out[other] -= common
    if out[close] > out[jaw]:
        out[close] = out[jaw]
    return out


@cache
def _indices() -> tuple[Int64, Int64, int, int]:
    """Of the first and the second shapes of the pairs, of mouthClose and of jawOpen."""
    index = load_schema("arkit52").index
    one, other = np.array([[index(a), index(b)] for a, b in PAIRS]).T
    return one, other, index("mouthClose"), index("jawOpen")

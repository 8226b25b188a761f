"""Which ARKit shapes exclude each other, and how a contradiction is taken out.

A lid is not wide and closed at once, a mouth corner not up and down. What two opposites have in common is noise:
it is subtracted from both, so that one of them is exactly 0 and nothing jumps when they cross.
browInnerUp and browDown stay together on purpose: sadness is AU 1 + 4.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32
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
    index = load_schema("arkit52").index
    out = weights.copy()
    for one, other in PAIRS:
        i, j = index(one), index(other)
        if np.isfinite(out[i]) and np.isfinite(out[j]):
            common = min(out[i], out[j])
            out[i] -= common
            out[j] -= common
    close, jaw = index("mouthClose"), index("jawOpen")
    if out[close] > out[jaw]:
        out[close] = out[jaw]
    return out

"""Where an eye looks that is shut: where it was last seen to look.

Nobody sees an eye behind its lid, but the pixel reader answers all the same, and takes a lid that comes down for an eye
that looks down. Eyes hardly move in a blink.
"""

from __future__ import annotations

import numpy as np

from mien.action_units.visibility import GAZE_SHAPES
from mien.core.arrays import Float32
from mien.core.schema import load_schema

SHUT = 0.6
"""eyeBlink above which nothing is seen of where the eye looks."""
_NAMES = load_schema("arkit52").names
_EYES = [(_NAMES.index(f"eyeBlink{s}"), [i for i in GAZE_SHAPES if _NAMES[i].endswith(s)]) for s in ("Left", "Right")]


class KeptLooks:
    """Of everybody in the picture, by track id."""

    def __init__(self) -> None:
        self._last: dict[int, Float32] = {}

    def kept(self, track_id: int | None, weights: Float32) -> Float32:
        """(52,) weights, schema "arkit52", with the looks of shut eyes as they were; NaN stays NaN."""
        if track_id is None:
            return weights
        self.follow(track_id, weights)
        last = self._last[track_id]
        out = weights.copy()
        for blink, looks in _EYES:
            if weights[blink] > SHUT:
                known = np.isfinite(last[looks]) & np.isfinite(weights[looks])
                out[looks] = np.where(known, last[looks], weights[looks])
        return out

    def follow(self, track_id: int, weights: Float32) -> None:
        """Take over where open eyes look, of (52,) weights."""
        last = self._last.setdefault(track_id, np.full(len(_NAMES), np.nan, np.float32))
        for blink, looks in _EYES:
            if not weights[blink] > SHUT and np.isfinite(weights[looks]).all():
                last[looks] = weights[looks]

    def forget(self, track_id: int | None = None) -> None:
        """One person, or all."""
        if track_id is None:
            self._last.clear()
        else:
            self._last.pop(track_id, None)

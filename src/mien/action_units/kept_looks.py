"""Where an eye looks that is shut: for half a second, where it was last seen to look.

Nobody sees an eye behind its lid, but the pixel reader answers all the same, and takes a lid that comes down for an eye
that looks down. Eyes hardly move in a blink. Held is the last look of an eye that was open, not that of a lid on its
way down; an eye that never opens so far, or was shut for longer, has what is read. Neither is measured: of a shut eye
the looks, and the gaze, keep half of their confidence.
"""

from __future__ import annotations

import numpy as np

from mien.action_units.visibility import GAZE_SHAPES
from mien.core.arrays import Float32
from mien.core.schema import load_schema

SHUT = 0.6
"""eyeBlink above which nothing is seen of where the eye looks."""
OPEN = 0.3
"""eyeBlink up to which a lid has not begun to come down."""
HELD_S = 0.5
"""How long after an eye was last open its look is held; blinks take 0.1 to 0.4 s."""
BELIEVED = 0.5
"""Share of its confidence that the look of a shut eye keeps."""
_NAMES = load_schema("arkit52").names
_EYES = [(_NAMES.index(f"eyeBlink{s}"), [i for i in GAZE_SHAPES if _NAMES[i].endswith(s)]) for s in ("Left", "Right")]


class KeptLooks:
    """Of everybody in the picture, by track id; a new id has nothing to hold."""

    def __init__(self) -> None:
        self._last: dict[int, Float32] = {}
        self._open_ns: dict[int, list[int | None]] = {}

    def kept(self, track_id: int | None, t_ns: int, weights: Float32) -> Float32:
        """(52,) weights, schema "arkit52", with the looks of shut eyes as they were; NaN stays NaN.

        Args:
            track_id: whose; None = nothing is known of before.
            t_ns: stamp of the frame.
            weights: (52,) as read.
        """
        if track_id is None:
            return weights
        self.follow(track_id, t_ns, weights)
        last = self._last[track_id]
        out = weights.copy()
        for (blink, looks), open_ns in zip(_EYES, self._open_ns[track_id], strict=True):
            if weights[blink] > SHUT and open_ns is not None and 0 <= t_ns - open_ns <= HELD_S * 1e9:
                known = np.isfinite(last[looks]) & np.isfinite(weights[looks])
                out[looks] = np.where(known, last[looks], weights[looks])
        return out

    def follow(self, track_id: int, t_ns: int, weights: Float32) -> None:
        """Take over where open eyes look at a moment, of (52,) weights."""
        last = self._last.setdefault(track_id, np.full(len(_NAMES), np.nan, np.float32))
        opened = self._open_ns.setdefault(track_id, [None] * len(_EYES))
        for eye, (blink, looks) in enumerate(_EYES):
            if weights[blink] <= OPEN and np.isfinite(weights[looks]).all():
                last[looks], opened[eye] = weights[looks], t_ns

    def forget(self, track_id: int | None = None) -> None:
        """One person, or all."""
        if track_id is None:
            self._last.clear()
            self._open_ns.clear()
        else:
            self._last.pop(track_id, None)
            self._open_ns.pop(track_id, None)


def belief_in_looks(weights: Float32) -> Float32:
    """(2,) share of their confidence that the looks of the left and right eye keep, of (52,) weights: half of it behind
    a shut lid, otherwise all."""
    return np.where([weights[blink] > SHUT for blink, _ in _EYES], BELIEVED, 1.0).astype(np.float32)


def less_sure(weights: Float32, sure: Float32) -> Float32:
    """(52,) confidences with less of it for the looks of shut eyes, of (52,) weights."""
    out = sure.copy()
    for (_, looks), belief in zip(_EYES, belief_in_looks(weights), strict=True):
        out[looks] *= belief
    return out

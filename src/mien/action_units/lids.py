"""Shut eyes, read from the opening between the lids itself.

A network trained on a rig stops short of 1 on real faces, where trackers draw a shut eye in ways of their own.
The opening relative to the person's open eye is plain: less than an eighth of it is a shut eye, more than two fifths
may be a lowered gaze and says nothing.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32

_LIDS = (((69, 75), (70, 74), (71, 73)), ((61, 67), (62, 66), (63, 65)))
"""Upper and lower points of the left and the right eye."""
_SHUT, _OPEN = 0.13, 0.42


def openings(front: Float32) -> Float32:
    """(2,) height of the left and the right eye's opening in units of the front view; NaN = eye not seen."""
    upper = np.array([[front[u, 1] for u, _ in eye] for eye in _LIDS])
    lower = np.array([[front[d, 1] for _, d in eye] for eye in _LIDS])
    return np.asarray(np.maximum(upper - lower, 0.0).mean(axis=1), dtype=np.float32)


def shut(front: Float32, neutral: Float32) -> Float32:
    """(2,) 0–1 for the left and the right eye: 1 = shut, 0 = open at least two fifths as far as in the neutral.

    Args:
        front: (98, 2) front view.
        neutral: (98, 2) of the person, or of the mean face.
    """
    usual = np.maximum(openings(neutral), 1e-3)
    return np.asarray(np.clip((_OPEN - openings(front) / usual) / (_OPEN - _SHUT), 0.0, 1.0), dtype=np.float32)


def together(left_right: Float32) -> Float32:
    """(2,) blinks of both eyes, drawn together where both lids are low: eyes that close mostly close as a pair.

    A wink keeps its difference.
    """
    low = float(np.clip((left_right.min() - 0.25) / 0.25, 0.0, 1.0))
    return np.asarray(left_right + 0.6 * low * (left_right.mean() - left_right), dtype=np.float32)

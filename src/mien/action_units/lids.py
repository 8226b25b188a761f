"""Shut eyes, read from the opening between the lids itself.

A network trained on a rig stops short of 1 on real faces, where trackers draw a shut eye in ways of their own.
The opening relative to the person's open eye is plain. How far a backend closes a shut eye is its own: MediaPipe tracks
the built-in portrait's at 0.15 of its opening, Mien's heatmaps at about 0.6. Lids that follow a lowered gaze leave at
least 0.38 where shut is 0.15 (the lowest twentieth of the ICT rig's people at -20°; half of them leave 0.5, the other
rigs' people more): above it the opening says nothing. The two thresholds come with the solver's model.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32

_UPPER = np.array([(69, 70, 71), (61, 62, 63)])
_LOWER = np.array([(75, 74, 73), (67, 66, 65)])
"""Points of the left and the right eye's lids, one above the other."""


def openings(front: Float32) -> Float32:
    """(2,) height of the left and the right eye's opening in units of the front view; NaN = eye not seen."""
    height = front[:, 1]
    gaps = np.maximum(height[_UPPER] - height[_LOWER], 0.0)
    return np.asarray(gaps.sum(axis=1) / np.float32(gaps.shape[1]), dtype=np.float32)


def shut(front: Float32, neutral: Float32, lids: Float32) -> Float32:
    """(2,) 0–1 for the left and the right eye: 1 = shut, 0 = open.

    Args:
        front: (98, 2) front view.
        neutral: (98, 2) of the person, or of the mean face.
        lids: (2,) opening, relative to the neutral's, up to which an eye is shut and from which it is open.
    """
    closed, opened = lids.tolist()
    usual = np.maximum(openings(neutral), 1e-3)
    shutness = (opened - openings(front) / usual) / (opened - closed)
    return np.asarray(np.minimum(np.maximum(shutness, 0.0), 1.0), dtype=np.float32)


def together(left_right: Float32, seen: Float32, looking: npt.NDArray[np.bool_]) -> Float32:
    """(2,) blinks of both eyes. Eyes close as a pair: a wink is believed only where the other eye is plainly open.

    An eye is plainly open if its lid is hardly lowered, its points are seen and it looks somewhere: of an eye behind
    a hand trackers draw a guess. What is not plainly open follows the shut eye; a shut eye that is not seen follows
    the open one.

    Args:
        left_right: (2,) 0–1.
        seen: (2,) 0–1 confidence of the points of each eye.
        looking: (2,) the gaze of the eye was measured (True where nobody asked).
    """
    shut_eye, other = (0, 1) if left_right[0] >= left_right[1] else (1, 0)
    apart = left_right[shut_eye] - left_right[other]
    plainly = min(max((_HALF_LID - float(left_right[other])) / (_HALF_LID - _LOW_LID), 0.0), 1.0)
    believed = plainly * float(seen[other]) * float(looking[other])
    out = left_right.copy()
    out[other] += (1 - believed) * apart
    out[shut_eye] -= believed * (1 - float(seen[shut_eye])) * apart
    return out


_LOW_LID, _HALF_LID = 0.2, 0.4
"""A lid lowered by less is open, by more half shut."""

"""What a box of a face is, for every source of training faces.

WIDER FACE's boxes reach from about the middle of the forehead to the chin and from ear to ear. Where 98 points are
known, that is the tight box of the points (brows to chin, ear to ear) joined with the same box moved up the face by
`FOREHEAD` of its height: 1.25 times as tall as the tight box of an upright face, which is about square. WIDER FACE's
boxes are 1.26 times as tall as wide in the median.

The five points are right eye, left eye, tip of the nose, right and left corner of the mouth; right is the person's own.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32
from mien.lab.rigs.landmarks import five_points

FOREHEAD = 0.25
MIRROR = (1, 0, 2, 4, 3)
"""Order of the five points in a mirror image."""


def face_boxes(tight_xyxy: Float32, five_xy: Float32) -> Float32:
    """(N, 4) boxes of faces whose tight boxes of 98 points and five points are known.

    Args:
        tight_xyxy: (N, 4) px.
        five_xy: (N, 5, 2) px; where it is NaN, or eyes and mouth coincide, the face counts as upright.
    """
    up = five_xy[:, :2].mean(axis=1) - five_xy[:, 3:].mean(axis=1)
    length = np.linalg.norm(up, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        up = np.where(length > 1e-3, up / length, np.array([0.0, -1.0], np.float32))
    step = FOREHEAD * (tight_xyxy[:, 3:] - tight_xyxy[:, 1:2]) * up
    moved = tight_xyxy + np.tile(step, 2)
    low = np.minimum(tight_xyxy[:, :2], moved[:, :2])
    high = np.maximum(tight_xyxy[:, 2:], moved[:, 2:])
    return np.asarray(np.concatenate([low, high], axis=1), np.float32)


def face_of_points(points_xy: Float32) -> tuple[Float32, Float32]:
    """(4,) box and (5, 2) points of a face's (98, 2) points."""
    five = five_points(points_xy)
    tight = np.concatenate([points_xy.min(axis=0), points_xy.max(axis=0)])
    return face_boxes(tight[None], five[None])[0], five

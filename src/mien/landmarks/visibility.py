"""How well each of the 98 points can be seen: a simple rule on the head's turn and the picture's edge.

Rule: with a yaw of |y| degrees, points of the far half of the face keep a share that falls in a straight line:

    contour (behind the cheek)                    1 at 20°, 0.1 at 60°
    brow, eye, pupil, nose base, lips             1 at 45°, 0.1 at 85°

The near half and the middle line keep 1. A point outside the picture is a guess: at most 0.2.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema

_RIGHT_TEMPLE, _LEFT_TEMPLE = 234, 454
_CONTOUR_FROM_TO_DEG = (20.0, 60.0)
_INNER_FROM_TO_DEG = (45.0, 85.0)
_LEAST = 0.1
_OUTSIDE = 0.2


@cache
def _sides() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indices of the subject's right and left points, without the middle line."""
    names = load_schema("wflw98").names
    right = tuple(i for i, n in enumerate(names) if "right" in n)
    left = tuple(i for i, n in enumerate(names) if "left" in n)
    return right, left


def mesh_yaw_deg(mesh_xyz: Float32) -> float:
    """Yaw of a (478, 3) mesh from the depth of its temples, degrees, + to the subject's left."""
    across = mesh_xyz[_LEFT_TEMPLE] - mesh_xyz[_RIGHT_TEMPLE]
    return float(np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1]))))


def visibility(mesh_xyz: Float32, points_xy: Float32, size_wh: tuple[int, int]) -> Float32:
    """(98,) float32, 0.1–1.

    Args:
        mesh_xyz: (478, 3) mesh in image px, z away from the camera.
        points_xy: (98, 2) points in image px.
        size_wh: the picture's size.
    """
    yaw = mesh_yaw_deg(mesh_xyz)
    right, left = _sides()
    far = list(left if yaw > 0 else right)
    share = np.ones(len(points_xy), dtype=np.float32)
    share[far] = _fall(abs(yaw), _INNER_FROM_TO_DEG)
    contour = [i for i in far if i in load_schema("wflw98").groups["contour"]]
    share[contour] = _fall(abs(yaw), _CONTOUR_FROM_TO_DEG)
    outside = (points_xy < -0.5).any(axis=1) | (points_xy > np.array(size_wh) - 0.5).any(axis=1)
    return np.where(outside, np.minimum(share, _OUTSIDE), share).astype(np.float32)


def _fall(angle_deg: float, from_to_deg: tuple[float, float]) -> float:
    low, high = from_to_deg
    return float(np.clip(1 - (1 - _LEAST) * (angle_deg - low) / (high - low), _LEAST, 1))

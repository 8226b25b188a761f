"""Where a face is: the box and the upright square region that follow from its points.

Shared by the stages that propose a region (detection, tracking) and those that look into it (landmarks), so
that both mean the same region.

Convention:
    A box is the bounding box of the 98 points: brows to chin, ear to ear; no forehead, no hair.
    A region is a square, turned with the head's roll, 1.5 times the face from hairline to chin.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.core.geometry import CropTransform
from mien.core.measures import Box, Landmarks

_SIDE_PER_DIAGONAL = 1.27
"""1.5 × the longer side of the whole face (hairline to chin), in diagonals of the box of the 98 points: measured
on 66 frontal faces (0.848 ± 0.024); the diagonal varies less with an open mouth or a turn than either side."""
_SHIFT_UP = 0.11
"""The whole face's middle lies this share of the box's height above the box's middle (same faces)."""
_MIN_SIDE_PX = 4.0


def roll_of_eyes_deg(right_eye_xy: npt.ArrayLike, left_eye_xy: npt.ArrayLike) -> float:
    """Head roll, degrees (`core.geometry`), of the line from the right to the left eye in the image."""
    dx, dy = np.asarray(left_eye_xy, dtype=np.float64) - np.asarray(right_eye_xy, dtype=np.float64)
    return -float(np.degrees(np.arctan2(dy, dx)))


def box_of_landmarks(landmarks: Landmarks, confidence: float) -> Box | None:
    """Bounding box of the finite points; None if fewer than two are finite."""
    xy = landmarks.xy[np.isfinite(landmarks.xy).all(axis=1)]
    if len(xy) < 2:
        return None
    return Box(np.concatenate([xy.min(axis=0), xy.max(axis=0)]), confidence)


def region_of_landmarks(landmarks: Landmarks, size_px: int) -> CropTransform | None:
    """The region of a face from its "wflw98" landmarks; None if an eye or too much else is NaN."""
    xy = landmarks.xy.astype(np.float64)
    known = np.isfinite(xy).all(axis=1)
    corners = landmarks.schema.groups["outer_eye_corners"]
    if known.sum() < len(xy) // 2 or not known[list(corners)].all():
        return None
    roll = roll_of_eyes_deg(xy[corners[0]], xy[corners[1]])
    a = np.radians(-roll)
    image_from_upright = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    upright = xy[known] @ image_from_upright
    low, high = upright.min(axis=0), upright.max(axis=0)
    centre = (low + high) / 2 - [0.0, _SHIFT_UP * (high - low)[1]]
    side = max(_MIN_SIDE_PX, _SIDE_PER_DIAGONAL * float(np.hypot(*(high - low))))
    return CropTransform.around(image_from_upright @ centre, side, size_px, roll)


def region_of_detection(box: Box, keypoints: Landmarks | None, size_px: int) -> CropTransform:
    """The region of a face from a detector's box, turned by its "right_eye" and "left_eye" if there are any."""
    centre = (box.xyxy[:2] + box.xyxy[2:]) / 2
    side = max(_MIN_SIDE_PX, 1.5 * max(box.size_wh))
    roll = 0.0
    if keypoints is not None and "right_eye" in keypoints.schema:
        eyes = keypoints["right_eye"], keypoints["left_eye"]
        roll = roll_of_eyes_deg(*eyes) if np.isfinite(eyes).all() else 0.0
    return CropTransform.around(centre, side, size_px, roll)

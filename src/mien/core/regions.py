"""Where a face is: the box and the upright square region that follow from its points.

Shared by the stages that propose a region (detection, tracking) and those that look into it (landmarks), so
that both mean the same region.

Convention:
    A box is the bounding box of the 98 points: brows to chin, ear to ear; no forehead, no hair.
    A detector's box holds the face from the hairline to the chin, ear to ear (as WIDER FACE marks it).
    A region is a square, turned with the head's roll. There are two kinds:
    a wide one, 1.5 times the face from hairline to chin (the tracker's, and MediaPipe's);
    a tight one, 1.25 times the longer side of the points' box (Mien's own landmark networks).
"""

from __future__ import annotations

from math import atan2, cos, degrees, radians, sin

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64
from mien.core.geometry import CropTransform
from mien.core.measures import Box, Landmarks

_SIDE_PER_DIAGONAL = 1.27
"""1.5 × the longer side of the whole face (hairline to chin), in diagonals of the box of the 98 points: measured
on 66 frontal faces (0.848 ± 0.024); the diagonal varies less with an open mouth or a turn than either side."""
_SHIFT_UP = 0.11
"""The whole face's middle lies this share of the box's height above the box's middle (same faces)."""
TIGHT_MARGIN = 1.25
"""Side of a tight region, in longer sides of the points' upright box."""
_POINTS_SHARE = 0.8
"""Height of the points' box as a share of the detector's box: as `lab.train.detector_boxes` teaches them."""
_MIN_SIDE_PX = 4.0


def roll_of_eyes_deg(right_eye_xy: npt.ArrayLike, left_eye_xy: npt.ArrayLike) -> float:
    """Head roll, degrees (`core.geometry`), of the line from the right to the left eye in the image."""
    dx, dy = np.asarray(left_eye_xy, dtype=np.float64) - np.asarray(right_eye_xy, dtype=np.float64)
    return -float(np.degrees(np.arctan2(dy, dx)))


def roll_of_face_deg(
    right_eye_xy: npt.ArrayLike, left_eye_xy: npt.ArrayLike, right_mouth_xy: npt.ArrayLike, left_mouth_xy: npt.ArrayLike
) -> float:
    """Head roll, degrees, of the eyes' line and of the line from the eyes' middle to the mouth's, by their lengths.

    The line down the face stays long where a turned head makes the eyes' line short and its direction chance.
    """
    (rx, ry), (lx, ly), (right_x, right_y), (left_x, left_y) = (
        np.asarray(p, dtype=np.float64).tolist() for p in (right_eye_xy, left_eye_xy, right_mouth_xy, left_mouth_xy)
    )
    down_x, down_y = (right_x + left_x - rx - lx) / 2, (right_y + left_y - ry - ly) / 2
    return -degrees(atan2(ly - ry - down_x, lx - rx + down_y))


def box_of_landmarks(landmarks: Landmarks, confidence: float) -> Box | None:
    """Bounding box of the finite points; None if fewer than two are finite."""
    xy = landmarks.xy[np.isfinite(landmarks.xy).all(axis=1)]
    if len(xy) < 2:
        return None
    return Box(np.concatenate([xy.min(axis=0), xy.max(axis=0)]), confidence)


def region_of_landmarks(landmarks: Landmarks, size_px: int) -> CropTransform | None:
    """The wide region of a face from its "wflw98" landmarks; None if an eye or too much else is NaN."""
    xy = landmarks.xy.astype(np.float64)
    known = np.isfinite(xy).all(axis=1)
    corners = landmarks.schema.groups["outer_eye_corners"]
    if known.sum() < len(xy) // 2 or not known[list(corners)].all():
        return None
    roll = roll_of_eyes_deg(xy[corners[0]], xy[corners[1]])
    image_from_upright, low, high = _upright_box(xy[known], roll)
    centre = (low + high) / 2 - [0.0, _SHIFT_UP * (high - low)[1]]
    side = max(_MIN_SIDE_PX, _SIDE_PER_DIAGONAL * float(np.hypot(*(high - low))))
    return CropTransform.around(image_from_upright @ centre, side, size_px, roll)


def tight_region_of_landmarks(landmarks: Landmarks, size_px: int) -> CropTransform | None:
    """The tight region from "wflw98" landmarks; None if an eye, a mouth corner or too much else is NaN."""
    frame = _upright_frame(landmarks)
    if frame is None:
        return None
    image_from_upright, low, high, roll = frame
    side = max(_MIN_SIDE_PX, TIGHT_MARGIN * float((high - low).max()))
    return CropTransform.around(image_from_upright @ ((low + high) / 2), side, size_px, roll)


def tight_region_of_detection(box: Box, keypoints: Landmarks | None, size_px: int) -> CropTransform:
    """A first guess of the tight region from a detector's box, turned by its eyes and mouth corners if there are any.

    The landmarks found in it give the true one.
    """
    roll = _roll_of_keypoints_deg(keypoints)
    width, height = box.size_wh
    a = np.radians(-roll)
    down = (1 - _POINTS_SHARE) / 2 * height * np.array([-np.sin(a), np.cos(a)])
    centre = (box.xyxy[:2] + box.xyxy[2:]).astype(np.float64) / 2 + down
    side = max(_MIN_SIDE_PX, TIGHT_MARGIN * max(width, _POINTS_SHARE * height))
    return CropTransform.around(centre, side, size_px, roll)


def tight_region_of_wide(wide: CropTransform, size_px: int) -> CropTransform:
    """The tight region of a face of usual proportions whose wide region is given."""
    linear = wide.image_from_crop[:, :2].astype(np.float64)
    scale = float(np.hypot(*linear[:, 0]))
    points_side = scale * wide.size_wh[0] / (_SIDE_PER_DIAGONAL * np.sqrt(2))
    down = linear[:, 1] / scale * _SHIFT_UP * points_side
    middle = [(n - 1) / 2 for n in wide.size_wh]
    roll = float(np.degrees(np.arctan2(linear[0, 1], linear[0, 0])))
    return CropTransform.around(wide.to_image(middle) + down, TIGHT_MARGIN * points_side, size_px, roll)


def detector_region_of_landmarks(landmarks: Landmarks, size_px: int) -> CropTransform | None:
    """The square that a detector would draw around a face with these landmarks, but turned with the head; else None."""
    frame = _upright_frame(landmarks)
    if frame is None:
        return None
    image_from_upright, low, high, roll = frame
    width, height = high[0] - low[0], (high[1] - low[1]) / _POINTS_SHARE
    centre = (low + high) / 2 - [0.0, (1 - _POINTS_SHARE) / 2 * height]
    return CropTransform.around(image_from_upright @ centre, max(_MIN_SIDE_PX, width, height), size_px, roll)


def _upright_frame(landmarks: Landmarks) -> tuple[Float64, Float64, Float64, float] | None:
    """`_upright_box` of the known points, and the roll; None if an eye, a mouth corner or too much else is NaN."""
    xy = landmarks.xy.astype(np.float64)
    known = np.isfinite(xy).all(axis=1)
    corners = [landmarks.schema.index(n) for n in ("right_eye_outer", "left_eye_outer", "mouth_right", "mouth_left")]
    if known.sum() < len(xy) // 2 or not known[corners].all():
        return None
    roll = roll_of_face_deg(*xy[corners])
    return (*_upright_box(xy[known], roll), roll)


def _upright_box(xy: Float64, roll_deg: float) -> tuple[Float64, Float64, Float64]:
    """(2, 2) image_from_upright, and the lowest and highest coordinates of the points in the upright frame."""
    a = radians(-roll_deg)
    image_from_upright = np.array([[cos(a), -sin(a)], [sin(a), cos(a)]])
    upright = xy @ image_from_upright
    return image_from_upright, upright.min(axis=0), upright.max(axis=0)


def _roll_of_keypoints_deg(keypoints: Landmarks | None) -> float:
    """Roll by a detector's key points: eyes and mouth corners, else eyes alone, else 0."""
    for names, roll in (
        (("right_eye", "left_eye", "mouth_right", "mouth_left"), roll_of_face_deg),
        (("right_eye", "left_eye"), roll_of_eyes_deg),
    ):
        if keypoints is not None and all(n in keypoints.schema for n in names):
            xy = [keypoints[n] for n in names]
            if np.isfinite(xy).all():
                return roll(*xy)
    return 0.0


def region_of_detection(box: Box, keypoints: Landmarks | None, size_px: int) -> CropTransform:
    """The wide region of a face from a detector's box, turned by its "right_eye" and "left_eye" if there are any."""
    centre = (box.xyxy[:2] + box.xyxy[2:]) / 2
    side = max(_MIN_SIDE_PX, 1.5 * max(box.size_wh))
    roll = 0.0
    if keypoints is not None and "right_eye" in keypoints.schema:
        eyes = keypoints["right_eye"], keypoints["left_eye"]
        roll = roll_of_eyes_deg(*eyes) if np.isfinite(eyes).all() else 0.0
    return CropTransform.around(centre, side, size_px, roll)

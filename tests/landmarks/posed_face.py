"""Landmarks of the metric face in a known pose, with eyes that look in a known direction."""

import numpy as np

from mien.core.geometry import default_camera, local_rotation, rotation_from_euler
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.landmarks.metric_face import load_metric_face

SIZE_WH = (1280, 720)
SCHEMA = load_schema("wflw98")
NAMES = {"outer": -0.5, "mid": 0.0, "inner": 0.5}


def face_points_mm(gaze: tuple[float, float], lid_gap_mm: float) -> "dict[str, np.ndarray]":  # type: ignore[type-arg]
    """Name → head frame: the points of the metric face, both pupils, and lids `lid_gap_mm` apart."""
    model = load_metric_face()
    points = {SCHEMA.names[i]: xyz for i, xyz in zip(model.indices, model.xyz_mm, strict=True)}
    direction = local_rotation(*gaze)[:, 2]
    for side, sign in (("left", 1), ("right", -1)):
        centre = model.left_eye_mm * [sign, 1, 1]
        points[f"{side}_pupil"] = centre + model.eye_radius_mm * direction
        middle = (points[f"{side}_eye_outer"] + points[f"{side}_eye_inner"]) / 2
        for part, along in NAMES.items():
            place = middle + np.array([along * -sign * 14, 0, 3])
            points[f"{side}_eye_upper_{part}"] = place + np.array([0, lid_gap_mm / 2, 0])
            points[f"{side}_eye_lower_{part}"] = place - np.array([0, lid_gap_mm / 2, 0])
    return points


def posed(
    yaw_pitch_roll: tuple[float, float, float],
    translation_mm: tuple[float, float, float],
    gaze: tuple[float, float] = (0, 0),
    lid_gap_mm: float = 9.0,
    noise_px: float = 0.0,
) -> FrameRecord:
    """A record without pixels; points that the metric face does not have are NaN."""
    rotation = rotation_from_euler(*yaw_pitch_roll)
    camera = default_camera(SIZE_WH)
    xy = np.full((98, 2), np.nan)
    for name, xyz in face_points_mm(gaze, lid_gap_mm).items():
        image = camera @ (rotation @ xyz + translation_mm)
        xy[SCHEMA.index(name)] = image[:2] / image[2]
    xy += np.random.default_rng(5).normal(0, 1, xy.shape) * noise_px
    known = np.isfinite(xy).all(axis=1)
    landmarks = Landmarks(xy, known.astype(np.float32), SCHEMA)  # type: ignore[arg-type]
    box = Box(np.concatenate([np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)]).astype(np.float32), 1.0)
    return FrameRecord(Stamp("posed", 0, 0), SIZE_WH, None, (Face(box, track_id=0, landmarks=landmarks),))

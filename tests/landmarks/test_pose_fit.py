"""The fit of a pose: its derivatives, its robustness, and starts that lead nowhere."""

import numpy as np

from mien.core.geometry import default_camera, rotation_from_euler
from mien.landmarks.metric_face import load_metric_face
from mien.landmarks.pose_fit import Pose, fit_pose, frontal_pose, linearise, moved

CAMERA = default_camera((1280, 720))
MODEL = load_metric_face().xyz_mm
WEIGHTS = load_metric_face().weights
POSE = Pose(rotation_from_euler(20, -10, 15), np.array([30.0, -20.0, 600.0]))


def seen(pose: Pose) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    camera = MODEL @ pose.rotation.T + pose.translation_mm
    return np.asarray(camera[:, :2] / camera[:, 2:] * CAMERA[0, 0] + CAMERA[:2, 2])


def test_derivatives_are_those_of_small_steps() -> None:
    line = linearise(MODEL, seen(POSE) + 2.0, WEIGHTS, CAMERA, POSE)
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-5
        numeric = (seen(moved(POSE, step)) - seen(moved(POSE, -step))) / 2e-5
        assert np.allclose(line.by_pose[:, :, k], numeric, rtol=1e-5, atol=1e-4)
    assert np.allclose(line.residual, -2.0)


def test_a_turn_stays_a_rotation() -> None:
    for size in (0.0, 1e-9, 0.3, 3.0):
        rotation = moved(POSE, np.array([size, -size, 0.5 * size, 0, 0, 0])).rotation
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)


def test_the_fit_finds_the_pose_from_a_frontal_start() -> None:
    xy = seen(POSE)
    fit = fit_pose(MODEL, xy, WEIGHTS, CAMERA, frontal_pose(MODEL, xy, CAMERA))
    assert fit is not None
    assert np.allclose(fit.pose.rotation, POSE.rotation, atol=1e-4)
    assert np.allclose(fit.pose.translation_mm, POSE.translation_mm, atol=0.1)
    assert fit.error_mm < 0.01


def test_a_start_behind_the_camera_and_a_face_that_looks_away_give_none() -> None:
    behind = Pose(POSE.rotation, POSE.translation_mm * [1, 1, -1])
    assert fit_pose(MODEL, seen(POSE), WEIGHTS, CAMERA, behind) is None
    away = Pose(rotation_from_euler(170, 0, 0), np.array([0.0, 0.0, 600.0]))
    assert fit_pose(MODEL, seen(away), WEIGHTS, CAMERA, away) is None

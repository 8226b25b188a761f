"""The bundle adjustment of the metric face, on photos of a face that is known."""

from pathlib import Path

import numpy as np

from mien.core.geometry import rotation_from_euler
from mien.lab.train import metric_face as fit
from mien.landmarks.metric_face import load_metric_face
from mien.landmarks.pose_fit import Pose

TRUTH = np.vstack([load_metric_face().xyz_mm, [[-31.5, 0, 0], [31.5, 0, 0]]])
CAMERA = np.array([[1500.0, 0, 250], [0, 1500, 250], [0, 0, 1]])


def views(noise_px: float = 0.0) -> tuple[fit.Views, list[Pose]]:
    rng = np.random.default_rng(0)
    poses, points = [], []
    for _ in range(40):
        angles = rng.normal(0, [18, 12, 6])
        poses.append(Pose(rotation_from_euler(*angles), np.array([0.0, 0.0, 1200.0])))
        camera = TRUTH @ poses[-1].rotation.T + poses[-1].translation_mm
        xy = camera[:, :2] / camera[:, 2:] * CAMERA[0, 0] + CAMERA[:2, 2]
        points.append(xy + rng.normal(size=xy.shape) * noise_px)
    return fit.Views(np.array(points), np.repeat(CAMERA[None], len(points), axis=0)), poses


def aligned(face: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """The face laid onto the truth by a similarity: what a bundle adjustment can know."""
    a, b = face - face.mean(axis=0), TRUTH - TRUTH.mean(axis=0)
    u, s, vt = np.linalg.svd(a.T @ b)
    return np.asarray(a @ u @ vt * (s.sum() / (a**2).sum()) + TRUTH.mean(axis=0))


def test_a_face_of_other_depth_is_corrected_by_the_photos() -> None:
    seen, _ = views(noise_px=0.3)
    prior = TRUTH * [1.05, 1.0, 1.25]
    face, _ = fit.adjust(seen, prior, fit.Plan())
    assert np.abs(aligned(prior) - TRUTH).max() > 3.0
    assert np.abs(aligned(face) - TRUTH).max() < 1.0
    assert np.nanmedian(fit.residuals(face, seen)) < 0.5


def test_the_basis_is_that_of_symmetric_faces() -> None:
    basis = fit.symmetric_basis()
    names = fit.point_names()
    face = (basis @ np.arange(1.0, basis.shape[1] + 1)).reshape(-1, 3)
    for name in names:
        twin = name.replace("right", "left")
        mirrored = face[names.index(twin)] * [-1, 1, 1]
        assert np.allclose(face[names.index(name)], mirrored) or "left" in name


def test_the_median_photo_has_pitch_zero() -> None:
    poses = [Pose(rotation_from_euler(y, 8, 0), np.array([0.0, 0.0, 1200.0])) for y in (-10, 0, 10)]
    tilted = fit.into_portrait_frame(TRUTH, poses)
    assert np.allclose(tilted[-2:, 0], [-31.5, 31.5])
    inner, tip = TRUTH[1], TRUTH[7]
    before = np.degrees(np.arctan2(*(tip - inner)[[1, 2]]))
    after = np.degrees(np.arctan2(*(tilted[7] - tilted[1])[[1, 2]]))
    assert abs((after - before) - 8) < 1.0


def test_the_written_file_is_the_shipped_form(tmp_path: Path) -> None:
    path = tmp_path / "face.toml"
    fit.write_face(path, TRUTH, np.array([1.0, 2.0]))
    shipped = Path(fit.__file__).parents[2] / "landmarks" / "metric_face.toml"
    start = "schema = "
    assert path.read_text().partition(start)[2] == shipped.read_text().partition(start)[2]

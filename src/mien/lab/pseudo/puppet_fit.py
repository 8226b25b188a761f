"""A rig laid onto a portrait: which of its people fits best, how the head stands, how deep the skin lies.

Only the depth and the movements come from the rig; where a place is in the picture comes from the portrait's points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator

from mien.core.arrays import Float32, Float64, Int64
from mien.errors import SourceError
from mien.lab.rigs.rig import Identity, Posed, Rig
from mien.landmarks.pose_fit import Pose, fit_pose, frontal_pose

_PORTRAIT_MM, _EYE_CORNERS_MM = 1200.0, 89.0
"""Portraits are taken from about here; outer eye corners of an average face (`metric_face.toml`)."""
_PEOPLE = 12
_USED = np.concatenate([np.arange(33, 96), [0, 32]])
_WEIGHTS = np.concatenate([np.full(18, 0.3), np.full(9, 1.0), np.full(16, 1.0), np.full(20, 0.3), np.full(2, 0.3)])
"""Brows and lips move with the expression, and the ears' ends are marked differently: they count less."""
_WORST_MM = 9.0
_FACING = 0.3
"""Cosine between skin and camera below which a place is not used: it is nearly edge-on."""
_SMOOTHING = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A rig's person on a portrait.

    Attributes:
        rig, identity: who.
        rest: at rest.
        camera: (3, 3) intrinsics, px.
        pose: where the head is.
        error_mm: how far person and points lie apart.
        vertices: (S,) numbers of skin vertices that the camera sees.
        vertices_xy: (S, 2) float64 px of the portrait: where they are in it.
    """

    rig: Rig
    identity: Identity
    rest: Posed
    camera: Float64
    pose: Pose
    error_mm: float
    vertices: Int64
    vertices_xy: Float64

    def depth_mm(self, head_mm: npt.ArrayLike) -> Float64:
        """(N,) distance from the camera along its axis, of (N, 3) places in the head frame."""
        z = np.asarray(head_mm, np.float64) @ self.pose.rotation[2] + self.pose.translation_mm[2]
        return np.asarray(z, dtype=np.float64)

    def head_places(self, xy: Float64, depth_mm: Float64) -> Float64:
        """(N, 3) mm in the head frame of (N, 2) px seen at a depth."""
        ray = (xy - self.camera[:2, 2]) / self.camera[0, 0]
        camera_mm = np.column_stack([ray * depth_mm[:, None], depth_mm])
        return np.asarray((camera_mm - self.pose.translation_mm) @ self.pose.rotation)


def lay(rig: Rig, xy: Float32, size_wh: tuple[int, int]) -> Laid:
    """Lay a rig onto the 98 points of a portrait.

    Raises:
        SourceError: none of its people fits within 9 mm (not a face seen from about the front).
    """
    points = xy.astype(np.float64)
    eyes = float(np.linalg.norm(points[60] - points[72]))
    focal = _PORTRAIT_MM / _EYE_CORNERS_MM * max(eyes, 1.0)
    camera = np.array([[focal, 0, (size_wh[0] - 1) / 2], [0, focal, (size_wh[1] - 1) / 2], [0, 0, 1]])
    best: tuple[float, Pose, Identity, Posed] | None = None
    for seed in range(_PEOPLE):
        identity, rest = _person(rig, seed)  # type: ignore[arg-type]  # rigs are hashable objects
        model = rest.points[_USED].astype(np.float64)
        fit = fit_pose(model, points[_USED], _WEIGHTS, camera, frontal_pose(model, points[_USED], camera))
        if fit is not None and (best is None or fit.error_mm < best[0]):
            best = fit.error_mm, fit.pose, identity, rest
    if best is None or best[0] > _WORST_MM:
        found = "none" if best is None else f"{best[0]:.1f} mm off"
        raise SourceError(f"puppet: no person of the rig {rig.name} fits these points ({found}): take a frontal face")
    error, pose, identity, rest = best
    seen = _seen_vertices(rig, rest, pose)
    model_xy = _project(rest.points[:96], pose, camera)
    onto = RBFInterpolator(model_xy, points[:96] - model_xy, kernel="thin_plate_spline", smoothing=_SMOOTHING)
    vertices_xy = _project(rest.vertices[seen], pose, camera)
    return Laid(rig, identity, rest, camera, pose, error, seen, vertices_xy + onto(vertices_xy))


@lru_cache(maxsize=4 * _PEOPLE)
def _person(rig: Rig, seed: int) -> tuple[Identity, Posed]:
    identity = rig.identity(np.random.default_rng(seed))
    return identity, rig.pose(identity, np.zeros(52, np.float32))


def _project(head_mm: npt.ArrayLike, pose: Pose, camera: Float64) -> Float64:
    camera_mm = np.asarray(head_mm, np.float64) @ pose.rotation.T + pose.translation_mm
    image = camera_mm @ camera.T
    return np.asarray(image[:, :2] / image[:, 2:])


def _seen_vertices(rig: Rig, rest: Posed, pose: Pose) -> Int64:
    """Numbers of skin vertices that face the camera."""
    mesh = rig.mesh
    skin = mesh.triangles[mesh.triangle_material == mesh.materials.index("skin")]
    corners = rest.vertices[skin].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros((len(rest.vertices), 3))
    for k in range(3):
        np.add.at(total, skin[:, k], normal)
    length = np.linalg.norm(total, axis=1)
    away = (total @ pose.rotation.T)[:, 2] / np.maximum(length, 1e-9)
    return np.flatnonzero((length > 0) & (away < -_FACING)).astype(np.int64)


def thinned(xy: Float64, spacing_px: float, taken: Sequence[Float64] = ()) -> Int64:
    """Numbers of points that keep a distance from each other and from points that are taken already."""
    cells: dict[tuple[int, int], list[Float64]] = {}

    def free(point: Float64) -> bool:
        i, j = (int(v // spacing_px) for v in point)
        near = (p for di in (-1, 0, 1) for dj in (-1, 0, 1) for p in cells.get((i + di, j + dj), ()))
        return all(float(np.hypot(*(point - p))) >= spacing_px for p in near)

    def put(point: Float64) -> None:
        cells.setdefault((int(point[0] // spacing_px), int(point[1] // spacing_px)), []).append(point)

    for group in taken:
        for point in group:
            put(point)
    kept = []
    for i, point in enumerate(xy):
        if free(point):
            put(point)
            kept.append(i)
    return np.array(kept, dtype=np.int64)

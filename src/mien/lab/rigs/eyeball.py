"""A plain eyeball with an iris and a pupil, for rigs whose own is too coarse to show one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.avatar.builtin_mesh import loft
from mien.core.arrays import Float32, Float64, Int64
from mien.lab.rigs.rig import Eyes, Mesh

AROUND = 32
PUPIL_DEG, IRIS_DEG = 9.5, 27.0
_RINGS_DEG = (0.01, 5.0, PUPIL_DEG, 14.0, 20.0, 24.0, IRIS_DEG, 36.0, 48.0, 62.0, 78.0, 95.0, 115.0, 140.0, 179.9)


def unit_eyeball() -> tuple[Float32, npt.NDArray[np.int32]]:
    """(V, 3) vertices of radius 1 that look along +z, and (F, 3) triangles, right side out."""
    theta, angle = np.radians(_RINGS_DEG)[:, None], np.arange(AROUND)[None] * 2 * np.pi / AROUND
    sine, ahead = np.sin(theta), np.broadcast_to(np.cos(theta), (len(theta), AROUND))
    xyz = np.stack([sine * np.cos(angle), sine * np.sin(angle), ahead], axis=-1).reshape(-1, 3)
    triangles = loft(len(_RINGS_DEG), AROUND)[:, ::-1]
    return xyz.astype(np.float32), np.ascontiguousarray(triangles, dtype=np.int32)


def degrees_from_gaze(vertices: Float64, triangles: npt.NDArray[np.int32], rows: Int64) -> Float64:
    """(F,) angle between +z and the middle of each triangle, seen from the middle of the vertices `rows`."""
    centre = (vertices[rows].min(axis=0) + vertices[rows].max(axis=0)) / 2
    middle = vertices[triangles].mean(axis=1) - centre
    cosine = middle[:, 2] / np.maximum(np.linalg.norm(middle, axis=1), 1e-12)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def eye_materials(degrees: Float64, pupil_deg: float = PUPIL_DEG, iris_deg: float = IRIS_DEG) -> list[str]:
    """A material for each triangle of an eyeball that looks along +z."""
    return ["pupil" if d < pupil_deg else "iris" if d < iris_deg else "sclera" for d in degrees]


def eyes_of(mesh: Mesh, neutral: Float32, left: Int64, right: Int64) -> Eyes:
    """The eyeballs of a mesh; a ball without triangles of "pupil" has its pupil at its foremost vertex."""
    code = mesh.materials.index("pupil") if "pupil" in mesh.materials else -1
    marked = np.unique(mesh.triangles[mesh.triangle_material == code])
    pupils = []
    for ball in (left, right):
        own = marked[np.isin(marked, ball)]
        front = ball[[int(np.argmax(neutral[ball, 2]))]]
        pupils.append(np.asarray(own if len(own) else front, dtype=np.int64))
    return Eyes(left, right, pupils[0], pupils[1])

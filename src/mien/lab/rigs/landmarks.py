"""The 98 WFLW points on a mesh: where they are on the skin, and what a camera sees of them.

A point is a place in a triangle (three vertex numbers and their weights), so that it follows every person and every
shape. A contour point is a row of such places, inwards to the cheek and back to the ear and the edge of the jaw: as
a head turns, people mark the outline they see in front of the ear, so the point slides to the outermost place.
Pupils follow the eyeballs. The definitions are one data file per topology (`points_NAME.toml`); they hold numbers of
vertices, never coordinates.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Int64
from mien.lab.rigs.occlusion import hidden_points
from mien.lab.rigs.rig import Mesh, Posed

ON_SKIN = 96
"""Points 0–95 lie on the skin; 96 and 97 are the pupils (right, left)."""
LID_PAIRS = ((61, 67), (62, 66), (63, 65), (69, 75), (70, 74), (71, 73))
LIP_PAIRS = ((89, 95), (90, 94), (91, 93))
MARGINS_MM = np.concatenate([np.full(33, 20.0), np.full(63, 6.0), np.full(2, 0.5)]).astype(np.float32)
"""How much nearer something must be to hide a point. Contour points lie where the skin turns away, and skin beside
them is nearer; pupils lie right behind the lids."""
MARGINS_MM.flags.writeable = False
_OUTSIDE_MM = 3.0
_SEE_THROUGH = frozenset({"sclera", "iris", "pupil", "eye", "glint", "lashes", "brow"})
"""Materials that hide no point: a point on or under them is still marked."""
_FIVE = (tuple(range(60, 68)), tuple(range(68, 76)), (54,), (76,), (82,))


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """Where the points of a topology are.

    Attributes:
        vertices: (96, 3) int64 vertex numbers.
        weights: (96, 3) float32, each row sums to 1.
        contour_vertices: (33, S, 3) int64.
        contour_weights: (33, S, 3) float32.
    """

    vertices: Int64
    weights: Float32
    contour_vertices: Int64
    contour_weights: Float32

    def points(self, vertices: Float32) -> Float32:
        """(96, 3) of (V, 3)."""
        return np.asarray((vertices[self.vertices] * self.weights[..., None]).sum(axis=1), dtype=np.float32)

    def contour(self, vertices: Float32) -> Float32:
        """(33, S, 3) of (V, 3)."""
        places = vertices[self.contour_vertices] * self.contour_weights[..., None]
        return np.asarray(places.sum(axis=2), dtype=np.float32)


def load_definition(topology: str) -> Definition:
    """Read `points_TOPOLOGY.toml`.

    Raises:
        KeyError: there is no such file.
        ValueError: it does not have 96 points and 33 rows of places.
    """
    file = files("mien.lab.rigs") / f"points_{topology}.toml"
    if not file.is_file():
        raise KeyError(f"there is no definition of landmarks for {topology!r}")
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    points = np.array(table["points"], dtype=np.float64)
    contour = np.array(table["contour"], dtype=np.float64)
    if points.shape != (ON_SKIN, 5) or contour.shape[::2] != (33, 5):
        raise ValueError(f"points_{topology}.toml: expected 96 points and 33 rows of places, got {points.shape}")
    return Definition(*_split(points), *_split(contour))


def _split(rows: npt.NDArray[np.float64]) -> tuple[Int64, Float32]:
    """(..., 5): three vertex numbers, two weights → numbers and three weights."""
    last = 1.0 - rows[..., 3:].sum(axis=-1, keepdims=True)
    return rows[..., :3].astype(np.int64), np.concatenate([rows[..., 3:], last], axis=-1).astype(np.float32)


def meet(points: Float32) -> None:
    """Lids and lips touch but do not pass through each other; (98, 3), in place."""
    for upper, lower in (*LID_PAIRS, *LIP_PAIRS):
        if points[upper, 1] < points[lower, 1]:
            points[[upper, lower]] = (points[upper] + points[lower]) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """The 98 points in a picture.

    Attributes:
        xy: (98, 2) float32 px.
        camera_mm: (98, 3) float32 in the camera frame.
        hidden: (98,) bool: the face itself is in front of the point (other occluders are the renderer's to add).
    """

    xy: Float32
    camera_mm: Float32
    hidden: npt.NDArray[np.bool_]

    @property
    def five_xy(self) -> Float32:
        """(5, 2) px: right eye, left eye, nose tip, right and left corner of the mouth (the subject's own).

        An eye is the mean of its lid points, as usual where five points are made of 98.
        """
        return five_points(self.xy)


def five_points(points: Float32) -> Float32:
    """(5, D) of (98, D): see `Projected.five_xy`."""
    return np.array([points[list(which)].mean(axis=0) for which in _FIVE], dtype=np.float32)


HiddenTest = Callable[[Float32], npt.NDArray[np.bool_]]
"""(98, 3) points in the camera frame, mm → (98,) bool: something is in front of them.

Contour points are asked for a little outside of the outline.
"""


def project(
    posed: Posed,
    rotation: npt.ArrayLike,
    translation_mm: npt.ArrayLike,
    intrinsics: npt.ArrayLike,
    hidden: HiddenTest | Mesh,
) -> Projected:
    """See the points with a camera; contour points slide to the outline.

    Args:
        posed: a person making a face.
        rotation: (3, 3) camera_from_head.
        translation_mm: (3,) the head's origin in the camera frame.
        intrinsics: (3, 3).
        hidden: the mesh of the rig, or a test of the renderer's own (a look into its z-buffer, with `MARGINS_MM`).
    """
    r = np.asarray(rotation, dtype=np.float64)
    t = np.asarray(translation_mm, dtype=np.float64)
    k = np.asarray(intrinsics, dtype=np.float64)
    points = posed.points.astype(np.float64)
    middle = points[:33].mean(axis=0)
    reach = _picture(posed.contour @ r.T + t, k)
    outwards = _outwards(points[:33], middle) @ r.T
    best = np.argmax(np.einsum("csk,ck->cs", reach, outwards[:, :2]), axis=1)
    points[:33] = posed.contour[np.arange(33), best]
    camera = points @ r.T + t
    for half in (slice(0, 17), slice(16, 33)):
        camera[half] = _evenly(camera[half], _picture(camera[half], k))
    seen = camera.astype(np.float32)
    # On the outline itself a bulge of the same cheek may be in front; just outside of it nothing of the face is.
    outside = camera.copy()
    outside[:33, :2] += _OUTSIDE_MM * outwards[:, :2]
    probe = outside.astype(np.float32)
    if isinstance(hidden, Mesh):
        clear = [i for i, name in enumerate(hidden.materials) if name in _SEE_THROUGH]
        solid = hidden.triangles[~np.isin(hidden.triangle_material, clear)]
        covered = hidden_points(probe, (posed.vertices @ r.T + t).astype(np.float32), solid, MARGINS_MM)
    else:
        covered = hidden(probe)
    return Projected(_picture(camera, k).astype(np.float32), seen, covered)


def _picture(camera: npt.NDArray[np.float64], k: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    h = camera @ k.T
    return np.asarray(h[..., :2] / h[..., 2:])


def _evenly(camera: npt.NDArray[np.float64], xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Move points along the line they form so that their distances in the picture are equal; the ends stay.

    People space the contour evenly between ear and chin; slid points bunch where the outline bends away.
    """
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(xy, axis=0), axis=1))])
    wanted = np.linspace(0.0, length[-1], len(length))
    return np.stack([np.interp(wanted, length, camera[:, axis]) for axis in range(3)], axis=1)


def _outwards(contour: npt.NDArray[np.float64], middle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(33, 3): straight sideways down to the height of the mouth, turning downwards around the chin."""
    out = contour - middle
    knee = contour[8, 1] * 0.5 + contour[24, 1] * 0.5
    out[:, 1] = np.minimum(contour[:, 1] - knee, 0.0)
    out[:, 2] = 0.0
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9))

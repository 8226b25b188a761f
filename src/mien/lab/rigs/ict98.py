"""The 98 WFLW points on the ICT topology, and how they project.

Points that the rig's own 68 Multi-PIE landmarks name are taken from there; the other thirty are found on the
neutral face by search: lid points by arc length along the lid margin, lower brow edges below the upper ones,
contour points between their neighbours. Vertex numbers are annotations; no coordinates are kept here.
A contour point slides inwards to the silhouette when the head turns, as annotators and trackers place it.
Pupils are points on eyeballs that turn with the gaze.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Int64
from mien.core.schema import load_schema
from mien.lab.rigs.ict import IctRig, load_ict

LEFT_LID_UPPER = (*range(3742, 3752), 4130, 3752, *range(3754, 3761), 3721)
"""The upper lid margin of the subject's left eye from the inner to the outer corner."""
LEFT_LID_LOWER = (3742, *range(3741, 3737, -1), *range(3736, 3720, -1))
BROW_HEIGHT_MM = (6.0, 8.0, 9.0, 9.0)
"""Lower brow edge below the upper one: from the second point of the tail to the inner end."""
SLIDE = 9
"""Places a contour point can slide to, itself included."""
PUPIL_RADIUS_MM = 16.5


@dataclass(frozen=True, slots=True, eq=False)
class Points98:
    """Rig vertex numbers of the WFLW points.

    Attributes:
        vertices: (96,) int64: points 0–95.
        slides: (33, SLIDE) int64: for each contour point, itself and places further in.
    """

    vertices: Int64
    slides: Int64

    @property
    def needed(self) -> Int64:
        """Every vertex number that occurs."""
        return np.asarray(np.unique(np.concatenate([self.vertices, self.slides.ravel()])), dtype=np.int64)


def find_points(rig: IctRig) -> Points98:
    """The points of a rig; only its neutral face and landmarks are read."""
    xyz = rig.full_neutral.astype(np.float64)
    face = np.arange(9409)
    out = np.full(96, -1, dtype=np.int64)
    schema = load_schema("wflw98")
    out[np.array(schema.groups["ibug68"])] = rig.landmarks68
    for i in range(1, 32, 2):
        out[i] = _nearest(xyz, face, (xyz[out[i - 1]] + xyz[out[i + 1]]) / 2)
    for point, (line, share) in _LIDS.items():
        out[point] = line[_at_share(xyz[list(line)], share)]
    for lower, upper, drop in zip((47, 48, 49, 50), (45, 44, 43, 42), BROW_HEIGHT_MM, strict=True):
        out[lower] = _below(xyz, face, xyz[out[upper]], drop)
    mirror = schema.mirror
    for i in (*range(38, 42), *range(61, 64), *range(65, 68)):
        out[i] = _nearest(xyz, face, xyz[out[mirror[i]]] * [-1, 1, 1])
    return Points98(out, np.stack([_slide(xyz, face, out[i]) for i in range(33)]))


_LIDS = {
    69: (LEFT_LID_UPPER, 0.25),
    70: (LEFT_LID_UPPER, 0.5),
    71: (LEFT_LID_UPPER, 0.75),
    73: (LEFT_LID_LOWER, 0.75),
    74: (LEFT_LID_LOWER, 0.5),
    75: (LEFT_LID_LOWER, 0.25),
}


def _at_share(line_xyz: npt.NDArray[np.float64], share: float) -> int:
    """Index of the point nearest to a share of the line's length."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line_xyz, axis=0), axis=1))])
    return int(np.argmin(np.abs(length - share * length[-1])))


def _nearest(xyz: npt.NDArray[np.float64], among: Int64, target: npt.NDArray[np.float64]) -> int:
    return int(among[np.argmin(np.linalg.norm(xyz[among] - target, axis=1))])


def _below(xyz: npt.NDArray[np.float64], among: Int64, start: npt.NDArray[np.float64], drop_mm: float) -> int:
    """The skin vertex nearest in the frontal view to a place `drop_mm` under `start`."""
    front = among[xyz[among, 2] > start[2] - 20.0]
    return int(front[np.argmin(np.linalg.norm(xyz[front, :2] - start[:2] + [0.0, drop_mm], axis=1))])


def _slide(xyz: npt.NDArray[np.float64], among: Int64, point: int) -> Int64:
    """The contour point and skin vertices further in, on the line towards the middle of the face.

    The middle is level with the point down to the mouth, so that slides are horizontal bands on the sides
    and turn downwards around the chin.
    """
    start = xyz[point]
    middle = np.array([0.0, max(start[1], -60.0), 0.0])
    steps = np.linspace(0.0, 0.45, SLIDE)
    skin = among[xyz[among, 2] >= start[2] - 2.0]
    places = []
    for t in steps:
        target = start[:2] + t * (middle[:2] - start[:2])
        near = skin[np.linalg.norm(xyz[skin, :2] - target, axis=1) < 4.0]
        places.append(int(near[np.argmin(np.linalg.norm(xyz[near, :2] - target, axis=1))]) if len(near) else point)
    places[0] = point
    return np.array(places, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Rig98:
    """A rig reduced to what the 98 points need.

    Attributes:
        rig: with only the needed vertices.
        rows: (96,) int64: rows of `rig` for points 0–95.
        slide_rows: (33, SLIDE) int64.
    """

    rig: IctRig
    rows: Int64
    slide_rows: Int64

    def shape(self, identity: npt.ArrayLike, expression: npt.ArrayLike, gaze_deg: npt.ArrayLike) -> Shape98:
        """Faces in the head frame of each.

        Args:
            identity: (B, 100) weights.
            expression: (B, 57) weights.
            gaze_deg: (B, 2, 2): left and right eye, (yaw, pitch) as in `core.measures.Gaze`.
        """
        vertices = self.rig.face(identity, expression)
        centres = self.rig.eye_centres(identity)
        yaw, pitch = np.moveaxis(np.radians(np.asarray(gaze_deg, dtype=np.float32)), -1, 0)
        ahead = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=-1)
        pupils = centres + np.float32(PUPIL_RADIUS_MM) * ahead
        points = np.concatenate([vertices[:, self.rows], pupils[:, ::-1]], axis=1)
        middle = centres.mean(axis=1)[:, None]
        slides = vertices[:, self.slide_rows] - middle[:, None]
        return Shape98(_closed(points - middle), slides)


@dataclass(frozen=True, slots=True, eq=False)
class Shape98:
    """Faces in their head frames.

    Attributes:
        points: (B, 98, 3) float32, mm.
        slides: (B, 33, SLIDE, 3) float32, mm: where contour points can go.
    """

    points: Float32
    slides: Float32

    def project(self, rotation: npt.ArrayLike, translation_mm: npt.ArrayLike, focal_px: npt.ArrayLike) -> Float32:
        """(B, 98, 2) float32 px about the principal point, x right, y down; silhouettes applied.

        Args:
            rotation: (B, 3, 3) camera_from_head.
            translation_mm: (B, 3) of the head's origin in the camera frame.
            focal_px: (B,).
        """
        r = np.asarray(rotation, dtype=np.float32)
        t = np.asarray(translation_mm, dtype=np.float32)
        f = np.asarray(focal_px, dtype=np.float32)[:, None, None]
        camera = self.points @ r.transpose(0, 2, 1) + t[:, None]
        xy = camera[..., :2] / camera[..., 2:] * f
        flat = self.slides.reshape(len(t), -1, 3) @ r.transpose(0, 2, 1) + t[:, None]
        slides = (flat[..., :2] / flat[..., 2:] * f).reshape(*self.slides.shape[:3], 2)
        outwards = _outwards(self.points) @ r.transpose(0, 2, 1)
        reach = np.einsum("bisk,bik->bis", slides, outwards[..., :2])
        best = np.argmax(reach, axis=2)
        xy[:, :33] = np.take_along_axis(slides, best[:, :, None, None], axis=2)[:, :, 0]
        return np.asarray(xy, dtype=np.float32)


def _outwards(points: Float32) -> Float32:
    """(B, 33, 3): from the middle of the face to each contour point, across the view axis."""
    contour = points[:, :33].copy()
    contour[..., 1] = np.minimum(contour[..., 1] + 60.0, 0.0)
    contour[..., 2] = 0.0
    return np.asarray(contour / np.maximum(np.linalg.norm(contour, axis=-1, keepdims=True), 1e-6), dtype=np.float32)


_UPPER_LOWER = ((61, 67), (62, 66), (63, 65), (69, 75), (70, 74), (71, 73), (89, 95), (90, 94), (91, 93))
"""Points that touch when lids or lips close."""


def _closed(points: Float32) -> Float32:
    """Lids and lips meet but do not pass through each other."""
    for upper, lower in _UPPER_LOWER:
        crossed = points[:, upper, 1] < points[:, lower, 1]
        middle = (points[:, upper] + points[:, lower]) / 2
        points[:, upper][crossed] = middle[crossed]
        points[:, lower][crossed] = middle[crossed]
    return points


def load_rig98(folder: str) -> Rig98:
    """The rig in `folder`, reduced to the 98 points. Raises `SourceError` as `load_ict` does."""
    points = find_points(load_ict(folder, vertices=[0]))
    rig = load_ict(folder, vertices=points.needed)
    return Rig98(rig, rig.rows(points.vertices), rig.rows(points.slides))

"""Real faces seen from the side: a portrait becomes a relief over its 98 points and is turned ("face profiling", Zhu et
al. 2016, 300W-LP). Real skin in poses that no teacher can label; far from the portrait the relief is cardboard.

A rig laid onto the points gives the depth; what the turned relief hides is hidden, what it cannot show is filled from
another photograph. Contour points slide to the outline as in drawn faces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay, cKDTree

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import CropTransform, euler_from_rotation, local_rotation
from mien.lab.pseudo.puppet_fit import Laid, lay, thinned
from mien.lab.rigs.landmarks import project
from mien.lab.rigs.rig import Posed, Rig

MOST_TURN_DEG = 55.0
"""Further round, the relief shows more stretched skin than face."""
_SPACING, _OUTER_SPACING = 0.06, 0.14
"""Distance of the relief's points on the face and around it, in distances of the outer eye corners."""
_SLOPE, _BACK_MM = 0.7, -115.0
"""Around the face the relief falls back so much per mm sideways, down to this depth of the head frame."""
_HIDDEN_MM = 14.0
_SLIDES = 0.5
"""On the near side the contour slides only so far towards the ear: the relief's cheek ends where the portrait's did."""
_SHIFT = 4
_ROOM = 1.9
"""Side of the picture that comes out, in longer sides of the points' box."""


@dataclass(frozen=True, slots=True, eq=False)
class TurnedFace:
    """A turned portrait.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        landmarks_xy: (98, 2) float32 px, schema "wflw98"; all inside.
        visible: (98,) float32, 0 = behind other parts of the face, 1 = can be seen; NaN of the contour: not known.
        pose_ypr_deg: (3,) float32 of the turned head.
        covered: share of the face's box that shows pixels of the portrait.
        unit_px: distance of the portrait's outer eye corners at this size.
    """

    image: UInt8
    landmarks_xy: Float32
    visible: Float32
    pose_ypr_deg: Float32
    covered: float
    unit_px: float


class Relief:
    """A portrait with depth.

    Args:
        image: (H, W, 3) uint8 RGB, with some room around the head.
        landmarks_xy: (98, 2) px.
        rig: gives the depth.

    Raises:
        SourceError: no person of the rig fits the points.
    """

    def __init__(self, image: UInt8, landmarks_xy: Float32, rig: Rig) -> None:
        self.image = image
        size = (image.shape[1], image.shape[0])
        self._laid = laid = lay(rig, landmarks_xy, size)
        points = landmarks_xy.astype(np.float64)
        rest_mm = laid.rest.points.astype(np.float64)
        skin = _skin(laid, points)
        xy = np.concatenate([points[:96], laid.vertices_xy[skin]])
        places = np.concatenate(
            [
                laid.head_places(points[:96], laid.depth_mm(rest_mm[:96])),
                laid.head_places(laid.vertices_xy[skin], laid.depth_mm(laid.rest.vertices[laid.vertices[skin]])),
            ]
        )
        outer_xy, outer_mm = _around(laid, xy, places, points, size)
        self.xy = np.concatenate([xy, outer_xy])
        self.places = np.concatenate([places, outer_mm])
        self.triangles = Delaunay(self.xy).simplices.astype(np.int32)
        self._posed = _deformed(laid, points)

    @property
    def pose_ypr_deg(self) -> Float32:
        """(3,) of the portrait's head."""
        return euler_from_rotation(self._laid.pose.rotation)

    def turned(self, head_deg: tuple[float, float, float], size_px: int, behind: UInt8) -> TurnedFace:
        """Turn the head and take its picture.

        Args:
            head_deg: yaw, pitch, roll added to the portrait's own pose, the head turned about itself.
            size_px: side of the picture.
            behind: (any, any, 3) uint8 RGB: what is seen where the portrait shows nothing.
        """
        laid = self._laid
        rotation = laid.pose.rotation @ local_rotation(*head_deg)
        camera_mm = self.places @ rotation.T + laid.pose.translation_mm
        posed = _with_edge(self._posed, right_is_near=bool(rotation[2, 0] > 0))
        seen = project(posed, rotation, laid.pose.translation_mm, laid.camera, lambda p: np.zeros(len(p), bool))
        low, high = seen.xy.min(axis=0), seen.xy.max(axis=0)
        side = _ROOM * float(max(high - low))
        crop = CropTransform.around((low + high) / 2, side, size_px, 0.0)
        unit = float(np.linalg.norm(self.xy[60] - self.xy[72])) * size_px / side
        moved = crop.to_crop(((camera_mm @ laid.camera.T)[:, :2] / camera_mm[:, 2:]).astype(np.float32))
        image, which = self._drawn(moved.astype(np.float64), camera_mm[:, 2], size_px, behind)
        xy = np.asarray(crop.to_crop(seen.xy), np.float32)
        nearest = _depth_at(which, camera_mm[:, 2][self.triangles].mean(axis=1), xy)
        visible = (seen.camera_mm[:, 2] < nearest + _HIDDEN_MM).astype(np.float32)
        visible[:33] = np.nan
        box = np.concatenate([xy.min(axis=0), xy.max(axis=0)]).round().astype(int).clip(0, size_px - 1)
        part = which[box[1] : box[3] + 1, box[0] : box[2] + 1]
        return TurnedFace(image, xy, visible, euler_from_rotation(rotation), float((part >= 0).mean()), unit)

    def _drawn(self, moved: Float64, depth: Float64, size: int, behind: UInt8) -> tuple[UInt8, npt.NDArray[np.int32]]:
        """The picture, and the number of the triangle that every pixel shows, -1 = none."""
        which = np.full((size, size), -1, dtype=np.int32)
        corners = np.round(moved[self.triangles] * (1 << _SHIFT)).astype(np.int32)
        for i in np.argsort(-depth[self.triangles].mean(axis=1)).tolist():  # the nearest last
            cv2.fillConvexPoly(which, corners[i], i, shift=_SHIFT)
        out = np.asarray(cv2.resize(behind, (size, size), interpolation=cv2.INTER_AREA), np.uint8).copy()
        ys, xs = np.nonzero(which >= 0)
        of, to = moved[self.triangles], self.xy[self.triangles]
        affine = _affine(of, to)[which[ys, xs]]
        back = np.einsum("nij,nj->ni", affine, np.stack([xs, ys, np.ones_like(xs)], axis=1).astype(np.float64))
        h, w = self.image.shape[:2]
        whole = np.zeros((size, size, 2), np.float32)
        whole[ys, xs] = back.clip(0, [w - 1, h - 1])
        out[ys, xs] = cv2.remap(self.image, whole[..., 0], whole[..., 1], cv2.INTER_LINEAR)[ys, xs]
        return out, which


def _skin(laid: Laid, points: Float64) -> npt.NDArray[np.int64]:
    """Positions in `laid.vertices` of the relief's points on the face, the nearest ones first."""
    unit = float(np.linalg.norm(points[60] - points[72]))
    order = np.argsort(laid.depth_mm(laid.rest.vertices[laid.vertices]), kind="stable")
    inside = _within(points, laid.vertices_xy[order], unit)
    order = order[inside]
    chosen = thinned(laid.vertices_xy[order], _SPACING * unit, [points[:96]])
    return np.asarray(order[chosen], np.int64)


def _within(points: Float64, xy: Float64, unit: float) -> npt.NDArray[np.bool_]:
    """(N,) bool: inside the contour and the forehead."""
    up = points[60:76].mean(axis=0) - points[16]
    up = up / max(float(np.linalg.norm(up)), 1e-6)
    outline = cv2.convexHull(np.concatenate([points[:51], points[33:51] + 0.5 * unit * up]).astype(np.float32))
    return np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), False) > 0 for x, y in xy], bool)


def _around(
    laid: Laid, xy: Float64, places: Float64, points: Float64, size_wh: tuple[int, int]
) -> tuple[Float64, Float64]:
    """Points around the face, px and mm: the relief falls back from the nearest point of the face."""
    unit = float(np.linalg.norm(points[60] - points[72]))
    w, h = size_wh
    grid = np.stack(
        np.meshgrid(
            np.linspace(-0.5, w - 0.5, max(int(w / (_OUTER_SPACING * unit)), 2) + 1),
            np.linspace(-0.5, h - 0.5, max(int(h / (_OUTER_SPACING * unit)), 2) + 1),
        ),
        axis=2,
    ).reshape(-1, 2)
    tree = cKDTree(xy)
    far, nearest = tree.query(grid)
    keep = (far > 0.5 * _OUTER_SPACING * unit) & ~_within(points, grid, unit)
    grid, far, nearest = grid[keep], far[keep], nearest[keep]
    px_per_mm = laid.camera[0, 0] / float(laid.pose.translation_mm[2])
    z = np.maximum(places[nearest, 2] - _SLOPE * far / px_per_mm, np.minimum(_BACK_MM, places[nearest, 2]))
    ray = (grid - laid.camera[:2, 2]) / laid.camera[0, 0]
    direction = np.column_stack([ray, np.ones(len(ray))]) @ laid.pose.rotation
    origin = -laid.pose.rotation.T @ laid.pose.translation_mm
    reach = (z - origin[2]) / direction[:, 2]
    return grid, origin + direction * reach[:, None]


def _deformed(laid: Laid, points: Float64) -> Posed:
    """The rig's person with its 98 points where the portrait has them."""
    rest = laid.rest
    at = laid.head_places(points, laid.depth_mm(rest.points))
    moved = (at - rest.points).astype(np.float32)
    contour = rest.contour + moved[:33, None]
    return replace(rest, points=at.astype(np.float32), contour=contour)


def _with_edge(posed: Posed, *, right_is_near: bool) -> Posed:
    """The contour's places of the near side drawn half way back to where the portrait has them."""
    near = slice(0, 16) if right_is_near else slice(17, 33)
    contour = posed.contour.copy()
    contour[near] = posed.contour[near, :1] + _SLIDES * (posed.contour[near] - posed.contour[near, :1])
    return replace(posed, contour=contour)


def _depth_at(which: npt.NDArray[np.int32], depth: Float64, xy: Float32) -> Float64:
    """(P,) depth of the relief where a point is, mm; infinite where there is none."""
    size = len(which)
    place = np.round(xy).astype(int).clip(0, size - 1)
    shown = which[place[:, 1], place[:, 0]]
    return np.asarray(np.where(shown >= 0, depth[shown], np.inf), np.float64)


def _affine(of: Float64, to: Float64) -> Float64:
    """(F, 2, 3) maps that take (F, 3, 2) corners to others."""
    left = np.concatenate([of, np.ones((*of.shape[:2], 1))], axis=2)
    flat = np.abs(np.linalg.det(left)) < 1e-9
    left[flat] = np.eye(3)
    return np.asarray(np.linalg.solve(left, to).transpose(0, 2, 1))

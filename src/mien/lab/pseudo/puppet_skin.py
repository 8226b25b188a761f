"""The points of a puppet's mesh: landmarks, lid and lip lines, skin of the rig, and the surroundings that give way."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, Int64
from mien.core.geometry import local_rotation
from mien.lab.pseudo.puppet_fit import Laid, thinned
from mien.lab.pseudo.puppet_layers import EYES, eye_height_px
from mien.sources.portrait import INNER_LIPS, LID_CURVES, curve_matrix, opening

_SAMPLES = 9
_SKIN_SPACING, _OUTER_SPACING = 0.05, 0.13
"""Distance of mesh points on the face and around it, in distances of the outer eye corners."""
_NECK_MM = np.array([0.0, -75.0, -65.0])
"""About this place of the head frame the head turns: the top of the neck."""
_OUTER_DEPTH_MM = -35.0
_FOLLOWS, _STILL = 0.3, 0.9
"""Within the first distance from the face (in face widths) hair and neck turn with the head, from the second on nothing
moves."""
_SOFT = 0.22
"""So far, in face widths, the surroundings follow the outline of a moving jaw."""
_FOREHEAD = 0.55
_SEAM_PX = 0.6
"""Closed lips touch: their two lines are kept so far apart in the mesh."""
_EYE_REACH = 0.95
_EDGE = 0.015
_BORDER = 0.25
_SIDEWAYS = 0.7
"""Share of the lids' sideways movement that is left out: rigs slide the lower lid inwards by up to 4 mm, and a lid that
meets it would then meet the wrong lashes."""
_LASH_LINE = 0.03
"""What stays of an eye's height, in eye widths, when it is shut."""


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """Points of the mesh. The first 96 are the landmarks without the pupils.

    Attributes:
        xy: (N, 2) px of the portrait.
        depth_mm: (N,) from the camera.
        turns: (N,) 0–1: how much a point turns with the head.
        blend: (N, 98) weights of landmarks whose movement a point shares, rows sum to 0–1.
        vertex: (N,) number of the rig's vertex that moves a point, or -1.
        eye: (N, 2) how much a point belongs to the right and the left eye's lids.
        lid_scale: (2,) height of the portrait's eyes as a share of the rig's.
        held: (N,) points that must be exactly where they are put.
    """

    xy: Float64
    depth_mm: Float64
    turns: Float64
    blend: Float64
    vertex: Int64
    eye: Float64
    lid_scale: Float64
    held: npt.NDArray[np.bool_]

    @classmethod
    def on(cls, laid: Laid, landmarks_xy: Float32, size_wh: tuple[int, int]) -> Skin:
        """Choose the points for a portrait."""
        points = landmarks_xy.astype(np.float64)
        unit = float(np.linalg.norm(points[60] - points[72]))
        lines, weights = _lines(points), _LINE_WEIGHTS
        skin = _skin(laid, points, lines, unit)
        skin_xy = laid.vertices_xy[skin]
        outer, far, nearest = _outer(points, skin_xy, unit, size_wh)
        n = len(lines) + len(skin) + len(outer)
        first, last = len(lines), len(lines) + len(skin)
        blend = np.zeros((n, 98))
        blend[:first] = weights
        blend[np.arange(last, n), nearest] = np.clip(1 - far / _SOFT, 0, 1) ** 2
        vertex = np.full(n, -1, dtype=np.int64)
        vertex[first:last] = laid.vertices[skin]
        xy = np.concatenate([lines, skin_xy, outer])
        skin_mm = laid.depth_mm(laid.rest.vertices[laid.vertices[skin]])
        points_mm = laid.depth_mm(laid.rest.points)
        points_mm[:33] = _depth_beside(points[:33], skin_xy, skin_mm)
        depth = np.concatenate(
            [
                weights @ points_mm,
                skin_mm,
                np.full(len(outer), float(laid.depth_mm([[0.0, 0.0, _OUTER_DEPTH_MM]])[0])),
            ]
        )
        turns = np.ones(n)
        turns[last:] = _ease(np.clip((_STILL - far) / (_STILL - _FOLLOWS), 0, 1)) * _border(outer, size_wh, unit)
        held = np.zeros(n, dtype=np.bool_)
        held[:96] = True
        rest_px = laid.rest.points[:, :2].astype(np.float64) * [1, -1]
        rest_px *= laid.camera[0, 0] / float(laid.pose.translation_mm[2])
        scale = [eye_height_px(points, eye) / max(eye_height_px(rest_px, eye), 1e-6) for eye in (0, 1)]
        return cls(xy, depth, turns, blend, vertex, _eyes(xy, points, last), np.array(scale), held)

    def shift_mm(self, laid: Laid, weights: Float32) -> Float64:
        """(N, 3) movement of every point in the head frame when the rig makes a face."""
        posed = laid.rig.pose(laid.identity, weights)
        points = (posed.points - laid.rest.points).astype(np.float64)
        points[96:] = 0.0
        shift = self.blend @ points
        own = self.vertex >= 0
        shift[own] = (posed.vertices - laid.rest.vertices)[self.vertex[own]]
        for eye in (0, 1):
            shift[:, 0] *= 1 - _SIDEWAYS * self.eye[:, eye]
            shift[:, 1] *= 1 + self.eye[:, eye] * (self.lid_scale[eye] - 1)
        return np.asarray(shift, dtype=np.float64)

    def seen(self, laid: Laid, shift_mm: Float64, head_deg: Float32) -> Float64:
        """(N, 2) px of the points after a movement and a turn of the head; exactly `xy` where nothing moves."""
        places = laid.head_places(self.xy, self.depth_mm)
        turned = _picture(laid, places + shift_mm, local_rotation(*(float(v) for v in head_deg)))
        unturned = _picture(laid, places + shift_mm, np.eye(3))
        before = _picture(laid, places, np.eye(3))
        move = (unturned - before) + self.turns[:, None] * (turned - unturned)
        still = (shift_mm == 0).all(axis=1) & ((self.turns == 0) | (not np.any(head_deg)))
        move[still] = 0.0
        return self.xy + move

    def landmarks(self, moved: Float64, points: Float64) -> Float64:
        """(98, 2) px of the landmarks when the mesh has moved; pupils go with the corners of their eyes."""
        out = points.copy()
        move = moved - self.xy
        out[:96] += move[:96]
        for pupil, corners in ((96, (60, 64)), (97, (68, 72))):
            out[pupil] += move[list(corners)].mean(axis=0)
        return out

    def kept_apart(self, moved: Float64) -> Float64:
        """Lids and lips that would cross meet instead: an upper lid stops on the lower one, a line apart."""
        out = moved.copy()
        for uppers, lowers, corners in _LID_ROWS:
            axis = out[corners[1]] - out[corners[0]]
            width = max(float(np.linalg.norm(axis)), 1e-6)
            down = np.array([-axis[1], axis[0]]) / width
            rest = ((self.xy[lowers] - self.xy[uppers]) @ down)[:, None]
            least = np.minimum(_LASH_LINE * width, rest)
            short = np.maximum(least - ((out[lowers] - out[uppers]) @ down)[:, None], 0.0)
            out[uppers] -= short * down
        uppers, lowers, corners = _LIP_ROWS
        axis = out[corners[1]] - out[corners[0]]
        down = np.array([-axis[1], axis[0]]) / max(float(np.linalg.norm(axis)), 1e-6)
        short = np.maximum(_SEAM_PX / 2 - ((out[lowers] - out[uppers]) @ down)[:, None], 0.0) / 2
        out[uppers] -= short * down
        out[lowers] += short * down
        for middle, uppers, lowers in _MIDDLES:
            out[middle] = (out[uppers] + out[lowers]) / 2
        return out


def _line_weights() -> tuple[Float64, dict[tuple[int, ...], list[int]]]:
    """(L, 98) landmarks behind every point of the lines, and the rows along each curve, corners left out."""
    rows: list[Float64] = list(np.eye(98)[:96])
    along: dict[tuple[int, ...], list[int]] = {}
    matrix = curve_matrix(_SAMPLES)
    for upper, lower in (*LID_CURVES, INNER_LIPS):
        for curve in (upper, lower):
            along[curve] = []
            for k in range(1, _SAMPLES - 1):
                if k % 2 == 0:
                    along[curve].append(curve[k // 2])
                    continue
                row = np.zeros(98)
                row[list(curve)] = matrix[k]
                along[curve].append(len(rows))
                rows.append(row)
    for upper, lower in LID_CURVES:
        along[(*upper, *lower)] = list(range(len(rows), len(rows) + _SAMPLES - 2))
        rows += [(rows[u] + rows[v]) / 2 for u, v in zip(along[upper], along[lower], strict=True)]
    return np.array(rows), along


_LINE_WEIGHTS, _ALONG = _line_weights()
_LID_ROWS = tuple((np.array(_ALONG[u]), np.array(_ALONG[v]), (u[0], u[-1])) for u, v in LID_CURVES)
_MIDDLES = tuple((np.array(_ALONG[(*u, *v)]), np.array(_ALONG[u]), np.array(_ALONG[v])) for u, v in LID_CURVES)
"""A line through the middle of each eye: without it, triangles along a lid turn over as the arc of the lid flattens."""
_LIP_ROWS = (np.array(_ALONG[INNER_LIPS[0]]), np.array(_ALONG[INNER_LIPS[1]]), (INNER_LIPS[0][0], INNER_LIPS[0][-1]))


OPENING_ROWS = np.unique(
    np.concatenate([[60, 64, 68, 72], *_LID_ROWS[0][:2], *_LID_ROWS[1][:2], *(m[0] for m in _MIDDLES)])
)
"""Points of the mesh on and between the lids: triangles among them show the eyeball, which a closing lid covers."""


def _lines(points: Float64) -> Float64:
    """(L, 2) landmarks and points between them; lines that touch are kept a seam apart."""
    xy = _LINE_WEIGHTS @ points
    for uppers, lowers, corners in (*_LID_ROWS, _LIP_ROWS):
        axis = points[corners[1]] - points[corners[0]]
        down = np.array([-axis[1], axis[0]]) / max(float(np.linalg.norm(axis)), 1e-6)
        short = np.maximum(_SEAM_PX - ((xy[lowers] - xy[uppers]) @ down)[:, None], 0.0) / 2
        xy[uppers] -= short * down
        xy[lowers] += short * down
    for middle, uppers, lowers in _MIDDLES:
        xy[middle] = (xy[uppers] + xy[lowers]) / 2
    return np.asarray(xy, dtype=np.float64)


def _depth_beside(points: Float64, skin_xy: Float64, skin_mm: Float64) -> Float64:
    """(P,) depth of outline points: that of the three places of skin beside them, wherever the outline runs there."""
    nearest = np.argsort(np.linalg.norm(points[:, None] - skin_xy[None], axis=2), axis=1)[:, :3]
    return np.asarray(skin_mm[nearest].mean(axis=1), dtype=np.float64)


def _skin(laid: Laid, points: Float64, lines: Float64, unit: float) -> Int64:
    """Positions in `laid.vertices` of the skin points of the mesh."""
    xy = laid.vertices_xy
    holes = [opening(points, curves) for curves in (*LID_CURVES, INNER_LIPS)]
    face = _face_outline(points, unit)
    good = [
        i
        for i, place in enumerate(xy)
        if _depth(face, place) > _EDGE * unit and all(_depth(hole, place) < -_EDGE * unit for hole in holes)
    ]
    chosen = np.array(good, dtype=np.int64)
    nearest_first = chosen[np.argsort(laid.depth_mm(laid.rest.vertices[laid.vertices[chosen]]), kind="stable")]
    return np.asarray(nearest_first[thinned(xy[nearest_first], _SKIN_SPACING * unit, [lines])], dtype=np.int64)


def _face_outline(points: Float64, unit: float) -> Float64:
    """Convex outline of face and forehead."""
    eyes, chin = points[[60, 72]].mean(axis=0), points[16]
    up = (eyes - chin) / max(float(np.linalg.norm(eyes - chin)), 1e-6)
    raised = points[33:51] + up * _FOREHEAD * unit
    hull = cv2.convexHull(np.concatenate([points[:51], raised]).astype(np.float32))
    return np.asarray(hull[:, 0], dtype=np.float64)


def _depth(outline: Float64, place: Float64) -> float:
    """Distance from an outline, px; negative outside."""
    return float(cv2.pointPolygonTest(outline.astype(np.float32), (float(place[0]), float(place[1])), True))


def _outer(points: Float64, skin_xy: Float64, unit: float, size_wh: tuple[int, int]) -> tuple[Float64, Float64, Int64]:
    """Points around the face: (M, 2) px, (M,) distance from it in face widths, (M,) nearest contour point."""
    w, h = size_wh
    spacing = _OUTER_SPACING * unit
    xs = np.linspace(-1, w, max(int(w / spacing), 2) + 1)
    ys = np.linspace(-1, h, max(int(h / spacing), 2) + 1)
    grid = np.stack(np.meshgrid(xs, ys), axis=2).reshape(-1, 2)
    face = _face_outline(points, unit)
    width = max(float(np.linalg.norm(points[0] - points[32])), 1e-6)
    away = np.array([-_depth(face, place) for place in grid])
    keep = np.flatnonzero(away > 0.4 * spacing)
    keep = keep[thinned(grid[keep], 0.4 * spacing, [skin_xy, points[:33]])]
    nearest = np.argmin(np.linalg.norm(grid[keep, None] - points[None, :33], axis=2), axis=1)
    return grid[keep], away[keep] / width, nearest.astype(np.int64)


def _border(xy: Float64, size_wh: tuple[int, int], unit: float) -> Float64:
    """(M,) 0 at the border of the picture, 1 inside."""
    near = np.minimum(xy.min(axis=1), (np.array(size_wh) - 1 - xy).min(axis=1))
    return _ease(np.clip(near / (_BORDER * unit), 0, 1))


def _eyes(xy: Float64, points: Float64, last: int) -> Float64:
    """(N, 2) how much a point moves with the lids of the right and the left eye."""
    share = np.zeros((len(xy), 2))
    for k, (eye, (uppers, lowers, corners)) in enumerate(zip(EYES, _LID_ROWS, strict=True)):
        width = max(float(np.linalg.norm(points[corners[0]] - points[corners[1]])), 1e-6)
        far = np.linalg.norm(xy[:last] - points[list(eye)].mean(axis=0), axis=1) / width
        share[:last, k] = np.clip((_EYE_REACH - far) / 0.3, 0, 1)
        share[:96, k] = 0.0
        share[np.concatenate([uppers, lowers, _MIDDLES[k][0], list(eye)]), k] = 1.0
    return share


def _ease(x: Float64) -> Float64:
    return np.asarray(x * x * (3 - 2 * x), dtype=np.float64)


def _picture(laid: Laid, head_mm: Float64, turn: Float64) -> Float64:
    """(N, 2) px of places in the head frame, the head turned about the neck."""
    turned = (head_mm - _NECK_MM) @ turn.T + _NECK_MM
    image = (turned @ laid.pose.rotation.T + laid.pose.translation_mm) @ laid.camera.T
    return np.asarray(image[:, :2] / image[:, 2:])

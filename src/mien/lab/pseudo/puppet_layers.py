"""What a warp alone cannot show: eyeballs that stay under moving lids, shut lashes, the inside of an opening mouth."""

from __future__ import annotations

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, Int64, UInt8
from mien.sources.portrait import INNER_LIPS, LID_CURVES, opening

EYES = (tuple(range(60, 68)), tuple(range(68, 76)))
LID_GAPS = (((61, 67), (62, 66), (63, 65)), ((69, 75), (70, 74), (71, 73)))
LIP_GAPS = ((89, 95), (90, 94), (91, 93))
_CLOSED_MOUTH = 0.035
"""Gap of the inner lips, in mouth widths, below which the portrait's mouth shows no inside."""
_FINE = 4
_MOUTH_DARK = 0.22
_GAP_SHOWS_PX = (0.6, 2.0)
_SLIT = (0.15, 0.4)
"""Height of an eye, as a share of the portrait's, at which only lashes show, and from which none are drawn."""
_LASHES_PX, _LASHES_DARK, _LASHES_REACH, _LASHES_LINE_PX = 0.5, 0.95, 0.015, 0.75


def gap_px(xy: Float64, pairs: tuple[tuple[int, int], ...]) -> float:
    """Mean distance of pairs of points."""
    return float(np.mean([np.linalg.norm(xy[a] - xy[b]) for a, b in pairs]))


def eye_height_px(xy: Float64, eye: int) -> float:
    """Mean height of the right (0) or left (1) eye across the line of its corners; 0 = shut."""
    upper, _ = LID_CURVES[eye]
    axis = xy[upper[-1]] - xy[upper[0]]
    down = np.array([-axis[1], axis[0]]) / max(float(np.linalg.norm(axis)), 1e-6)
    return max(float(np.mean([(xy[b] - xy[a]) @ down for a, b in LID_GAPS[eye]])), 0.0)


def still_eyeballs(back: Float32, before: Float64, after: Float64, rigid: Float64) -> None:
    """Let the eyeballs follow the head only, in place.

    Args:
        back: (H, W, 2) map of the warp; changed inside the eyes.
        before: (98, 2) points of the portrait.
        after: (98, 2) points of the frame.
        rigid: (98, 2) where they would be if the head alone had moved.
    """
    for eye, (points, curves) in enumerate(zip(EYES, LID_CURVES, strict=True)):
        ratio = eye_height_px(after, eye) / max(eye_height_px(before, eye), 1e-6)
        share = float(np.clip((1.05 - ratio) / 0.05, 0, 1))
        if share == 0 or np.array_equal(after[list(points)], before[list(points)]):
            continue
        inside, (left, top) = _depth_inside(opening(after, curves), back.shape)
        if not inside.size:
            continue
        edge = 0.12 * eye_height_px(before, eye)
        alpha = np.clip((inside - 0.3 * edge) / max(edge, 0.5), 0, 1) * share
        alpha = (alpha * alpha * (3 - 2 * alpha))[..., None]
        back_of = _affine(rigid[list(points)], before[list(points)])
        h, w = inside.shape
        grid = np.stack(np.meshgrid(np.arange(left, left + w), np.arange(top, top + h)), axis=2).astype(np.float64)
        still = grid @ back_of[:, :2].T + back_of[:, 2]
        window = back[top : top + h, left : left + w]
        window += ((still - window) * alpha).astype(np.float32)


def shut_lashes(frame: UInt8, portrait: UInt8, before: Float64, after: Float64) -> None:
    """Draw the line of the lashes where an eye is nearly shut, in place: a last slit of white is never seen so."""
    for eye, curves in enumerate(LID_CURVES):
        ratio = eye_height_px(after, eye) / max(eye_height_px(before, eye), 1e-6)
        share = float(np.clip((_SLIT[1] - ratio) / (_SLIT[1] - _SLIT[0]), 0, 1))
        if share == 0:
            continue
        axis = after[curves[0][-1]] - after[curves[0][0]]
        shown = after.copy()
        shown[list(curves[1][1:-1])] += _LASHES_REACH * share * np.array([-axis[1], axis[0]])
        inside, (left, top) = _depth_inside(opening(shown, curves), frame.shape, _LASHES_LINE_PX)
        if not inside.size:
            continue
        alpha = (np.clip(cv2.GaussianBlur(inside, (0, 0), 0.6) / _LASHES_PX, 0, 1) * share)[..., None]
        rows, columns = _pixels(before[list(curves[0])], portrait.shape)
        colour = np.quantile(portrait[rows, columns].astype(np.float64), 0.25, axis=0) * _LASHES_DARK
        h, w = inside.shape
        window = frame[top : top + h, left : left + w]
        window[:] = np.round(window + (colour - window) * alpha).astype(np.uint8)


def _pixels(xy: Float64, shape: tuple[int, ...]) -> tuple[Int64, Int64]:
    """Rows and columns of places, inside the picture."""
    near = xy.round().astype(np.int64)
    return np.clip(near[:, 1], 0, shape[0] - 1), np.clip(near[:, 0], 0, shape[1] - 1)


def mouth_inside(frame: UInt8, portrait: UInt8, before: Float64, after: Float64) -> None:
    """Darken the gap between lips that were closed in the portrait and are apart now, in place."""
    width = float(np.linalg.norm(before[88] - before[92]))
    if gap_px(before, LIP_GAPS) > _CLOSED_MOUTH * width:
        return
    grown = gap_px(after, LIP_GAPS) - gap_px(before, LIP_GAPS)
    low, high = _GAP_SHOWS_PX
    share = float(np.clip((grown - low) / (high - low), 0, 1))
    if share == 0:
        return
    inside, (left, top) = _depth_inside(opening(after, INNER_LIPS), frame.shape)
    if not inside.size:
        return
    h, w = inside.shape
    soft = np.clip(inside / max(0.25 * grown, 0.75), 0, 1)
    alpha = (soft * soft * (3 - 2 * soft) * share)[..., None]
    rows, columns = _pixels(before[76:88], portrait.shape)
    colour = portrait[rows, columns].mean(axis=0) * _MOUTH_DARK
    window = frame[top : top + h, left : left + w]
    window[:] = np.round(window + (colour - window) * alpha).astype(np.uint8)


def _depth_inside(outline: Float64, shape: tuple[int, ...], line_px: float = 0.0) -> tuple[Float32, tuple[int, int]]:
    """Distance from the outline in px inside a closed curve (0 outside), in a window, and the window's corner.

    With `line_px`, the curve itself is a line so thick that counts as inside.
    """
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 3, [shape[1], shape[0]])
    w, h = (high - low).tolist()
    if w < 2 or h < 2:
        return np.zeros((0, 0), np.float32), (0, 0)
    canvas = np.zeros((h * _FINE, w * _FINE), dtype=np.uint8)
    fine = (outline - low + 0.5) * _FINE - 0.5
    cv2.fillPoly(canvas, [np.round(fine * 16).astype(np.int32)], (255.0,), shift=4)
    if line_px > 0:
        cv2.polylines(canvas, [np.round(fine * 16).astype(np.int32)], True, (255.0,), round(line_px * _FINE), shift=4)
    depth = cv2.distanceTransform(canvas, cv2.DIST_L2, 5) / _FINE
    small = cv2.resize(depth, (w, h), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32), (int(low[0]), int(low[1]))


def _affine(of: Float64, to: Float64) -> Float64:
    """(2, 3) least-squares affine map from points to points."""
    left = np.column_stack([of, np.ones(len(of))])
    return np.asarray(np.linalg.lstsq(left, to, rcond=None)[0].T, dtype=np.float64)

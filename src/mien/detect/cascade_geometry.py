"""Boxes, crops and pyramids of the face detectors: stated here once, used by training and by the runtime.

Convention:
    Boxes are (N, 4) float32: left, top, right, bottom, px, in the frame of `core.geometry`: the centre of the first
    pixel is (0, 0), so a picture of W × H px spans −0.5 … W − 0.5 and −0.5 … H − 0.5, and a box that covers the
    pixels a … b reaches from a − 0.5 to b + 0.5. Right − left is its width; nothing is added.
    Scaling: a picture shrunk from W to W' px maps x to (x + 0.5) · W' / W − 0.5, each axis by its own ratio.
    P-Net looks at windows of `CELL` px, `STRIDE` px apart: its answer at row i, column j of a picture belongs to the
    square from (2j − 0.5, 2i − 0.5) to (2j + 11.5, 2i + 11.5) of that picture.
    R-Net and O-Net look at square candidates shown as 24 × 24 and 48 × 48 px (`crops`).
    Corrections (networks' `box`) are shares of the square candidate's sides: (left' − left) / w, (top' − top) / h,
    (right' − right) / w, (bottom' − bottom) / h. Points are 0–1 of the candidate: 0 = its left or upper edge.
    What a box of a face is: `mien.lab.train.detector_boxes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from mien.core.arrays import Float32, Int64, UInt8

CELL, STRIDE = 12, 2
"""P-Net's window and the step between two windows, px."""
R_SIZE, O_SIZE = 24, 48
"""Sides of the crops that R-Net and O-Net take, px."""
FACTOR = 0.709
"""Ratio of a pyramid's levels: two levels halve the area's side about once (Zhang et al. 2016)."""
OUTSIDE = 127
"""Grey value where a crop reaches outside the picture: nearly 0 after normalisation."""

Overlap = Literal["union", "min"]


def normalised(pictures: UInt8) -> Float32:
    """(N, H, W, 3) uint8 RGB → (N, 3, H, W) float32, (x − 127.5) / 128."""
    planes = np.ascontiguousarray(np.moveaxis(pictures, -1, 1), dtype=np.float32)
    planes -= np.float32(127.5)
    planes *= np.float32(1 / 128)
    return planes


def pyramid_sizes(size_wh: tuple[int, int], smallest_face_px: float, factor: float = FACTOR) -> list[tuple[int, int]]:
    """Sizes (w, h) of the pyramid's levels, largest first; empty where the picture is smaller than the smallest face.

    On the first level a face of `smallest_face_px` is `CELL` px large; no level has a side below `CELL`.
    """
    width, height = size_wh
    sizes = []
    scale = CELL / smallest_face_px
    while min(width, height) * scale >= CELL:
        sizes.append((round(width * scale), round(height * scale)))
        scale *= factor
    return sizes


def shrink(image: UInt8, size_wh: tuple[int, int]) -> UInt8:
    """A level of the pyramid: (H, W, 3) uint8 → (h, w, 3), each pixel the mean of what it covers."""
    grows = size_wh[0] > image.shape[1] or size_wh[1] > image.shape[0]
    how = cv2.INTER_LINEAR if grows else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, size_wh, interpolation=how), np.uint8)


def cells(rows: Int64, columns: Int64, level_wh: tuple[int, int], size_wh: tuple[int, int]) -> Float32:
    """(N, 4) px of the picture of `size_wh`: the windows behind P-Net's answers on a level of `level_wh`."""
    ratio = np.array(size_wh, np.float64) / np.array(level_wh, np.float64)
    low = STRIDE * np.stack([columns, rows], axis=1) * ratio - 0.5
    return np.asarray(np.concatenate([low, low + CELL * ratio], axis=1), np.float32)


def squared(boxes_xyxy: Float32) -> Float32:
    """Squares of the same centres, as large as the longer sides."""
    low, high = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    half = (high - low).max(axis=1, keepdims=True) / 2
    centre = (low + high) / 2
    return np.asarray(np.concatenate([centre - half, centre + half], axis=1), np.float32)


def corrected(boxes_xyxy: Float32, corrections: Float32) -> Float32:
    """Boxes after a network's (N, 4) corrections."""
    sides = np.tile(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 2)
    return np.asarray(boxes_xyxy + corrections * sides, np.float32)


def corrections(boxes_xyxy: Float32, truth_xyxy: Float32) -> Float32:
    """(N, 4): what turns each box into its truth; the inverse of `corrected`."""
    sides = np.tile(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 2)
    return np.asarray((truth_xyxy - boxes_xyxy) / np.maximum(sides, 1e-6), np.float32)


def points_to_picture(boxes_xyxy: Float32, points: Float32) -> Float32:
    """(N, P, 2) 0–1 of the boxes → px of the picture."""
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    return np.asarray(boxes_xyxy[:, None, :2] + points * sides[:, None], np.float32)


def points_to_box(boxes_xyxy: Float32, points_xy: Float32) -> Float32:
    """(N, P, 2) px of the picture → 0–1 of the boxes; the inverse of `points_to_picture`."""
    sides = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 1e-6)
    return np.asarray((points_xy - boxes_xyxy[:, None, :2]) / sides[:, None], np.float32)


def overlaps(a_xyxy: Float32, b_xyxy: Float32, kind: Overlap = "union") -> Float32:
    """(A, B) intersection over union, or over the smaller area ("min")."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    first, second = ((x[:, 2:] - x[:, :2]).prod(axis=1) for x in (a_xyxy, b_xyxy))
    whole = np.minimum(first[:, None], second[None]) if kind == "min" else first[:, None] + second[None] - shared
    return np.asarray(shared / np.maximum(whole, 1e-9), np.float32)


def suppressed(boxes_xyxy: Float32, scores: Float32, limit: float, kind: Overlap = "union") -> Int64:
    """Indices that stay when each box, best first, removes the weaker ones that overlap it by more than `limit`."""
    order = np.argsort(-scores, kind="stable")
    boxes = boxes_xyxy[order]
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    alive = np.ones(len(order), bool)
    kept = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(order[i])
        rest = i + 1 + np.flatnonzero(alive[i + 1 :])
        wh = np.minimum(boxes[i, 2:], boxes[rest, 2:]) - np.maximum(boxes[i, :2], boxes[rest, :2])
        shared = np.maximum(wh, 0).prod(axis=1)
        whole = np.minimum(areas[i], areas[rest]) if kind == "min" else areas[i] + areas[rest] - shared
        alive[rest[shared > limit * whole]] = False
    return np.asarray(kept, np.int64)


def voted(boxes_xyxy: Float32, scores: Float32, kept: Int64, limit: float = 0.5) -> Float32:
    """(K, 4): of each box that stayed the mean with all that overlap it by `limit` (union) or more, weighted by score.

    Source: Gidaris and Komodakis 2015, "Object detection via a multi-region and semantic segmentation-aware CNN model",
    §5.1 (box voting).
    """
    weights = overlaps(boxes_xyxy[kept], boxes_xyxy)
    weights = np.where(weights >= limit, weights > 0, 0) * np.maximum(scores, 1e-6)
    weights[np.arange(len(kept)), kept] = np.maximum(scores[kept], 1e-6)  # a box without area overlaps nothing
    return np.asarray(weights / weights.sum(axis=1, keepdims=True) @ boxes_xyxy, np.float32)


def halvings(image: UInt8, smallest_px: int = R_SIZE) -> list[UInt8]:
    """The picture, its half, its quarter, … while both sides hold `smallest_px`; means of 2 × 2 px.

    Pixel x of level k stands for (x + 0.5) · 2^k − 0.5 of the picture; an odd last row or column is dropped.
    """
    levels = [image]
    while min(levels[-1].shape[:2]) >= 2 * smallest_px:
        height, width = (side // 2 for side in levels[-1].shape[:2])
        even = levels[-1][: 2 * height, : 2 * width]
        levels.append(np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8))
    return levels


def crops(levels: Sequence[UInt8], squares_xyxy: Float32, size_px: int) -> UInt8:
    """Candidates as a network takes them.

    Each is sampled bilinearly from the coarsest of `levels` on which it is at least `size_px` large, so that a
    pixel of the crop is 1 to 2 px there. Outside the picture it is `OUTSIDE`.

    Args:
        levels: `halvings` of the picture.
        squares_xyxy: (N, 4) px of the picture, square.
        size_px: side of a crop.

    Returns:
        (N, size_px, size_px, 3) uint8.
    """
    out = np.empty((len(squares_xyxy), size_px, size_px, 3), np.uint8)
    for crop, (left, top, right, _) in zip(out, squares_xyxy.astype(np.float64), strict=True):
        side = max(right - left, 1.0)
        level = int(np.clip(np.floor(np.log2(side / size_px)), 0, len(levels) - 1))
        step = side / size_px / 2**level
        x, y = ((edge + 0.5) / 2**level - 0.5 + 0.5 * step for edge in (left, top))
        matrix = np.array([[step, 0.0, x], [0.0, step, y]])
        cv2.warpAffine(
            levels[level],
            matrix,
            (size_px, size_px),
            dst=crop,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(OUTSIDE, OUTSIDE, OUTSIDE),
        )
    return out

"""The pixels of the portrait, cut into layers at the size of the clip.

Four layers, back to front: the plate (backdrop, suit and neck, filled in behind the head); the inside of the
mouth (jaw with tongue and lower teeth, then the upper teeth); the eyeballs; the skin with hair, which is
cut where the lips and the lids part.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import AnyArray, Float32, Float64, UInt8
from mien.sources.portrait import (
    CROP_ORIGIN,
    CROP_PX,
    INNER_LIPS,
    LID_CURVES,
    curve_matrix,
    geometry,
    opening,
    portrait,
    to_canvas,
)


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Pixels at the size of the clip; RGBA layers lie where the photograph has them.

    Attributes:
        plate: (S, S, 3) uint8.
        smiling, relaxed: (S, S, 4) uint8, the skin as photographed and with the folds of the smile healed;
            mouth and eyes are grown over.
        openings: (S, S) float32 each, 0–1: where the mouth, the right and the left eye open in the skin.
        teeth, jaw, eyes: (S, S, 4) uint8.
    """

    plate: UInt8
    smiling: UInt8
    relaxed: UInt8
    openings: tuple[Float32, ...]
    teeth: UInt8
    jaw: UInt8
    eyes: UInt8


def build_layers(size_px: int) -> Layers:
    """Cut the portrait into layers of `size_px` × `size_px`."""
    g = geometry()
    x, y = CROP_ORIGIN.astype(int)
    crop = np.ascontiguousarray(portrait()[y : y + CROP_PX, x : x + CROP_PX])
    head = np.concatenate([g.outline, g.points[27:4:-1]])
    mouth = opening(g.points, INNER_LIPS)
    lids = [opening(g.points, c) for c in LID_CURVES]

    skin = cv2.inpaint(crop, _mask([mouth, *lids], grow=0.3), 2, cv2.INPAINT_TELEA)
    jaw_y = slice(130 - y, 190 - y)  # no backdrop may cling to the jaw when it moves over the neck
    outside = np.where(_mask([head], grow=-2.2) > 0, 0, 255).astype(np.uint8)
    skin[jaw_y] = cv2.inpaint(np.ascontiguousarray(skin[jaw_y]), outside[jaw_y], 2, cv2.INPAINT_TELEA)
    healed = cv2.inpaint(skin, _strokes(_FOLDS), 3, cv2.INPAINT_TELEA)
    healed = cv2.addWeighted(skin, 0.3, healed, 0.7, 0)
    alpha = _head_alpha(head, size_px)
    openings = [_distance(p, size_px) for p in (mouth, *lids)]
    lip_line = 1 - 0.48 * np.exp(-((np.maximum(-openings[0], 0) / 0.7) ** 2))[..., None]
    dark = [0.5 * _lash_line(c, size_px) for c in LID_CURVES] + [0.7 * (d > 0.3) for d in openings[1:]]
    lashes = 1 - np.max(dark, axis=0)[..., None]
    skin_rgb, healed_rgb = (np.asarray(_enlarge(i, size_px) * lashes, dtype=np.uint8) for i in (skin, healed))
    return Layers(
        plate=_plate(crop, head, size_px),
        smiling=_rgba(skin_rgb, alpha),
        relaxed=_rgba(np.asarray(healed_rgb * lip_line, dtype=np.uint8), alpha),
        openings=tuple(np.clip(d / 0.7 + 0.5, 0, 1) for d in openings),
        teeth=_teeth(crop, mouth, size_px),
        jaw=_jaw(size_px),
        eyes=_eyes(crop, lids, size_px),
    )


_FOLDS = (
    ((207.5, 121.5), (204.5, 125.5), (201.0, 130.0), (197.2, 134.5), (196.4, 137.0)),
    ((235.0, 121.5), (239.0, 127.0), (243.5, 131.5), (247.5, 134.5), (249.6, 138.0), (249.4, 142.0)),
)
"""The folds from the nose to the mouth that the smile makes."""


def _enlarge(image: AnyArray, size_px: int) -> UInt8:
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_LANCZOS4))


def _rgba(rgb: UInt8, alpha: AnyArray) -> UInt8:
    return np.dstack([rgb, np.round(np.clip(alpha, 0, 1) * 255).astype(np.uint8)])


def _fill(polygon: Float64, size_px: int) -> UInt8:
    image = np.zeros((size_px, size_px), np.uint8)
    fixed = np.round(to_canvas(polygon, size_px) * 256).astype(np.int32)
    cv2.fillPoly(image, [fixed], (255,), lineType=cv2.LINE_8, shift=8)
    return image


def _distance(polygon: Float64, size_px: int) -> Float32:
    """(S, S) distance to the outline in pixels of the picture, positive inside."""
    inside = _fill(polygon, size_px)
    deep, away = (cv2.distanceTransform(m, cv2.DIST_L2, 5) for m in (inside, 255 - inside))
    signed = cv2.GaussianBlur((deep - away) * (CROP_PX / size_px), (0, 0), 0.9)
    return np.asarray(signed, dtype=np.float32)


def _mask(polygons: list[Float64], grow: float) -> UInt8:
    fine = np.max([_distance(p, CROP_PX * 4) for p in polygons], axis=0) > -grow
    return np.asarray(cv2.resize(fine.astype(np.uint8) * 255, (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA) > 0) * (
        np.uint8(255)
    )


def _strokes(lines: tuple[tuple[tuple[float, float], ...], ...]) -> UInt8:
    mask = np.zeros((CROP_PX, CROP_PX), np.uint8)
    for line in lines:
        fixed = np.round((np.array(line) - CROP_ORIGIN) * 256).astype(np.int32)
        cv2.polylines(mask, [fixed], False, (255,), thickness=4, shift=8)
    return mask


def _lash_line(curves: tuple[tuple[int, ...], tuple[int, ...]], size_px: int) -> Float32:
    """(S, S) 0–1: a soft line along the upper lid's margin, so that a closed eye shows its lashes."""
    margin = curve_matrix(65)[8:-4] @ geometry().points[list(curves[0])]
    canvas = np.full((size_px, size_px), 255, np.uint8)
    cv2.polylines(canvas, [np.round(to_canvas(margin, size_px) * 256).astype(np.int32)], False, (0,), shift=8)
    away = cv2.distanceTransform(canvas, cv2.DIST_L2, 5) * (CROP_PX / size_px)
    return np.asarray(np.exp(-((away / 0.9) ** 2)), dtype=np.float32)


def _plate(crop: UInt8, head: Float64, size_px: int) -> UInt8:
    """Backdrop, suit and neck without the head: what a turning head uncovers."""
    neck = geometry().neck
    behind = cv2.inpaint(crop, _mask([head, neck], grow=3.0), 4, cv2.INPAINT_TELEA)
    # the neck continues upwards behind the jaw, in its shadow
    hidden = np.array([[254.0, 157.0], [249.0, 142.0], [246.0, 128.0], [196.0, 128.0], [192.0, 138.0], [187.0, 152.0]])
    whole = np.concatenate([neck[1:-1], hidden])
    visible = (_mask([neck], grow=-2.0) > 0) & (_mask([head], grow=3.0) == 0)
    skin = cv2.inpaint(crop, np.where(visible, 0, 255).astype(np.uint8), 4, cv2.INPAINT_TELEA)
    skin = cv2.GaussianBlur(skin, (0, 0), 1.5)
    y = (np.arange(size_px) * (CROP_PX / size_px) + CROP_ORIGIN[1])[:, None, None]
    shadow = 0.72 + 0.28 * np.clip((y - 158) / 24, 0, 1)
    alpha = np.clip(_distance(whole, size_px) / 1.2 + 0.5, 0, 1)[..., None]
    hidden_part = _enlarge(behind, size_px) * (1 - alpha) + _enlarge(skin, size_px) * (alpha * shadow)
    visible_part = np.clip((y - 180) / 4, 0, 1)
    mixed = hidden_part * (1 - visible_part) + _enlarge(crop, size_px) * visible_part
    return np.asarray(np.round(mixed), dtype=np.uint8)


def _head_alpha(head: Float64, size_px: int) -> Float32:
    """Wide and soft round the hair (the backdrop is plain), tight along the jaw (the neck lies behind it)."""
    y = np.arange(size_px)[:, None] * (CROP_PX / size_px) + CROP_ORIGIN[1]
    jaw = np.clip((y - 124) / 14, 0, 1)
    reach, soft = 3.0 - 2.5 * jaw, 2.4 - 1.4 * jaw
    return np.asarray(np.clip((_distance(head, size_px) + reach) / soft, 0, 1), dtype=np.float32)


def _inside_out(crop: UInt8, polygon: Float64, margin: int) -> UInt8:
    """The pixels inside a polygon, continued outwards by `margin`; the rest of the crop is left alone."""
    x0, y0 = np.floor(polygon.min(0) - CROP_ORIGIN).astype(int) - margin
    x1, y1 = np.ceil(polygon.max(0) - CROP_ORIGIN).astype(int) + margin
    unknown = np.where(_mask([polygon], grow=-0.3) > 0, 0, 255).astype(np.uint8)
    out = crop.copy()
    window = np.ascontiguousarray(crop[y0:y1, x0:x1])
    out[y0:y1, x0:x1] = cv2.inpaint(window, np.ascontiguousarray(unknown[y0:y1, x0:x1]), 2, cv2.INPAINT_TELEA)
    return out


def _teeth(crop: UInt8, mouth: Float64, size_px: int) -> UInt8:
    """The upper teeth as photographed; their lower edge is where the lower lip met them."""
    rgb = _enlarge(_inside_out(crop, mouth, 4), size_px)
    upper_side = mouth.copy()
    upper_side[1:16, 1] -= 3.0
    return _rgba(rgb, np.clip(_distance(upper_side, size_px) / 0.7 + 0.5, 0, 1))


def _jaw(size_px: int) -> UInt8:
    """Painted: the dark of the mouth, the tongue, and the edge of the lower teeth; all move with the jaw."""
    scale = CROP_PX / size_px
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32) * scale + CROP_ORIGIN[::-1, None, None].astype(np.float32)
    rgb = np.broadcast_to(np.array([44, 17, 16], np.float32), (size_px, size_px, 3)).copy()

    def paint(strength: AnyArray, colour: tuple[int, int, int]) -> None:
        rgb[...] += np.clip(strength, 0, 1)[..., None] * (np.array(colour, np.float32) - rgb)

    across = (x - 222.8) / 12.5
    back = 143.0 + 2.6 * across**2
    paint((1.05 - np.abs(across) ** 3) * np.clip((y - back) / 2.4, 0, 1), (142, 70, 68))
    paint(0.45 * np.exp(-(((x - 222.8) / 0.8) ** 2)) * np.clip((y - back - 1) / 2, 0, 1), (92, 38, 40))
    edge = 145.2 - 0.9 * np.abs((x - 222.8) / 10) ** 2.5
    gaps = 0.82 + 0.18 * np.abs(np.cos(np.pi * (x - 222.8) / 3.4)) ** 0.4
    row = np.clip((y - edge) / 0.7, 0, 1) * np.clip((11.5 - np.abs(x - 222.8)) / 2.5, 0, 1)
    paint(row * gaps * 0.9, (196, 178, 162))
    return _rgba(np.clip(rgb, 0, 255).astype(np.uint8), np.ones((size_px, size_px)))


def _eyes(crop: UInt8, lids: list[Float64], size_px: int) -> UInt8:
    for polygon in lids:
        crop = _inside_out(crop, polygon, 3)
    return _rgba(_enlarge(crop, size_px), np.ones((size_px, size_px)))

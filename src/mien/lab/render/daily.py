"""What changes on a skin from day to day: beard, make-up, fine hair at the hairline; painted into a copy of an atlas.

Where these lie depends on the person alone and is kept with the person (`Areas`), as small masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, UInt8
from mien.lab.render.looks import Look, Rgb
from mien.lab.render.paint import (
    ATLAS_WH,
    BROWS,
    SHIFT,
    UPPER_LIDS,
    Unrolling,
    area,
    cut_field,
    fixed,
    hairline_mm,
    lips_area,
    px,
    spot,
)
from mien.runtime.loops import loop


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A mask over a part of the atlas.

    Attributes:
        row, column: of its first element.
        mask: (h, w) uint8, 255 = fully.
    """

    row: int
    column: int
    mask: UInt8

    @classmethod
    def of(cls, mask: Float32) -> Patch:
        """The part of an (H, W) mask, 0–1, that is not zero."""
        whole = np.asarray(np.clip(mask * 255.0 + 0.5, 0.0, 255.0), dtype=np.uint8)
        x, y, w, h = cv2.boundingRect(whole)
        return cls(y, x, whole[y : y + h, x : x + w].copy())


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Where things are painted on somebody: lips, beard, eye shadow, eyeliner, blush; and the height of the brows."""

    lips: Patch
    beard: Patch
    lids: Patch
    liner: Patch
    cheeks: Patch
    brows_mm: float


def areas(points_mm: npt.ArrayLike, unrolling: Unrolling) -> Areas:
    """The areas of a face by its (98, 3) points at rest, head frame."""
    at = unrolling.pixels(points_mm)
    lips = lips_area(at)
    shut, lines = [], np.zeros(ATLAS_WH[::-1], np.uint8)
    for upper, (_, brow) in zip(UPPER_LIDS, BROWS, strict=True):
        edge, under = at[list(upper)], at[list(brow)]
        shut.append(np.concatenate([edge, (0.45 * edge + 0.55 * under)[::-1]]))
        wing = edge[:1] + (edge[:1] - edge[4:5]) * 0.14 + [0, -3]
        cv2.polylines(lines, [fixed(np.concatenate([wing, edge]))], False, (255,), 2, cv2.LINE_AA, SHIFT)
    cheeks = np.zeros(ATLAS_WH[::-1], np.float32)
    for mouth, eye, side in ((76, 60, -1.0), (82, 72, 1.0)):
        spot(cheeks, (at[mouth] + at[eye]) / 2 + px(18 * side, 0), (22, 18), 1.0)
    return Areas(
        lips=Patch.of(lips),
        beard=Patch.of(_bearded(at) * (1.0 - np.clip(1.6 * lips, 0.0, 1.0))),
        lids=Patch.of(area(shut, 2.5)),
        liner=Patch.of(cv2.GaussianBlur(lines, (0, 0), 0.7).astype(np.float32) / np.float32(255.0)),
        cheeks=Patch.of(np.minimum(cheeks, np.float32(1.0))),
        brows_mm=float(np.asarray(points_mm)[33:51, 1].mean()),
    )


def _bearded(at: Float64) -> Float32:
    """Cheeks below a line from the ears to the mouth, jaw, chin and upper lip."""
    jaw = at[4:29] + px(0, 16)
    upper = np.array(
        [
            at[28] + [-6, 0],
            at[82] + [16, 0],
            at[59] + [7, 6],
            at[57] + [0, 5],
            at[55] + [-7, 6],
            at[76] + [-16, 0],
            at[4] + [6, 0],
        ]
    )
    return area([np.concatenate([jaw, upper])], 6.0)


def paint(atlas: UInt8, look: Look, at_rest: tuple[Areas, Unrolling], rng: np.random.Generator, grown: bool) -> None:
    """Paint what changes, in place.

    Args:
        atlas: of `paint.skin`.
        look: what to paint.
        at_rest: areas and unrolling of the face.
        rng: places hairs.
        grown: paint the fine hair at the hairline that a cap of hair grows out of.
    """
    where, unrolling = at_rest
    if look.beard > 0.0:
        _beard(atlas, look, where.beard, rng)
    made = look.makeup
    if made is not None:
        _cover(atlas, where.lips, 1.15 * made.lipstick, _over(made.lipstick_rgb, look))
        _cover(atlas, where.lids, made.shadow, _over(made.shadow_rgb, look))
        _cover(atlas, where.liner, made.liner, (0.08, 0.07, 0.07))
        _cover(atlas, where.cheeks, 0.35 * made.blush, (1.0, 0.45, 0.5))
    if grown:
        _hairline(atlas, look, where.brows_mm, unrolling, rng)


def _over(colour: Rgb, look: Look) -> Rgb:
    """What to multiply the skin with to get an albedo."""
    r, g, b = (min(c / s, 1.6) for c, s in zip(colour, look.skin, strict=True))
    return r, g, b


def _cover(atlas: UInt8, patch: Patch, amount: float, colour: Rgb) -> None:
    _mix(atlas, patch.mask, (patch.row, patch.column), amount / 255.0, colour)


@loop(fastmath=True, boundscheck=False, nogil=True)
def _mix(atlas: UInt8, mask: UInt8, at: tuple[int, int], amount: float, colour: Rgb) -> None:
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            m = min(1.0, amount * mask[y, x])
            if m > 0.002:
                for k in range(3):
                    value = atlas[at[0] + y, at[1] + x, k] * (1.0 + m * (colour[k] - 1.0)) + 0.5
                    atlas[at[0] + y, at[1] + x, k] = np.uint8(min(value, 255.0))


def _beard(atlas: UInt8, look: Look, patch: Patch, rng: np.random.Generator) -> None:
    full = max(0.0, look.beard - 0.4) / 0.6
    amounts = (look.beard * 0.35 + 0.35 * full, 0.25 + 0.4 * full)
    _bristles(atlas, (patch.mask, patch.row, patch.column), cut_field(rng, 3), amounts, _over(look.beard_rgb, look))


@loop(fastmath=True, boundscheck=False, nogil=True)
def _bristles(atlas: UInt8, patch: Any, grain: Any, amounts: tuple[float, float], colour: Rgb) -> None:
    """Even cover and single hairs (`amounts`) where the patch is."""
    mask, row, column = patch
    field, line, first, step = grain
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            if mask[i, j] == 0:
                continue
            y, x = row + i, column + j
            hair = min(1.0, max(0.0, 1.8 * field[line + y, first + step * x] - 0.5))
            m = min(0.93, (mask[i, j] / 255.0) * (amounts[0] + amounts[1] * hair))
            for k in range(3):
                atlas[y, x, k] = np.uint8(min(atlas[y, x, k] * (1.0 + m * (colour[k] - 1.0)) + 0.5, 255.0))


def _hairline(atlas: UInt8, look: Look, brows_mm: float, unrolling: Unrolling, rng: np.random.Generator) -> None:
    """Hair thins out towards the forehead; the skin between the hairs shows."""
    azimuth = np.abs((np.arange(ATLAS_WH[0]) + 0.5) / ATLAS_WH[0] - 0.5) * 360.0
    line = hairline_mm(azimuth, brows_mm, look.hairline_mm)
    step_mm = (unrolling.high_mm - unrolling.low_mm) / ATLAS_WH[1]
    heights = (unrolling.high_mm - 0.5 * step_mm, step_mm)
    _thin_out(atlas, line, heights, (cut_field(rng, 2), cut_field(rng, 3)), _over(look.hair_rgb, look))


@loop(fastmath=True, boundscheck=False, nogil=True)
def _thin_out(atlas: UInt8, line: Float64, heights: tuple[float, float], fields: Any, colour: Rgb) -> None:
    """`heights` = of the first row, and how much lower each next one is, mm."""
    (coarse, row_c, first_c, step_c), (fine, row_f, first_f, step_f) = fields
    lowest = line.min() - 16.0
    for y in range(atlas.shape[0]):
        height = heights[0] - y * heights[1]
        if height < lowest:
            break
        for x in range(atlas.shape[1]):
            inside = height - line[x] + 4.0
            inside += (
                11.0 * (coarse[row_c + y, first_c + step_c * x] - 0.5) + 5.0 * fine[row_f + y, first_f + step_f * x]
            )
            m = min(0.92, inside / 11.0)
            if m > 0.002:
                for k in range(3):
                    atlas[y, x, k] = np.uint8(min(atlas[y, x, k] * (1.0 + m * (colour[k] - 1.0)) + 0.5, 255.0))

"""A person's skin as a picture: the atlas that the shader multiplies the surface's colour with.

The atlas is unrolled round the head: u is the azimuth about a vertical axis, v the height. The rig's 98 points at
rest say where lips, brows and eyes are, so every rig is painted alike, with or without a texture of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32, Float64, UInt8
from mien.lab.render.looks import Look
from mien.lab.render.shading import ALBEDO_ONE, GLOSS_ONE
from mien.runtime.loops import loop

ATLAS_WH = (576, 320)
SHIFT = 4
"""Fractional bits of coordinates given to OpenCV."""
_OUTER_LIPS = range(76, 88)
BROWS = (((33, 34, 35, 36, 37), (33, 41, 40, 39, 38)), ((46, 45, 44, 43, 42), (46, 47, 48, 49, 50)))
"""Upper and lower edge of the right and left brow, from the tail to the inner end."""
_HAIRLINE = np.array(  # azimuth from the front, degrees; height above the brows, mm
    [
        (0, 52),
        (20, 50),
        (38, 42),
        (50, 26),
        (60, 4),
        (70, -8),
        (78, 2),
        (88, 10),
        (100, 8),
        (115, -22),
        (135, -62),
        (180, -72),
    ]
)
UPPER_LIDS, LOWER_LIDS = ((60, 61, 62, 63, 64), (72, 71, 70, 69, 68)), ((60, 67, 66, 65, 64), (72, 73, 74, 75, 68))


@dataclass(frozen=True, slots=True)
class Unrolling:
    """How places on the head at rest become places in the atlas.

    Attributes:
        axis_z_mm: where the vertical axis lies behind the eyes.
        low_mm, high_mm: heights of v = 0 and 1.
    """

    axis_z_mm: float
    low_mm: float
    high_mm: float

    @classmethod
    def around(cls, skin_mm: npt.ArrayLike) -> Unrolling:
        """For the (V, 3) skin vertices of a face at rest, head frame."""
        xyz = np.asarray(skin_mm, dtype=np.float64)
        level = xyz[np.abs(xyz[:, 1]) < 40.0]
        low, high = float(np.clip(xyz[:, 1].min(), -170.0, -90.0)), float(xyz[:, 1].max()) + 1.0
        return cls(float((level[:, 2].min() + level[:, 2].max()) / 2), low, high)

    def uv(self, xyz_mm: npt.ArrayLike) -> Float32:
        """(..., 2) float32; u = 0.5 in front."""
        x, y, z = np.moveaxis(np.asarray(xyz_mm, dtype=np.float64), -1, 0)
        u = 0.5 + np.arctan2(x, z - self.axis_z_mm) / (2 * np.pi)
        v = (y - self.low_mm) / (self.high_mm - self.low_mm)
        return np.asarray(np.stack([u, v], axis=-1), dtype=np.float32)

    def place(self, pixels: npt.ArrayLike, radius_mm: npt.ArrayLike) -> Float64:
        """(..., 3) mm: where (..., 2) atlas pixels lie at (...) mm from the axis."""
        px = np.asarray(pixels, dtype=np.float64)
        angle = ((px[..., 0] + 0.5) / ATLAS_WH[0] - 0.5) * 2 * np.pi
        share = 1.0 - (px[..., 1] + 0.5) / ATLAS_WH[1]
        r = np.asarray(radius_mm, dtype=np.float64)
        y = self.low_mm + share * (self.high_mm - self.low_mm)
        return np.stack([r * np.sin(angle), y, self.axis_z_mm + r * np.cos(angle)], axis=-1)

    def pixels(self, xyz_mm: npt.ArrayLike) -> Float64:
        """(..., 2) atlas columns and rows."""
        uv = self.uv(xyz_mm).astype(np.float64)
        return uv * [ATLAS_WH[0], -ATLAS_WH[1]] + [-0.5, ATLAS_WH[1] - 0.5]


def skin(look: Look, points_mm: npt.ArrayLike, unrolling: Unrolling, rng: np.random.Generator) -> UInt8:
    """What stays on a skin: blotches, freckles, lips, brows.

    Args:
        look: what to paint.
        points_mm: (98, 3) the face at rest, head frame.
        unrolling: of the same face.
        rng: places blotches, freckles and hairs.

    Returns:
        (H, W, 4) uint8: linear albedo, `shading.ALBEDO_ONE` = unchanged, and gloss, `shading.GLOSS_ONE` = 1.
    """
    at = unrolling.pixels(points_mm)
    tint = np.ones((ATLAS_WH[1], ATLAS_WH[0], 3), np.float32)
    _blotches(tint, look, at, rng)
    _freckles(tint, look, at, rng)
    lips = lips_area(at)
    mix(tint, lips, look.lips)
    _brows(tint, look, at, rng)
    _lash_line(tint, at)
    shiny = np.float32(1.0) + np.float32(1.1) * lips
    spot(shiny, at[54], (22, 40), 0.5)
    shine = (np.float32(0.75) + np.float32(0.5) * _field(rng, 1)) * shiny
    atlas = np.dstack([np.float32(ALBEDO_ONE) * tint, np.float32(GLOSS_ONE) * shine])
    return np.asarray(np.clip(atlas + np.float32(0.5), 0.0, 255.0), dtype=np.uint8)


def lips_area(at: Float64) -> Float32:
    """(H, W) 0–1: the lips of (98, 2) points in the atlas."""
    return area([at[list(_OUTER_LIPS)]], 1.3)


@lru_cache(maxsize=256)
def strands(fibres: float) -> Float32:
    """(128, 256) float32 around 1: the brightness of hair, fine across u and long along v."""
    rng = np.random.default_rng(int(fibres * 1e6))
    noise = rng.random((10, 256)).astype(np.float32)
    long = cv2.resize(noise, (256, 128), interpolation=cv2.INTER_CUBIC)
    rough = cv2.resize(rng.random((5, 40)).astype(np.float32), (256, 128), interpolation=cv2.INTER_CUBIC)
    out = np.asarray(0.55 + 0.45 * long + 0.45 * rough, dtype=np.float32)
    out.flags.writeable = False
    return out


def mix(tint: AnyArray, mask: Float32, colour: tuple[float, float, float]) -> None:
    """Multiply by 1 where the mask is 0, by `colour` where it is 1; floats or bytes, in place."""
    whole = tint.dtype == np.uint8
    _mix(tint, mask, colour, (0.5, 255.0) if whole else (0.0, 1e6))


@loop(fastmath=True, boundscheck=False, nogil=True)
def _mix(tint: AnyArray, mask: Float32, colour: tuple[float, float, float], rounding: tuple[float, float]) -> None:
    for y in range(tint.shape[0]):
        for x in range(tint.shape[1]):
            m = mask[y, x]
            if m > 0.002:
                for k in range(3):
                    value = tint[y, x, k] * (1.0 + m * (colour[k] - 1.0)) + rounding[0]
                    tint[y, x, k] = min(value, rounding[1])


@loop(fastmath=True, boundscheck=False, nogil=True)
def _stain(tint: Float32, fields: Any, spots: Float32, amounts: tuple[float, float, float]) -> None:
    """Blotches, redness and tired eyes. `spots` = (2, H, W): red cheeks and nose, dark under the eyes."""
    coarse, middle, fine, grain = fields
    blotches, red_amount, tired_amount = amounts
    for y in range(tint.shape[0]):
        for x in range(tint.shape[1]):
            small = 0.6 * middle[y, x] + 0.5 * fine[y, x] + 0.5 * grain[y, x] - 0.8
            dark = blotches * (0.10 * (coarse[y, x] - 0.5) + 0.13 * small)
            red = blotches * 0.10 * (middle[y, x] - 0.5) + red_amount * spots[0, y, x]
            tired = tired_amount * spots[1, y, x]
            tint[y, x, 0] *= 1.0 - 0.8 * dark + 0.15 * red - 0.75 * tired
            tint[y, x, 1] *= 1.0 - dark - red - tired
            tint[y, x, 2] *= 1.0 - 1.1 * dark - 0.9 * red - 0.8 * tired


def fixed(points: Float64) -> npt.NDArray[np.int32]:
    """Atlas places as OpenCV's drawing takes them."""
    return np.asarray(np.round(points * (1 << SHIFT)), dtype=np.int32)


def area(polygons: list[Float64], blur: float) -> Float32:
    """(H, W) 0–1: the inside of polygons, with a soft edge."""
    mask = np.zeros(ATLAS_WH[::-1], np.uint8)
    cv2.fillPoly(mask, [fixed(p) for p in polygons], (255,), cv2.LINE_AA, SHIFT)
    if blur > 3.0:  # two boxes are nearly a Gaussian, and as quick for any width
        box = (2 * round(0.9 * blur) + 1,) * 2
        soft = cv2.blur(cv2.blur(mask, box), box)
    else:
        soft = cv2.GaussianBlur(mask, (0, 0), blur)
    return np.asarray(soft, dtype=np.float32) / np.float32(255.0)


def px(x: float, y: float) -> Float64:
    """An offset in the atlas."""
    return np.array([x, y], dtype=np.float64)


def spot(out: Float32, centre: Float64, size: tuple[float, float], strength: float) -> None:
    """Add a soft spot (Gaussian of these half widths, px) to a mask, in place."""
    reach = 2.6 * np.array(size)
    x0, y0 = np.maximum(np.floor(centre - reach), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(centre + reach), ATLAS_WH).astype(int)
    if x1 > x0 and y1 > y0:
        x = np.exp(-(((np.arange(x0, x1) - centre[0]) / size[0]) ** 2))
        y = np.exp(-(((np.arange(y0, y1) - centre[1]) / size[1]) ** 2))
        out[y0:y1, x0:x1] += (strength * y[:, None] * x[None]).astype(np.float32)


@cache
def _fields() -> tuple[AnyArray, ...]:
    """Smooth noise, coarse to fine, 0–1; cut and stretched for each person."""
    rng = np.random.default_rng(5)
    out = []
    for sigma in (24.0, 9.0, 3.0, 1.0):
        noise = cv2.GaussianBlur(rng.random((512, 768)).astype(np.float32), (0, 0), sigma)
        low, high = np.percentile(noise, [2, 98])
        out.append(np.clip((noise - low) / (high - low), 0.0, 1.0).astype(np.float32))
    return tuple(out)


def cut_field(rng: np.random.Generator, which: int) -> tuple[AnyArray, int, int, int]:
    """A smooth noise, and where an atlas is cut from it: row, first column, step from column to column (1 or -1)."""
    field = _fields()[which]
    y, x = rng.integers(field.shape[0] - ATLAS_WH[1]), rng.integers(field.shape[1] - ATLAS_WH[0])
    mirrored = rng.random() < 0.5
    return field, int(y), int(x) + (ATLAS_WH[0] - 1 if mirrored else 0), -1 if mirrored else 1


def _field(rng: np.random.Generator, which: int) -> Float32:
    field, row, first, step = cut_field(rng, which)
    wide = field[row : row + ATLAS_WH[1]]
    cut: Float32 = (
        wide[:, first : first + ATLAS_WH[0]] if step > 0 else wide[:, first + 1 - ATLAS_WH[0] : first + 1][:, ::-1]
    )
    return cut


def _blotches(tint: Float32, look: Look, at: Float64, rng: np.random.Generator) -> None:
    spots = np.zeros((2, *ATLAS_WH[::-1]), np.float32)
    for place, size, strength in (
        ((at[66] + at[76]) / 2 - px(14, -4), (34, 30), 1.0),
        ((at[74] + at[82]) / 2 + px(14, 4), (34, 30), 1.0),
        (at[54] + px(0, 4), (16, 16), 0.8),
    ):
        spot(spots[0], place, size, strength)
    for lower in LOWER_LIDS:
        spot(spots[1], at[list(lower)].mean(axis=0) + px(0, 5), (14, 6), 1.0)
    fields = tuple(np.ascontiguousarray(_field(rng, k)) for k in range(4))
    _stain(tint, fields, spots, (look.blotches, 0.22 * look.redness, 0.30 * look.tired))


def _freckles(tint: Float32, look: Look, at: Float64, rng: np.random.Generator) -> None:
    mask = np.zeros(ATLAS_WH[::-1], np.uint8)
    count = int(220 * look.freckles)
    middle, spread = at[53], (at[32] - at[0])[0] / 4.5
    for x, y, size, dark in zip(
        rng.normal(middle[0], spread, count),
        rng.normal(middle[1] + 4, 28, count),
        rng.uniform(8, 22, count),
        rng.integers(50, 170, count),
        strict=True,
    ):
        cv2.circle(mask, (int(16 * x), int(16 * y)), int(size), (int(dark),), -1, cv2.LINE_AA, SHIFT)
    for _ in range(rng.integers(0, 5)):
        place = rng.uniform(at[:33].min(axis=0) - [0, 60], at[:33].max(axis=0))
        cv2.circle(
            mask, (int(16 * place[0]), int(16 * place[1])), int(rng.uniform(14, 30)), (200,), -1, cv2.LINE_AA, SHIFT
        )
    soft = cv2.GaussianBlur(mask, (0, 0), 0.7).astype(np.float32) / 255.0
    mix(tint, soft, (0.55, 0.36, 0.28))


def _hairs(roots: Float64, tips: Float64, strength: int) -> AnyArray:
    """(H, W) uint8: short strokes."""
    mask = np.zeros(ATLAS_WH[::-1], np.uint8)
    strokes = list(fixed(np.stack([roots, tips], axis=1)))
    cv2.polylines(mask, strokes, False, (strength,), 1, cv2.LINE_AA, SHIFT)
    return mask


def _along(line: Float64, t: Float64) -> Float64:
    """(N, 2) places at shares t of a line's parameter."""
    k = np.linspace(0.0, 1.0, len(line))
    return np.column_stack([np.interp(t, k, line[:, 0]), np.interp(t, k, line[:, 1])])


def _brows(tint: Float32, look: Look, at: Float64, rng: np.random.Generator) -> None:
    if look.brow <= 0.0:
        return
    total = np.zeros(ATLAS_WH[::-1], np.float32)
    bodies = []
    for upper, lower in BROWS:
        top, low = at[list(upper)], at[list(lower)]
        n = int(90 + 200 * look.brow)
        t = rng.beta(1.5, 1.15, n)
        height = rng.random(n)[:, None]
        root = np.asarray(_along(low, t) * (1 - height) + _along(top, t) * height, dtype=np.float64)
        tail = top[0] - top[-1]
        tail /= np.linalg.norm(tail)
        up = np.array([0.0, -1.0])
        lean = t[:, None] ** 0.5
        # Hairs stand up at the inner end and lie down towards the tail.
        way = lean * up * 0.9 + (1.15 - lean) * tail
        tips = np.asarray(root + way * rng.uniform(3.0, 6.5, (n, 1)), dtype=np.float64)
        total += _hairs(root, tips, 200).astype(np.float32) / 255.0
        bodies.append(np.concatenate([top, low[::-1]]))
    body = area(bodies, 2.2) * (0.35 + 0.45 * look.brow)
    mask = np.clip(0.8 * body + 0.55 * cv2.GaussianBlur(total, (0, 0), 0.6), 0.0, 0.96)
    _cover(tint, mask, look.brow_rgb, look.skin)


def _lash_line(tint: Float32, at: Float64) -> None:
    """The roots of the lashes darken the edges of the lids."""
    lines = np.zeros(ATLAS_WH[::-1], np.uint8)
    for lids, dark in ((UPPER_LIDS, 220), (LOWER_LIDS, 90)):
        cv2.polylines(lines, [fixed(at[list(lid)]) for lid in lids], False, (dark,), 1, cv2.LINE_AA, SHIFT)
    mix(tint, lines.astype(np.float32) / np.float32(255.0), (0.25, 0.2, 0.2))


def hairline_mm(azimuth_deg: Float64, brows_mm: float, raised_mm: float) -> Float64:
    """Height of the hairline round the head.

    Args:
        azimuth_deg: 0 in front, 180 behind.
        brows_mm: height of the brows at rest.
        raised_mm: how far it is moved up in front.
    """
    line = brows_mm + np.interp(azimuth_deg, _HAIRLINE[:, 0], _HAIRLINE[:, 1])
    return np.asarray(line + raised_mm * np.clip(1.0 - azimuth_deg / 90.0, 0.0, 1.0), dtype=np.float64)


def _cover(tint: AnyArray, mask: Float32, colour: tuple[float, float, float], skin: tuple[float, float, float]) -> None:
    """Mix towards an albedo of its own, whatever the skin's."""
    r, g, b = (float(v) for v in np.minimum(np.array(colour) / np.array(skin), 1.6))
    mix(tint, np.ascontiguousarray(mask, dtype=np.float32), (r, g, b))

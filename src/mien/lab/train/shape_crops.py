"""What training does to the stored crops of the pixel reader: moved, recoloured, photographed, and faces made others.

A bent face is another person: one smooth field of displacements for all faces of a group, crops and landmarks alike, so
that what moves between them stays what it was. Nearly the same on both sides, as people are.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.action_units.face_crop import HEIGHT, PX_PER_UNIT, WIDTH, middle_of
from mien.core.arrays import Float32, UInt8
from mien.lab.train.augment import Augmentation, photographed, recoloured
from mien.lab.train.shape_views import MARGIN

_KNOTS = 5
"""Of the field, down and across the crop."""
_ONE_SIDED = 0.3
"""Standard deviation of what is not mirrored, as a share of the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """Another face made of a face.

    Attributes:
        field: (HEIGHT, WIDTH, 2) float32 px: a pixel of the bent crop shows what lay so much farther right and down.
    """

    field: Float32

    @classmethod
    def random(cls, rng: np.random.Generator, size_px: float) -> Bend:
        """Knots lie off by a normal deviation of so many px."""
        knots = rng.normal(0.0, size_px, (_KNOTS, _KNOTS, 2))
        mirrored = knots[:, ::-1] * np.array([-1.0, 1.0])
        even = (knots + mirrored) / np.sqrt(2)
        crooked = rng.normal(0.0, _ONE_SIDED * size_px, knots.shape)
        whole = (even + crooked).astype(np.float32)
        return cls(np.asarray(cv2.resize(whole, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32))

    def points(self, fronts: Float32, reference: Float32) -> Float32:
        """(…, 98, 2) front views of the bent face, near enough for small bends.

        Args:
            fronts: (…, 98, 2) in distances of the outer eye corners, y up; NaN stays.
            reference: (98, 3) mean face, which says where the crop lies.
        """
        middle = middle_of(reference)
        at = (np.nan_to_num(fronts) - middle) * np.array([PX_PER_UNIT, -PX_PER_UNIT])
        at = at + np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
        column, row = (np.clip(np.rint(at[..., k]), 0, n - 1).astype(int) for k, n in ((0, WIDTH), (1, HEIGHT)))
        off = self.field[row, column] / np.array([-PX_PER_UNIT, PX_PER_UNIT], np.float32)
        return np.asarray(fronts + off, np.float32)


def shaken(
    crop: UInt8, how: Augmentation, tint: int | None, rng: np.random.Generator, bend: Bend | None = None
) -> UInt8:
    """(HEIGHT, WIDTH, 3): a stored crop moved a little, its margin cut off, and what cameras do to it.

    Args:
        crop: with its margin.
        how: strength.
        tint: seed of the change of colours, None = none.
        rng: chance.
        bend: of the whole group; None = the face as it is.
    """
    size = float(np.exp(rng.uniform(-how.scale, how.scale)))
    turn = np.radians(rng.uniform(-how.rotation_deg, how.rotation_deg))
    c, s = size * np.cos(turn), size * np.sin(turn)
    out = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    middle = out + MARGIN + rng.normal(0.0, how.shift, 2).clip(-2 * how.shift, 2 * how.shift) * HEIGHT
    matrix = np.array([[c, -s, 0.0], [s, c, 0.0]])
    matrix[:, 2] = middle - matrix[:, :2] @ out
    image = _moved(crop, matrix, bend)
    if tint is not None:
        image = recoloured(image, np.random.default_rng(tint))
    return photographed(image, how, rng)


def _moved(crop: UInt8, matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]], bend: Bend | None) -> UInt8:
    source = np.ascontiguousarray(crop)
    if bend is None:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        done = cv2.warpAffine(source, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    else:
        grid = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1).astype(np.float32) + bend.field
        at = (grid @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        columns, rows = (np.ascontiguousarray(at[..., k]) for k in (0, 1))
        done = cv2.remap(source, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(done, np.uint8)

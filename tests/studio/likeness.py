"""How much a page looks as it did: both pictures are made small, so that another rasteriser of fonts changes little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

WIDE = 160
BLOCK = 8
MEAN = 4.0
WORST = 16.0
TEN_WORST = 10.0
CHARACTER = 40.0
"""Bounds of the differences, of 255: of the whole picture, of a block, of the ten worst together, of a block of the
character. Another family of fonts gives 2.3, 14, 8 and 14; a panel that is 40 px from where it was 17 or 12."""
_NEAR = 1
"""A pixel may have moved so far in the small picture."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Likeness:
    """Differences of two pictures, 0–255: the mean; of the blocks of 8 × 8 small pixels without the character the worst
    and the ten worst together, and of those with it the worst."""

    mean: float
    worst: float
    ten_worst: float
    character: float

    @property
    def same(self) -> bool:
        """Whether both show the same page."""
        return self.mean <= MEAN and self.worst <= WORST and self.ten_worst <= TEN_WORST and self.character <= CHARACTER


def likeness(now: Image.Image, kept: Image.Image, character: Box | None = None) -> Likeness:
    """Compare a picture with the one that is kept of it.

    Args:
        character: left, top, width and height of the character's pane in px of `now`.
    """
    size = WIDE, round(WIDE * now.height / now.width)
    a, b = (np.asarray(p.convert("RGB").resize(size, Image.Resampling.BOX), np.float32) for p in (now, kept))
    far = np.maximum(_unlike(a, b), _unlike(b, a))
    high, wide = (-(-n // BLOCK) for n in far.shape)
    blocks = np.zeros((high, wide))
    inside = np.zeros((high, wide), bool)
    small = None if character is None else np.array(character) * WIDE / now.width
    for y in range(high):
        for x in range(wide):
            blocks[y, x] = far[y * BLOCK : (y + 1) * BLOCK, x * BLOCK : (x + 1) * BLOCK].mean()
            inside[y, x] = small is not None and _meet(small, x * BLOCK, y * BLOCK)
    page = np.sort(blocks[~inside])[::-1]
    return Likeness(float(far.mean()), float(page[0]), float(page[:10].mean()), float(blocks[inside].max(initial=0)))


def _unlike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W) how far each pixel of `a` is from the nearest one of `b` around it."""
    best = np.full(a.shape[:2], np.inf, np.float32)
    padded = np.pad(b, ((_NEAR, _NEAR), (_NEAR, _NEAR), (0, 0)), mode="edge")
    for y in range(2 * _NEAR + 1):
        for x in range(2 * _NEAR + 1):
            there = padded[y : y + a.shape[0], x : x + a.shape[1]]
            best = np.minimum(best, np.abs(a - there).max(axis=2))
    return best


def _meet(box: np.ndarray, x: int, y: int) -> bool:
    left, top, wide, high = box
    return bool(x + BLOCK > left and x < left + wide and y + BLOCK > top and y < top + high)

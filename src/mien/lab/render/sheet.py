"""Contact sheets of samples that were just drawn; those of stored datasets are made by `mien.lab.datasets.sheet`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.core.arrays import UInt8
from mien.lab.datasets.sheet import COLUMNS, grid, mark, write_sheet
from mien.lab.render.sample import RenderedSample

__all__ = ["contact_sheet", "write_sheet"]


def contact_sheet(samples: Sequence[RenderedSample], columns: int = COLUMNS, points: bool = False) -> UInt8:
    """(rows · S, columns · S, 3) uint8 RGB; unfilled places are black.

    Args:
        samples: all of one size, at least one.
        columns: pictures per row.
        points: draw the 98 points, green where they are seen, red where hidden, and the box.
    """
    if not samples:
        raise ValueError("contact_sheet: expected at least one sample")
    tiles = []
    for sample in samples:
        tile = np.ascontiguousarray(sample.image.copy())
        if points:
            mark(tile, sample.landmarks.xy, sample.landmarks.confidence > 0, sample.box_xyxy[None])
        tiles.append(tile)
    return grid(tiles, samples[0].image.shape[0], columns)

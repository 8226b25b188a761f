"""Dense optical flow between two grey crops, read at places.

The flow is looked for down to half resolution, so it is asked for in halved pictures, which gives the same numbers
without what OpenCV does at full size. What would follow there, doubling the flow, a mean of 5 by 5 px and reading
between pixels, is a weighted mean of the halved flow near each place; the weights hold for as long as the places do.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, Int64, UInt8
from mien.micro.face_crop import SIDE

_HALF = SIDE // 2
_MEAN = 5
_CELLS = 5
"""Halved pixels, each way, that have a part in what is read at a place."""
_PARTS = 32
"""OpenCV reads between pixels at so many places each way."""


def halved(grey: UInt8) -> UInt8:
    """(SIDE, SIDE) grey at half its size."""
    return np.asarray(cv2.resize(grey, (_HALF, _HALF), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def dense_flow() -> cv2.DISOpticalFlow:
    """For halved pictures. Half the preset's steps of search, two of its five rounds of smoothing and patches further
    apart cost 7 % of what stands out of the noise and save half the time (twelve movements of 1.2 % in four
    portraits)."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow.setFinestScale(0)
    flow.setGradientDescentIterations(8)
    flow.setVariationalRefinementIterations(2)
    flow.setPatchStride(5)
    return flow


class PlaceFlow:
    """Reads halved flow at the places of one reference.

    Args:
        places: (P, 2) crop px; where they are NaN, what is read says nothing.
    """

    def __init__(self, places: npt.ArrayLike) -> None:
        at = np.asarray(places, dtype=np.float64)
        (column, across), (row, down) = (_weights(at[:, k]) for k in (0, 1))
        self._cells: Int64 = (row[:, :, None] * _HALF + column[:, None, :]).reshape(len(at), -1)
        self._weights: Float64 = 2.0 * (down[:, :, None] * across[:, None, :]).reshape(len(at), -1)

    def read(self, flow: Float32) -> Float64:
        """(P, 2) crop px of (SIDE / 2, SIDE / 2, 2) halved flow."""
        pairs = np.ascontiguousarray(flow).view(np.complex64).reshape(-1)
        read = (pairs.take(self._cells) * self._weights).sum(axis=1)
        return np.asarray(read.view(np.float64).reshape(-1, 2))


@cache
def _spread() -> Float64:
    """(SIDE, SIDE / 2): what each halved pixel gives to the averaged flow of full size, along one axis."""
    doubled = cv2.resize(np.eye(_HALF), (_HALF, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.blur(doubled, (1, _MEAN)), dtype=np.float64)


def _weights(at: Float64) -> tuple[Int64, Float64]:
    """(P, _CELLS) halved pixels along one axis and their weights."""
    parts = np.round(np.nan_to_num(at.astype(np.float32)).astype(np.float64) * _PARTS) / _PARTS
    low = np.floor(np.clip(parts, 0, SIDE - 1)).astype(np.int64)
    share = np.clip(parts - low, 0.0, 1.0)[:, None]
    rows = (1 - share) * _spread()[low] + share * _spread()[np.minimum(low + 1, SIDE - 1)]
    cells = np.clip(low // 2 - 2, 0, _HALF - _CELLS)[:, None] + np.arange(_CELLS)
    return cells, np.take_along_axis(rows, cells, axis=1)

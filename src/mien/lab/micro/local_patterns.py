"""LBP-TOP and LOCP-TOP: histograms of local patterns on three orthogonal planes of a clip.

LBP-TOP (Zhao & Pietikäinen, PAMI 2007): neighbours on a circle compared with the centre; uniform patterns (59 bins of 8
neighbours). LOCP-TOP (Chan et al. 2012, "ordinal contrast"): each neighbour compared with the next one on the circle,
so that the centre, and with it its noise, does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, Int64

NEIGHBOURS = 8
BINS = 59
Comparison = Literal["centre", "ordinal"]


@dataclass(frozen=True, slots=True)
class TopSpec:
    """What is computed.

    Attributes:
        comparison: "centre" (LBP) or "ordinal" (LOCP).
        radii: R_x, R_y, R_t.
        blocks: rows and columns of the grid of blocks.
    """

    comparison: Comparison = "centre"
    radii: tuple[float, float, float] = (1.0, 1.0, 4.0)
    blocks: tuple[int, int] = (5, 5)


@cache
def uniform_bins() -> Int64:
    """(256,) bin of each pattern: 58 uniform ones (at most two changes around the circle), all others in the last."""
    out = np.full(256, BINS - 1, dtype=np.int64)
    place = 0
    for code in range(256):
        bits = [(code >> k) & 1 for k in range(NEIGHBOURS)]
        if sum(a != b for a, b in zip(bits, [*bits[1:], bits[0]], strict=True)) <= 2:
            out[code] = place
            place += 1
    out.flags.writeable = False
    return out


def top_histograms(clip: npt.ArrayLike, spec: TopSpec) -> Float32:
    """(blocks · 3 · 59,) float32: for each block the histograms of XY, XT and YT, each summing to 1.

    Args:
        clip: (T, H, W) grey, T > 2 R_t.

    Raises:
        ValueError: too short or too small for the radii.
    """
    x = np.asarray(clip, dtype=np.float64)
    rx, ry, rt = spec.radii
    margin = [int(np.ceil(r)) for r in (rt, ry, rx)]
    if x.ndim != 3 or any(n <= 2 * m for n, m in zip(x.shape, margin, strict=True)):
        raise ValueError(f"top_histograms: a clip of {x.shape} is too small for radii of {spec.radii}")
    planes = (((0.0, ry, 0.0), (0.0, 0.0, rx)), ((rt, 0.0, 0.0), (0.0, 0.0, rx)), ((rt, 0.0, 0.0), (0.0, ry, 0.0)))
    codes = [uniform_bins()[_codes(x, margin, plane, spec.comparison)] for plane in planes]
    rows, columns = spec.blocks
    parts = []
    for r in np.array_split(np.arange(codes[0].shape[1]), rows):
        for c in np.array_split(np.arange(codes[0].shape[2]), columns):
            for plane_codes in codes:
                block = plane_codes[:, r[:, None], c[None, :]].ravel()
                parts.append(np.bincount(block, minlength=BINS) / max(1, len(block)))
    return np.asarray(np.concatenate(parts), dtype=np.float32)


def _codes(
    x: Float64, margin: list[int], plane: tuple[tuple[float, ...], tuple[float, ...]], comparison: Comparison
) -> Int64:
    """Patterns of every voxel that is no margin; neighbour k lies at angle 2πk/8 from the second axis to the first."""
    inside = tuple(slice(m, n - m) for m, n in zip(margin, x.shape, strict=True))
    ring = []
    for k in range(NEIGHBOURS):
        angle = 2 * np.pi * k / NEIGHBOURS
        offset = np.sin(angle) * np.array(plane[0]) + np.cos(angle) * np.array(plane[1])
        ring.append(_shifted(x, inside, np.round(offset, 9)))
    against = [x[inside]] * NEIGHBOURS if comparison == "centre" else [*ring[1:], ring[0]]
    bits = [(a >= b).astype(np.int64) << k for k, (a, b) in enumerate(zip(ring, against, strict=True))]
    return np.asarray(sum(bits), dtype=np.int64)


def _shifted(x: Float64, inside: tuple[slice, ...], offset: Float64) -> Float64:
    """The clip moved by a fractional offset, by linear interpolation between its voxels."""
    low = np.floor(offset).astype(int)
    share = offset - low
    out = np.zeros([s.stop - s.start for s in inside])
    for corner in range(8):
        bits = [(corner >> axis) & 1 for axis in range(3)]
        weight = np.prod([share[a] if b else 1 - share[a] for a, b in enumerate(bits)])
        if weight > 0:
            at = tuple(slice(s.start + low[a] + bits[a], s.stop + low[a] + bits[a]) for a, s in enumerate(inside))
            out += weight * x[at]
    return out

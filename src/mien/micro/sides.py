"""On which side a unit took part: the network hears that it did, the movement of both sides tells where.

Only units that people often show on one side and whose sides move places of their own (in the statistics of published
datasets, 14 to 40 % of them are one-sided). Others are left as the network says them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from mien.core.arrays import Float32, Int64
from mien.core.schema import load_schema
from mien.micro.regions import load_regions

WEAKER = 0.45
"""The side that moves less than this share of the other takes no part. Of people not trained on, of rigs that were, the
share was 0.55 and more in 95 % of 87 units performed on both sides, and below 0.42 in 18 of 20 on one side."""
_MOUTH = ("mouth_corner", "fold", "lip_lower")
REGIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "AU2": ("brow_outer", "brow_middle", "forehead"),
        "AU10": ("lip_upper", "fold", "nose_wing"),
        **dict.fromkeys(("AU12", "AU14", "AU15", "AU20"), _MOUTH),
    }
)


@cache
def _pairs() -> tuple[tuple[tuple[int, int], tuple[Int64, Int64]], ...]:
    """(left, right) of entries and of regions."""
    facs, regions = load_schema("facs"), load_regions()
    return tuple(
        (
            (facs.index(f"{unit}_L"), facs.index(f"{unit}_R")),
            (
                np.array([regions.index(f"{name}_L") for name in names], dtype=np.int64),
                np.array([regions.index(f"{name}_R") for name in names], dtype=np.int64),
            ),
        )
        for unit, names in REGIONS.items()
    )


def sided(units: Float32, moved: Float32) -> Float32:
    """Probabilities with the side left out that hardly moves; the other gets the larger of both.

    Args:
        units: (U,) probability that each entry of schema "facs" takes part.
        moved: (R, 2) displacement to the apex, in distances between the outer eye corners.

    Returns:
        (U,) a copy.
    """
    out = units.copy()
    for entries, regions in _pairs():
        sizes = [float(np.sqrt(np.square(moved[own]).sum(axis=1).mean())) for own in regions]
        strong = int(sizes[1] > sizes[0])
        if sizes[1 - strong] < WEAKER * sizes[strong]:
            out[entries[strong]] = max(units[entries[0]], units[entries[1]])
            out[entries[1 - strong]] = 0.0
    return out

"""Where on the face each action unit is looked for: regions around landmarks, placed the same way in every crop."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mien.core.schema import load_schema

_BROW_L, _BROW_R = tuple(range(42, 51)), tuple(range(33, 42))
_EYE_L, _EYE_R = tuple(range(68, 76)), tuple(range(60, 68))
_MOUTH = tuple(range(76, 96))
REGIONS: Mapping[str, tuple[tuple[int, ...], float]] = {
    "brow_L": (_BROW_L, 0.55),
    "brow_R": (_BROW_R, 0.55),
    "eye_L": (_EYE_L, 0.5),
    "eye_R": (_EYE_R, 0.5),
    "cheek_L": ((72, 57, 82), 0.6),
    "cheek_R": ((60, 57, 76), 0.6),
    "nose": ((51, 54, 57), 0.7),
    "corner_L": ((82,), 0.5),
    "corner_R": ((76,), 0.5),
    "mouth": (_MOUTH, 0.9),
    "chin": ((16, 85), 0.7),
}
"""Name → points whose mean is the middle, and side in distances of the outer eye corners (or, where a turned head
shortens those, of the eyes from the mouth). _L and _R are the subject's own."""
REGION_NAMES = tuple(REGIONS)
_EYES_TO_MOUTH = 0.784
"""Distance of the middle of the eyes from that of the mouth on frontal drawn faces, in distances of the outer eye
corners; unlike those it keeps its length when a head turns."""
_OF_UNIT: Mapping[str, str] = {
    **dict.fromkeys(("AU1", "AU2", "AU4"), "brow"),
    **dict.fromkeys(("AU5", "AU7", "AU45"), "eye"),
    "AU6": "cheek",
    **dict.fromkeys(("AU9", "AU10"), "nose"),
    **dict.fromkeys(("AU12", "AU14", "AU15", "AU20"), "corner"),
    **dict.fromkeys(("AU16", "AU18", "AU19", "AU22", "AU23", "AU24", "AU25", "AU28"), "mouth"),
    **dict.fromkeys(("AU17", "AU26", "AU27", "AU29", "AU30"), "chin"),
    "AU34": "mouth",
}


def region_of(unit: str) -> int:
    """Position in `REGION_NAMES` of an entry of schema "facs"."""
    name, _, side = unit.partition("_")
    region = _OF_UNIT[name]
    sided = f"{region}_{side}" if side else region
    return REGION_NAMES.index(sided if sided in REGIONS else region)


def region_boxes(points_xy: Tensor) -> Tensor:
    """(B, R, 4) left, top, right, bottom px of squares around (B, 98, 2) landmarks in px of the crop."""
    eyes = (points_xy[:, 60] - points_xy[:, 72]).norm(dim=-1)
    middle = points_xy[:, 60:76].mean(dim=1), points_xy[:, 76:88].mean(dim=1)
    upright = (middle[0] - middle[1]).norm(dim=-1) / _EYES_TO_MOUTH
    unit = torch.maximum(eyes, upright)
    out = []
    for points, side in REGIONS.values():
        centre = points_xy[:, list(points)].mean(dim=1)
        half = 0.5 * side * unit[:, None]
        out.append(torch.cat([centre - half, centre + half], dim=-1))
    return torch.stack(out, dim=1)


def mirrored_regions() -> list[int]:
    """Position of each region's mirror image."""
    swap = {"L": "R", "R": "L"}
    names = [n[:-1] + swap[n[-1]] if n.endswith(("_L", "_R")) else n for n in REGION_NAMES]
    return [REGION_NAMES.index(n) for n in names]


def region_points() -> list[tuple[int, ...]]:
    """Points of each region, for asking whether it can be seen."""
    count = len(load_schema("wflw98"))
    points = [p for p, _ in REGIONS.values()]
    assert all(0 <= i < count for one in points for i in one)
    return points

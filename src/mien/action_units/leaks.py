"""What a gesture of the guide is misread as on one person: how much of it appears in shapes that nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.action_units.guide import Step, moving_along, reached_shapes
from mien.action_units.profile import MAX_SHARE, Leak
from mien.action_units.visibility import GAZE_SHAPES
from mien.core.arrays import Float32, Int64
from mien.core.schema import load_schema

_QUANTILE = 0.9
_LEAST_LEVEL = 0.25
"""A gesture that is read weaker than this says nothing about what it is misread as."""
_PRIOR = 0.3
"""Weight of "it is misread as nothing", in frames of the whole gesture."""
_LEAST_SHARE = 0.02
_BLINKS = tuple(load_schema("arkit52").index(n) for n in ("eyeBlinkLeft", "eyeBlinkRight"))
"""Nothing is taken off a blink: it never stops short of closed."""


def leaks_of(read: Float32, step: Int64, guide: Sequence[Step]) -> tuple[Leak, ...]:
    """What each gesture is misread as: of y = share · level · (1 − y) the share, least squares with a prior of none.

    Args:
        read: (T, 52) weights, offset and gain already applied.
        step: (T,) number of the guide's step, -1 = none.
        guide: the steps.
    """
    names = load_schema("arkit52").names
    out = []
    for number, one in enumerate(guide):
        asked = [names.index(name) for name in reached_shapes(one)]
        rows = read[step == number]
        if not asked or not np.isfinite(rows[:, asked]).any():
            continue
        level = np.nan_to_num(rows[:, asked]).mean(axis=1)
        if np.quantile(level, _QUANTILE) < _LEAST_LEVEL:
            continue
        y = np.nan_to_num(rows).astype(np.float64)
        room = level[:, None] * (1 - y)
        share = np.clip((y * room).sum(axis=0) / ((room**2).sum(axis=0) + _PRIOR), 0.0, MAX_SHARE)
        kept = moving_along(one)
        into = {
            name: round(float(share[i]), 3)
            for i, name in enumerate(names)
            if share[i] >= _LEAST_SHARE and name not in kept and i not in GAZE_SHAPES and i not in _BLINKS
        }
        if into:
            out.append(Leak(one.name, tuple(names[i] for i in asked), into))
    return tuple(out)

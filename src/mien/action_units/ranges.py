"""Offset and gain of every shape from what one person read: the numbers of a profile (`calibration`).

All are quantiles, so that a look aside or a laugh does not matter. What was not exercised keeps a gain that only makes
up for its offset: silence is not amplified.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.action_units.guide import Step, moving_along, reached_shapes
from mien.action_units.profile import MAX_GAIN, MAX_LOOK_DEG, MAX_OFFSET
from mien.action_units.visibility import GAZE_SHAPES, looked
from mien.core.arrays import Float32, Float64, Int64
from mien.core.schema import load_schema

LEAST_FRAMES = 30
"""Fewer frames with a face say too little."""
CALM_SHARE, _CALM_QUANTILE = 0.25, 0.8
"""Of a clip without a guide so many frames, the calmest of each part, count as rest; the offset is this quantile of
them."""
CLIP_QUANTILE, _REACH_QUANTILE = 0.99, 0.9
_REST_QUANTILE = 0.9
"""Of the readings at rest: the offset takes nearly all of a still face's flicker with it."""
_IDLE_QUANTILE, _IDLE_OF_REACH = 0.98, 0.5
"""Of the readings while the guide asks for something else; an offset by them leaves so much of the shape's reach. With
0.95 eight people of the val split, on whom this was chosen, gained 17.2 % instead of 19.8 %."""
LEAST_REACH = 0.15
"""A shape that was asked for and rose less is not read on this person: it is not amplified."""
_PLAINLY = 0.5
"""Without a guide a shape has to rise so far before it is taken to have been done nearly fully."""
GUIDED_GAIN, CLIP_GAIN = 2.5, 1.3
"""Highest gains on top of what an offset needs."""
_LEAST_LOOKS = 5
_HIGHEST = MAX_GAIN - 1e-3
_NEARLY_FULL = 0.9
_BLINK, _APART_S = 0.4, 0.15
"""Height from which a maximum of eyeBlink is a blink, and least time between two."""
BLINKS = tuple(load_schema("arkit52").index(n) for n in ("eyeBlinkLeft", "eyeBlinkRight"))


def ranges_of(
    t_ns: Int64, read: Float32, step: Int64, guide: Sequence[Step] | None, reliability: Float32
) -> tuple[Float32, Float32, dict[str, tuple[float, float]]]:
    """(52,) offsets and gains, and (rest, reach) of the shapes that were exercised.

    A stretch is shortened by the share of the shape's variance that is known to be read at all: amplified noise helps
    nobody. By the share that is not, what it reads while the guide asks for something else is noise, too, and goes with
    the offset. Whether a shape was exercised is judged by how far it rose above rest, not above the offset.

    Args:
        t_ns: (T,) ascending.
        read: (T, 52) weights, NaN = not measured or not to be used.
        step: (T,) number of the guide's step, -1 = none.
        guide: the steps; None = any clip.
        reliability: (52,) correlation with the truth on people not trained on; 0 = not measured: left as it is.
    """
    names = load_schema("arkit52").names
    offset, gain = np.zeros(len(names), np.float32), np.ones(len(names), np.float32)
    seen: dict[str, tuple[float, float]] = {}
    idle = np.zeros(read.shape, bool) if guide is None else _idle(step, guide)
    for i, name in enumerate(names):
        values = read[:, i]
        if i in GAZE_SHAPES or reliability[i] <= 0 or np.isfinite(values).sum() < LEAST_FRAMES:
            continue
        rest = _rest(values, step)
        if not np.isfinite(rest):
            continue
        reach, target = _reach(values, step, guide, name)
        read_at_all = float(reliability[i]) ** 2
        low = float(np.clip(rest, 0.0, MAX_OFFSET))
        if i not in BLINKS:
            low = _above_noise(low, values[idle[:, i]], reach, 1 - read_at_all)
        exercised = np.isfinite(reach) and reach - rest >= (_PLAINLY if guide is None else LEAST_REACH)
        full = 1.0 / (1.0 - low)
        most = full * (CLIP_GAIN if guide is None else GUIDED_GAIN)
        wanted = full * (1 + (target / (reach - low) / full - 1) * read_at_all) if exercised else full
        if i in BLINKS and len(peaks := blink_peaks(t_ns, values)):
            wanted = max(wanted, 1.0 / max(float(np.median(peaks)) - low, 0.3))
            most = full * GUIDED_GAIN
        offset[i] = low
        gain[i] = float(np.clip(wanted, full, min(most, _HIGHEST))) + 1e-4
        if exercised:
            seen[name] = (rest, reach)
    return np.round(offset, 4), np.ceil(gain * 1e4) / np.float32(1e4), seen


def _idle(step: Int64, guide: Sequence[Step]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """(T, 52) frames of the guide in which a shape is neither asked for nor moves along on real faces."""
    names = load_schema("arkit52").names
    moves = np.array([[name in moving_along(one) for name in names] for one in guide])
    return np.asarray((step >= 0)[:, None] & ~moves[np.maximum(step, 0)])


def _above_noise(low: float, idle: Float32, reach: float, unread: float) -> float:
    """An offset of at least `low` that takes `unread` of what a shape reads beyond it while it has nothing to do."""
    if np.isfinite(idle).sum() < LEAST_FRAMES:
        return low
    most = MAX_OFFSET if np.isnan(reach) else min(MAX_OFFSET, _IDLE_OF_REACH * reach)
    return max(low, min(low + unread * (quantile(idle, _IDLE_QUANTILE) - low), most))


def looks_of(read: Float32) -> Float32:
    """(2, 2) degrees that the eyes read, in the median, while somebody was asked to look into the camera; 0 if unknown.

    Args:
        read: (T, 52) weights of that time.
    """
    angles = np.array([looked(row) for row in read], np.float32).reshape(-1, 2, 2)
    known = np.isfinite(angles).sum(axis=0) >= _LEAST_LOOKS
    middle = np.zeros((2, 2), np.float32)
    if known.any():
        middle[known] = np.nanmedian(angles[:, known], axis=0)
    return np.clip(middle, -MAX_LOOK_DEG, MAX_LOOK_DEG)


def _rest(values: Float32, step: Int64) -> float:
    """What a shape reads on the face at rest, flicker included."""
    if (step == 0).any():
        return quantile(values[step == 0], _REST_QUANTILE)
    return quantile(values, CALM_SHARE * _CALM_QUANTILE)


def _reach(values: Float32, step: Int64, guide: Sequence[Step] | None, name: str) -> tuple[float, float]:
    """How far a shape went, and the weight that this was."""
    if guide is None:
        return quantile(values, CLIP_QUANTILE), _NEARLY_FULL
    for k, one in enumerate(guide):
        asked = reached_shapes(one)
        if name in asked:
            return quantile(values[step == k], _REACH_QUANTILE), asked[name]
    return float("nan"), 1.0


def blink_peaks(t_ns: Int64, values: Float32 | Float64) -> Float64:
    """Heights of the blinks in a curve of eyeBlink: maxima from 0.4 on, the highest within 0.15 s."""
    filled = np.nan_to_num(np.asarray(values, dtype=np.float64))
    inner = filled[1:-1]
    tops = 1 + np.flatnonzero((inner >= _BLINK) & (inner >= filled[:-2]) & (inner > filled[2:]))
    kept: list[int] = []
    for top in tops.tolist():
        if kept and (t_ns[top] - t_ns[kept[-1]]) / 1e9 < _APART_S:
            kept[-1] = top if filled[top] > filled[kept[-1]] else kept[-1]
        else:
            kept.append(top)
    return filled[kept]


def quantile(values: Float32, q: float) -> float:
    """Of what was measured; NaN if nothing was."""
    known = values[np.isfinite(values)]
    return float(np.quantile(known, q)) if len(known) else float("nan")

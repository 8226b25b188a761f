"""Agreement of two series: CCC, Pearson's r, MAE, the intraclass correlations of Shrout and Fleiss, lag.

A truth that never changes leaves nothing to agree on: NaN. An answer that never changes while the truth does is
defined and scores 0 in CCC and ICC(3,1); Pearson's r needs both to change. Places where either is NaN are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64
from mien.errors import RequestError
from mien.lab.metrics.score import Score, all_answered, mean_score, numbers, pair

IccForm = Literal["1,1", "2,1", "3,1"]
SAME = 1e-12  # relative spread below which a series counts as constant: rounding of float64


def _constant(series: Float64) -> bool:
    return len(series) < 2 or float(np.ptp(series)) <= SAME * max(1.0, float(np.abs(series).max()))


def pearson_r(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Score:
    """Pearson's correlation, −1…1; NaN if either series is constant or shorter than two."""
    a, b = pair(truth, predicted)
    if _constant(a) or _constant(b):
        return Score("pearson_r", float("nan"), len(a))
    a, b = a - a.mean(), b - b.mean()
    r = float(a @ b) / float(np.sqrt((a @ a) * (b @ b)))
    return Score("pearson_r", min(1.0, max(-1.0, r)), len(a))


def mean_absolute_error(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Score:
    """Mean of |predicted − truth|, in the unit of the series; NaN without values."""
    a, b = pair(truth, predicted)
    return Score("mae", float(np.abs(b - a).mean()) if len(a) else float("nan"), len(a))


def ccc(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Score:
    """Concordance correlation (Lin 1989), 2 cov / (var + var + (mean − mean)²), variances of the population (1/N).

    NaN if the truth is constant; 0 if only the answer is.
    """
    a, b = pair(truth, predicted)
    if _constant(a):
        return Score("ccc", float("nan"), len(a))
    shift = float(a.mean() - b.mean())
    covariance = float(((a - a.mean()) * (b - b.mean())).mean())
    return Score("ccc", 2 * covariance / (float(a.var()) + float(b.var()) + shift**2), len(a))


def mean_ccc(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Score:
    """Mean of the CCC of valence and of arousal, each over all frames of all videos together (ABAW).

    Args:
        truth: (N, 2) valence, arousal; NaN = not labelled.
        predicted: (N, 2); a labelled frame needs an answer.
    """
    a, b = numbers(truth, (None, 2), "truth"), numbers(predicted, (None, 2), "predicted")
    if len(a) != len(b):
        raise RequestError(f"truth has {len(a)} frames, predicted has {len(b)}")
    all_answered(a, b)
    parts = []
    for i, name in enumerate(("valence", "arousal")):
        score = ccc(a[:, i], b[:, i])
        parts.append(Score(name, score.value, score.support))
    return mean_score("mean_ccc", parts, max(p.support for p in parts))


def icc(truth: npt.ArrayLike, predicted: npt.ArrayLike, form: IccForm = "3,1") -> Score:
    """Intraclass correlation of single measurements by two raters (Shrout & Fleiss 1979, k = 2).

    "1,1": each target has raters of its own, (BMS − WMS) / (BMS + WMS).
    "2,1": the same two raters, absolute agreement, (BMS − EMS) / (BMS + EMS + 2 (JMS − EMS) / n).
    "3,1": the same two raters, consistency: a constant shift costs nothing, (BMS − EMS) / (BMS + EMS).

    NaN if the truth is constant. BMS between targets, WMS within targets, JMS between raters, EMS residual.

    Raises:
        RequestError: another form, or series of other lengths.
    """
    if form not in ("1,1", "2,1", "3,1"):
        raise RequestError(f"there is no ICC({form}); known: 1,1 and 2,1 (agreement), 3,1 (consistency)")
    a, b = pair(truth, predicted)
    n, name = len(a), f"icc({form})"
    if _constant(a):
        return Score(name, float("nan"), n)
    table = np.stack([a, b], axis=1)
    grand, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    between = 2 * float(((rows - grand) ** 2).sum()) / (n - 1)
    within = float(((table - rows[:, None]) ** 2).sum()) / n
    raters = n * float(((columns - grand) ** 2).sum())
    residual = float(((table - rows[:, None] - columns[None] + grand) ** 2).sum()) / (n - 1)
    if form == "1,1":
        return Score(name, (between - within) / (between + within), n)
    if form == "3,1":
        return Score(name, (between - residual) / (between + residual), n)
    return Score(name, (between - residual) / (between + residual + 2 * (raters - residual) / n), n)


@dataclass(frozen=True, slots=True)
class Lag:
    """By how much an answer comes late.

    Attributes:
        frames: positive = the answer follows the truth; NaN if either curve is constant.
        lag_ms: the same in time.
        r: correlation at that shift.
        overlap: frames that were compared there.
    """

    frames: float
    lag_ms: float
    r: float
    overlap: int


def lag(truth: npt.ArrayLike, predicted: npt.ArrayLike, fps: float, max_lag_ms: float = 500.0) -> Lag:
    """Shift at which two curves of one frame rate correlate best (Pearson's r over the overlap, at least half of it).

    Whole frames; between frames by the parabola through the best and its neighbours. Of equally good shifts the
    smallest counts.

    Args:
        truth, predicted: (N,); a pair with NaN is left out of each correlation.
        fps: frames per second, > 0.
        max_lag_ms: longest shift that is tried, either way.

    Raises:
        RequestError: other lengths, or a rate or limit that is not positive.
    """
    a, b = numbers(truth, (None,), "truth"), numbers(predicted, (None,), "predicted")
    if len(a) != len(b):
        raise RequestError(f"truth has {len(a)} values, predicted has {len(b)}")
    if not (np.isfinite(fps) and fps > 0 and np.isfinite(max_lag_ms) and max_lag_ms > 0):
        raise RequestError(f"fps {fps:g} and max_lag_ms {max_lag_ms:g} must be above 0")
    reach = min(int(max_lag_ms * fps / 1000), len(a) // 2)
    found: dict[int, Score] = {}
    for shift in sorted(range(-reach, reach + 1), key=lambda s: (abs(s), s)):
        end = len(a) - abs(shift)
        found[shift] = pearson_r(a[:end], b[shift:]) if shift >= 0 else pearson_r(a[-shift:], b[:end])
    best = None
    for shift, score in found.items():
        if score.defined and (best is None or score.value > found[best].value + SAME):
            best = shift
    if best is None:
        return Lag(float("nan"), float("nan"), float("nan"), 0)
    frames = best + _vertex(*(found[s].value if s in found else float("nan") for s in (best - 1, best, best + 1)))
    return Lag(frames, 1000 * frames / fps, found[best].value, found[best].support)


def _vertex(left: float, middle: float, right: float) -> float:
    """Where the parabola through three neighbours is highest, −½…½ from the middle one."""
    bend = left - 2 * middle + right
    if not np.isfinite(bend) or bend >= -SAME:
        return 0.0
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))

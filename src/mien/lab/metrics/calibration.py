"""Whether probabilities mean what they say: reliability diagram, expected calibration error, temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from mien.core.arrays import Float64, Int64
from mien.errors import RequestError
from mien.lab.metrics.score import numbers

BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Items by how sure the answer was (Guo et al. 2017, eqs. 2, 3).

    Attributes:
        edges: (B + 1,) of the bins, 0–1.
        sure: (B,) mean probability of the answers in a bin; NaN = nobody there.
        right: (B,) share of them that are right.
        count: (B,) items.
        ece: Σ count / N · |right − sure|.
    """

    edges: Float64
    sure: Float64
    right: Float64
    count: Int64
    ece: float


def reliability(probabilities: npt.ArrayLike, classes: npt.ArrayLike, bins: int = BINS) -> Reliability:
    """The diagram of the likeliest class.

    Args:
        probabilities: (N, C), rows sum to 1.
        classes: (N,) number of the true class.
        bins: of equal width.

    Raises:
        RequestError: no items, other lengths, NaN, or bins < 1.
    """
    p, truth = _checked(probabilities, classes)
    if bins < 1:
        raise RequestError(f"a reliability diagram needs at least one bin, not {bins}")
    top, hit = p.max(axis=1), p.argmax(axis=1) == truth
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(top, edges[1:-1], right=True), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        sure = np.bincount(place, weights=top, minlength=bins) / np.where(count, count, np.nan)
        right = np.bincount(place, weights=hit, minlength=bins) / np.where(count, count, np.nan)
    ece = float(np.nansum(count / len(p) * np.abs(right - sure)))
    return Reliability(edges, sure, right, count.astype(np.int64), ece)


def fit_temperature(probabilities: npt.ArrayLike, classes: npt.ArrayLike) -> float:
    """T > 0 for which softmax(log p / T) has the least negative log-likelihood (Guo et al. 2017, §4.2); 0.2–5.

    Args:
        probabilities: (N, C) before.
        classes: (N,) number of the true class; not items that are reported on.

    Raises:
        RequestError: as `reliability`.
    """
    p, truth = _checked(probabilities, classes)
    logits = np.log(np.maximum(p, 1e-12))

    def loss(log_t: float) -> float:
        z = logits / np.exp(log_t)
        z = z - z.max(axis=1, keepdims=True)
        return float((np.log(np.exp(z).sum(axis=1)) - np.take_along_axis(z, truth[:, None], axis=1)[:, 0]).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded")
    return float(np.exp(found.x))


def _checked(probabilities: npt.ArrayLike, classes: npt.ArrayLike) -> tuple[Float64, Int64]:
    p = numbers(probabilities, (None, None), "probabilities", finite=True)
    truth = np.asarray(classes, dtype=np.int64)
    if truth.shape != (len(p),) or not len(p):
        raise RequestError(f"{len(p)} rows of probabilities need as many classes and at least one, got {truth.shape}")
    if truth.min() < 0 or truth.max() >= p.shape[1]:
        raise RequestError(f"classes must be numbers below {p.shape[1]}")
    return p, truth

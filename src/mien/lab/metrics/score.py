"""`Score`: a value, how much it rests on, and what it was put together from; and the checks all metrics share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64
from mien.errors import RequestError


@dataclass(frozen=True, slots=True)
class Score:
    """What a metric answers.

    Attributes:
        name: of the metric, or of the part ("happiness", "AU12", "hard").
        value: NaN = not defined on these items.
        support: how many items the value rests on: faces, clips, frames, intervals.
        parts: scores by class, unit, level or dataset, in order.
    """

    name: str
    value: float
    support: int
    parts: Mapping[str, Score] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def defined(self) -> bool:
        """False if the value is NaN."""
        return not math.isnan(self.value)

    def as_json(self) -> dict[str, Any]:
        """Plain data; NaN becomes None, which JSON has."""
        out: dict[str, Any] = {"value": self.value if self.defined else None, "support": self.support}
        if self.parts:
            out["parts"] = {name: part.as_json() for name, part in self.parts.items()}
        return out

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4f} (n = {self.support})"


def mean_score(name: str, parts: Iterable[Score], support: int) -> Score:
    """Plain mean over the parts that are defined; NaN if none is."""
    by_name = {part.name: part for part in parts}
    values = [part.value for part in by_name.values() if part.defined]
    value = float(np.mean(values)) if values else float("nan")
    return Score(name, value, support, MappingProxyType(by_name))


def ratio(part: float, whole: float) -> float:
    """`part / whole`; NaN where `whole` is 0."""
    return part / whole if whole else float("nan")


def numbers(value: npt.ArrayLike, shape: tuple[int | None, ...], what: str, *, finite: bool = False) -> Float64:
    """`value` as float64 of the given shape.

    Args:
        value: anything numpy can read as numbers.
        shape: expected shape; None = any length.
        what: name for the message.
        finite: refuse NaN too; infinity is always refused.

    Raises:
        RequestError: no numbers, another shape, or infinity.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RequestError(f"{what}: expected numbers: {error}") from None
    if array.size == 0 and len(shape) > 1 and array.ndim == 1:
        array = array.reshape(tuple(0 if n is None else n for n in shape))
    if array.ndim != len(shape) or any(w is not None and w != g for w, g in zip(shape, array.shape, strict=True)):
        wanted = tuple("any" if n is None else n for n in shape)
        raise RequestError(f"{what}: expected shape {wanted}, got {array.shape}")
    if np.isinf(array).any() or (finite and np.isnan(array).any()):
        raise RequestError(f"{what}: holds {'NaN or ' if finite else ''}infinity at {_first_bad(array, finite)}")
    return array


def _first_bad(array: Float64, finite: bool) -> tuple[int, ...]:
    bad = ~np.isfinite(array) if finite else np.isinf(array)
    return tuple(int(i) for i in np.argwhere(bad)[0])


def pair(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[Float64, Float64]:
    """Two series (N,) of one length, without the places where either is NaN (not known, not tracked).

    Raises:
        RequestError: other shapes or lengths.
    """
    a, b = numbers(truth, (None,), "truth"), numbers(predicted, (None,), "predicted")
    if len(a) != len(b):
        raise RequestError(f"truth has {len(a)} values, predicted has {len(b)}: they must go together one by one")
    known = ~(np.isnan(a) | np.isnan(b))
    return a[known], b[known]


def all_answered(truth: Float64, predicted: Float64) -> None:
    """Refuse an answer that is missing where the truth is known: leaving it out would flatter the one who answers.

    Raises:
        RequestError: NaN in `predicted` at a place where `truth` is none; says where first.
    """
    missing = np.isnan(predicted) & ~np.isnan(truth)
    if missing.any():
        first = tuple(int(i) for i in np.argwhere(missing)[0])
        raise RequestError(
            f"predicted: NaN at {first} and {int(missing.sum()) - 1} more labelled places; "
            "answer them (0, or the last frame's value) and say so in the report"
        )

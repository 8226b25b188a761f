"""Edits of a take as a small list of operations: what is stored is what was asked for, never the result.

Operations work on the shape weights of one track, in their order, each on the result of those before. Gaps (NaN) stay
gaps but for `Fill`. Spans are times of the take's own clock; at their ends an edit fades in and out, so that no
curve jumps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from mien.animate.curves import reduced
from mien.core.arrays import Float32, Float64, Int64
from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S

SHAPES = load_schema("arkit52")
Bools = npt.NDArray[np.bool_]
_NS_PER_MS = 1_000_000
_EDGE_NS = 60 * _NS_PER_MS
"""How long an edit takes to come and go at the ends of its span."""


class Operation(BaseModel):
    """What all operations have.

    Attributes:
        track_id: whose curves; None = everybody's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    track_id: int | None = None


class _Spanned(Operation):
    """An operation on some shapes between two times; both ends belong to it.

    Attributes:
        shapes: names of schema "arkit52"; empty = all.
        start_ns, end_ns: None = from the beginning, to the end.
    """

    shapes: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=52)
    start_ns: int | None = None
    end_ns: int | None = None


class Despike(_Spanned):
    """Replace what jumps away and back within `longest_ms` by the line between its neighbours."""

    kind: Literal["despike"] = "despike"
    longest_ms: float = Field(default=45.0, gt=0, le=1000)
    threshold: float = Field(default=0.08, gt=0, le=1)


class Fill(_Spanned):
    """Fill gaps of at most `longest_ms` with the line between their neighbours."""

    kind: Literal["fill"] = "fill"
    longest_ms: float = Field(default=500.0, gt=0, le=60_000)


class Smooth(_Spanned):
    """Average with a Gaussian of `sigma_ms`; no delay."""

    kind: Literal["smooth"] = "smooth"
    sigma_ms: float = Field(default=60.0, gt=0, le=2000)


class Gain(_Spanned):
    """Multiply, then add; what leaves 0–1 is cut off."""

    kind: Literal["gain"] = "gain"
    gain: float = Field(default=1.0, ge=0, le=4)
    offset: float = Field(default=0.0, ge=-1, le=1)


class Reduce(_Spanned):
    """Keep the fewest keys from which the curve stays within `tolerance` (see `animate.curves`)."""

    kind: Literal["reduce"] = "reduce"
    tolerance: float = Field(default=0.02, gt=0, le=0.5)


class Mirror(Operation):
    """Swap left and right: shapes, head, eyes, landmarks."""

    kind: Literal["mirror"] = "mirror"


class Trim(Operation):
    """Keep only what lies between two times; for everybody."""

    kind: Literal["trim"] = "trim"
    start_ns: int
    end_ns: int


AnyOperation = Annotated[Despike | Fill | Smooth | Gain | Reduce | Mirror | Trim, Field(discriminator="kind")]


class Edits(BaseModel):
    """What is stored beside a take.

    Attributes:
        format: of this file.
        frames, first_ns: of the take that it belongs to.
        operations: in order; those behind `done` were undone and can be done again.
        done: how many of them count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    frames: int = Field(ge=0)
    first_ns: int
    operations: list[AnyOperation] = Field(default_factory=list, max_length=2000)
    done: int = Field(default=0, ge=0)

    @property
    def current(self) -> Sequence[AnyOperation]:
        """The operations that count."""
        return self.operations[: self.done]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The weights of one track.

    Attributes:
        t_ns: (T,) int64, strictly increasing.
        weights: (T, 52) float32, schema "arkit52"; NaN = not measured.
        kept: (T,) bool, False = trimmed away.
        mirrored: whether left and right are swapped.
    """

    t_ns: Int64
    weights: Float32
    kept: Bools
    mirrored: bool = False


def edited(curves: Curves, operations: Sequence[AnyOperation], track_id: int | None) -> Curves:
    """The curves of a track after the operations that are meant for it.

    Raises:
        KeyError: an operation names a shape that does not exist.
    """
    for operation in operations:
        if operation.track_id is None or operation.track_id == track_id or isinstance(operation, Trim):
            curves = _applied(curves, operation)
    return curves


def _applied(curves: Curves, operation: AnyOperation) -> Curves:
    if isinstance(operation, Trim):
        inside = (curves.t_ns >= operation.start_ns) & (curves.t_ns <= operation.end_ns)
        return replace(curves, kept=curves.kept & inside)
    if isinstance(operation, Mirror):
        return replace(curves, weights=curves.weights[:, SHAPES.mirror], mirrored=not curves.mirrored)
    share = _share(curves.t_ns, operation)
    rows = np.flatnonzero(share > 0)
    if not len(rows):
        return curves
    weights = curves.weights.copy()
    for k in [SHAPES.index(n) for n in operation.shapes] or range(len(SHAPES)):
        before = weights[:, k].astype(np.float64)
        after = np.clip(_column(curves.t_ns, before, operation), 0.0, 1.0)
        fill = np.isnan(before) & (share > 0)
        mixed = np.where(fill, after, before + share * (after - before))
        weights[rows, k] = mixed[rows]
    return replace(curves, weights=weights)


def _share(t_ns: Int64, operation: _Spanned) -> Float64:
    """(T,) 0 outside the span, 1 inside, rising and falling at its ends; whole ends of the take have no edge."""
    out = np.ones(len(t_ns))
    for end, sign in ((operation.start_ns, 1), (operation.end_ns, -1)):
        if end is not None:
            inside_ns = sign * (t_ns - end)
            out = np.minimum(out, np.where(inside_ns < 0, 0.0, np.clip((inside_ns + _EDGE_NS / 3) / _EDGE_NS, 0, 1)))
    return out


def _column(t_ns: Int64, values: Float64, operation: AnyOperation) -> Float64:
    """One curve, all of it, after the operation."""
    if isinstance(operation, Gain):
        return values * operation.gain + operation.offset
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 2:
        return values
    if isinstance(operation, Fill):
        return _filled(t_ns, values, known, round(operation.longest_ms * _NS_PER_MS))
    out = values.copy()
    t, v = t_ns[known], values[known]
    if isinstance(operation, Despike):
        out[known] = _despiked(t, v, round(operation.longest_ms * _NS_PER_MS), operation.threshold)
    elif isinstance(operation, Smooth):
        out[known] = _gaussian(t, v, operation.sigma_ms * _NS_PER_MS)
    elif isinstance(operation, Reduce):
        times_s = (t - t[0]) / NS_PER_S
        out[known] = reduced(times_s, v, operation.tolerance).at(times_s)
    return out


def _filled(t_ns: Int64, values: Float64, known: Int64, longest_ns: int) -> Float64:
    """Gaps between two known samples that are at most so far apart, by linear interpolation."""
    behind = np.searchsorted(known, np.arange(len(values)))
    before, after = known[np.clip(behind - 1, 0, None)], known[np.clip(behind, None, len(known) - 1)]
    short = np.isnan(values) & (behind > 0) & (behind < len(known)) & (t_ns[after] - t_ns[before] <= longest_ns)
    return np.where(short, np.interp(t_ns, t_ns[known], values[known]), values)


def _despiked(t_ns: Int64, values: Float64, longest_ns: int, threshold: float) -> Float64:
    """A sample that is further than `threshold` from the medians of the samples before and behind it, on the same side
    of both, is replaced by the line between the samples that are none. What surrounds it may move: its own range is
    added to the threshold, so that the peak of a blink is none."""
    spike = np.zeros(len(values), bool)
    ends = [np.searchsorted(t_ns, t_ns + d).tolist() for d in (-2 * longest_ns, -longest_ns // 2)]
    ends += [np.searchsorted(t_ns, t_ns + d, side="right").tolist() for d in (longest_ns // 2, 2 * longest_ns)]
    for i, (a, b, c, d) in enumerate(zip(*ends, strict=True)):
        before, after = values[max(a, b - 3) : b], values[c : min(d, c + 3)]
        if len(before) and len(after):
            up, down = values[i] - np.median(before), values[i] - np.median(after)
            moved = np.ptp(np.concatenate([before, after]))
            spike[i] = min(abs(up), abs(down)) > threshold + moved and up * down > 0
    if spike.all() or not spike.any():
        return values
    return np.where(spike, np.interp(t_ns, t_ns[~spike], values[~spike]), values)


def _gaussian(t_ns: Int64, values: Float64, sigma_ns: float) -> Float64:
    """Weighted means over three sigmas to both sides, by the real times of the samples."""
    first = np.searchsorted(t_ns, t_ns - round(3 * sigma_ns))
    last = np.searchsorted(t_ns, t_ns + round(3 * sigma_ns), side="right")
    out = np.empty_like(values)
    for i, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        weight = np.exp(-0.5 * ((t_ns[a:b] - t_ns[i]) / sigma_ns) ** 2)
        out[i] = float(weight @ values[a:b] / weight.sum())
    return out

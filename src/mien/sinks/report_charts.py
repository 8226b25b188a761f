"""Curves as inline SVG: small, sharp, readable without a script; a script only adds the values under the pointer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

from mien.core.arrays import Float32, Float64

POINTS = 480
"""A curve has at most this many points."""

_W, _H = 960.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 8.0, 8.0, 24.0
COLOURS = 8
"""Curves are drawn in the style classes c0 … c7."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve.

    Attributes:
        name: shown in the legend.
        values: (T,) NaN = a gap.
        colour: 0–7.
        dashed: drawn dashed: the second side of a pair.
    """

    name: str
    values: Float32
    colour: int
    dashed: bool = False


def chart(times_s: Float64, curves: Sequence[Curve], span: tuple[float, float], *, peaks: bool) -> Markup:
    """A chart with axes.

    Args:
        times_s: (T,) seconds, increasing.
        curves: what to draw.
        span: values at the bottom and the top; grows if the curves leave it.
        peaks: where several frames share one point, keep the largest value instead of the mean.
    """
    grid, reduced = _reduced(times_s, curves, peaks)
    known = np.concatenate([r[np.isfinite(r)] for r in reduced]) if reduced else np.zeros(0)
    low = min(span[0], float(known.min())) if len(known) else span[0]
    high = max(span[1], float(known.max())) if len(known) else span[1]
    x = _LEFT + (grid - grid[0]) / max(float(grid[-1] - grid[0]), 1e-9) * (_W - _LEFT - _RIGHT)
    parts = [_axes(grid, low, high)]
    for curve, values in zip(curves, reduced, strict=True):
        y = _TOP + (high - values) / (high - low) * (_H - _TOP - _BOTTOM)
        dash = " dashed" if curve.dashed else ""
        parts.append(f'<path class="curve c{curve.colour % COLOURS}{dash}" d="{_path(x, y)}"/>')
    data = {
        "t": [round(float(t), 3) for t in grid],
        "x": [round(float(v), 1) for v in x],
        "s": [{"n": c.name, "v": [_short(v) for v in r]} for c, r in zip(curves, reduced, strict=True)],
    }
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_W:.0f} {_H:.0f}" role="img" data-curves="{escape(json.dumps(data))}">'
        f'{"".join(parts)}<line class="cursor" y1="{_TOP}" y2="{_H - _BOTTOM}" x1="-99" x2="-99"/></svg>'
    )


def _reduced(times_s: Float64, curves: Sequence[Curve], peaks: bool) -> tuple[Float64, list[Float64]]:
    count = len(times_s)
    edges = np.linspace(0, count, min(POINTS, count) + 1).astype(int)
    grid = np.array([times_s[a:b].mean() for a, b in pairwise(edges.tolist())])
    merge = np.max if peaks else np.mean
    out = []
    for curve in curves:
        buckets = (curve.values[a:b] for a, b in pairwise(edges.tolist()))
        known = (b[np.isfinite(b)] for b in buckets)
        out.append(np.array([float(merge(k)) if len(k) else np.nan for k in known]))
    return grid, out


def _path(x: Float64, y: Float64) -> str:
    """SVG path that is interrupted at NaN; a lone point becomes a dot."""
    pieces = []
    drawing = False
    for px, py in zip(x.tolist(), y.tolist(), strict=True):
        if np.isfinite(py):
            pieces.append(f"L{px:.1f} {py:.1f}" if drawing else f"M{px:.1f} {py:.1f}h.01")
        drawing = bool(np.isfinite(py))
    return "".join(pieces)


def _axes(grid: Float64, low: float, high: float) -> str:
    out = []
    for value in _ticks(low, high, 4):
        y = _TOP + (high - value) / (high - low) * (_H - _TOP - _BOTTOM)
        out.append(f'<line class="grid" x1="{_LEFT}" x2="{_W - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{value:g}</text>')
    start, end = float(grid[0]), float(grid[-1])
    for value in _ticks(start, end, 10):
        x = _LEFT + (value - start) / max(end - start, 1e-9) * (_W - _LEFT - _RIGHT)
        out.append(f'<text x="{x:.1f}" y="{_H - 7}" text-anchor="middle">{value:g} s</text>')
    return "".join(out)


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers inside [low, high]."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    unit = 10.0 ** np.floor(np.log10(raw))
    step = float(min((m * unit for m in (1, 2, 5, 10)), key=lambda s: abs(s - raw)))
    first = int(np.ceil(low / step - 1e-9))
    return [round(k * step, 6) for k in range(first, int(np.floor(high / step + 1e-9)) + 1)]


def _short(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None


def strongest(values: npt.NDArray[np.float32], names: Sequence[str], count: int) -> list[str]:
    """Names of the columns that move most: largest distance between their 2nd and 99th percentile."""
    swing = [
        float(np.subtract(*np.percentile(column[np.isfinite(column)], [99, 2]))) if np.isfinite(column).any() else -1.0
        for column in values.T
    ]
    order = np.argsort(-np.asarray(swing), kind="stable")[:count]
    return [names[i] for i in order if swing[i] > 0]

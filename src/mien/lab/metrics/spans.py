"""Spans of time against spans of time, in seconds: overlap and one-to-one matching."""

from __future__ import annotations

from collections.abc import Sequence

OVERLAP = 0.5


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, shared) / max(max(one[1], other[1]) - min(one[0], other[0]), 1e-9)


def matched(
    found: Sequence[tuple[float, float]], true: Sequence[tuple[float, float]], least: float = OVERLAP
) -> dict[int, int]:
    """Position in `found` → position in `true` of what overlaps by `least` or more, one-to-one, the largest first."""
    pairs = [(-overlap(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(true)]
    out: dict[int, int] = {}
    for minus, i, j in sorted(pairs):
        if -minus >= least and i not in out and j not in out.values():
            out[i] = j
    return out

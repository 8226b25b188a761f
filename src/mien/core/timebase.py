"""Time is integer nanoseconds. No 1/fps arithmetic: frame rates are read off the stamps.

A stamp of a video is its presentation time in the container; of a camera, the host's monotonic clock
when the frame arrived.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Int64

NS_PER_S = 1_000_000_000


def ns_from_ticks(ticks: int, time_base: Fraction) -> int:
    """Container ticks → ns, exact, rounded to the nearest ns (halves to even)."""
    return round(Fraction(ticks) * time_base * NS_PER_S)


def ns_from_seconds(seconds: float) -> int:
    """Seconds → ns, rounded."""
    return round(seconds * NS_PER_S)


def seconds(t_ns: int) -> float:
    """ns → seconds."""
    return t_ns / NS_PER_S


def frame_rate_hz(stamps_ns: npt.ArrayLike) -> float:
    """Frame rate from stamps: 1 / median positive step; NaN for fewer than two frames."""
    steps = np.diff(np.asarray(stamps_ns, dtype=np.int64))
    steps = steps[steps > 0]
    return float(NS_PER_S / np.median(steps)) if len(steps) else float("nan")


def nearest(stamps_ns: Int64, t_ns: int, tolerance_ns: int) -> int | None:
    """Index of the stamp nearest to `t_ns` within the tolerance, else None. `stamps_ns` is sorted."""
    if len(stamps_ns) == 0:
        return None
    right = int(np.searchsorted(stamps_ns, t_ns))
    best = min(
        (i for i in (right - 1, right) if 0 <= i < len(stamps_ns)),
        key=lambda i: abs(int(stamps_ns[i]) - t_ns),
    )
    return best if abs(int(stamps_ns[best]) - t_ns) <= tolerance_ns else None


def timecode(t_ns: int) -> str:
    """`m:ss.mmm` (hours in front when there are any), for people."""
    ms = round(t_ns / 1_000_000)
    h, m, s = ms // 3_600_000, ms // 60_000 % 60, ms // 1000 % 60
    return (f"{h}:{m:02d}" if h else f"{m}") + f":{s:02d}.{ms % 1000:03d}"

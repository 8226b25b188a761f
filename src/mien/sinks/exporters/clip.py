"""What the animation formats write: one person's clip, counted from its first frame, and the file it goes to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from pydantic import Field

from mien.animate.performance import Lost, Performance, blanked, performances
from mien.animate.smooth import calmed
from mien.avatar.character import playable
from mien.core.arrays import Float32, Float64
from mien.core.record import FrameRecord
from mien.core.timebase import NS_PER_S, frame_rate_hz
from mien.pipeline import stage
from mien.sinks.exporters.people import worth_a_file

DEFAULT_RATE_HZ = 30.0
"""Of a clip that is too short to have a rate."""


class Recorded(Protocol):
    """What is needed of a take."""

    def records(self) -> Iterator[FrameRecord]:
        """Its records in order of time."""


class ClipOptions(stage.Options):
    """What every animation format can do."""

    smooth: bool = Field(default=False, description="calm the tremor, without delay; False = as measured")
    lost: Literal["hold", "fade"] = Field(default="hold", description="a lost face is held, or fades to neutral")


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One person's performance; T >= 1 frames (a take without a frame is one neutral key).

    Attributes:
        times_s: (T,) float64, strictly increasing, the first is 0.
        weights: (T, 52) float32, 0–1, schema "arkit52"; mouthClose never above jawOpen.
        head_xyzw, left_eye_xyzw, right_eye_xyzw: (T, 4) float32, as in `animate.performance.Performance`.
        head_translation_mm: (T, 3) float32, camera frame; NaN = never known.
        found: (T,) bool.
        rate_hz: frames per second, read off the stamps.
        track_id: whose; -1 = nobody's.
    """

    times_s: Float64
    weights: Float32
    head_xyzw: Float32
    left_eye_xyzw: Float32
    right_eye_xyzw: Float32
    head_translation_mm: Float32
    found: np.ndarray[tuple[int], np.dtype[np.bool_]]
    rate_hz: float
    track_id: int

    def __len__(self) -> int:
        return len(self.times_s)


def clips(
    take: Recorded, path: Path, track_id: int | None = None, *, smooth: bool = False, lost: Lost = "hold"
) -> Iterator[tuple[Path, Clip]]:
    """File and clip of everyone worth a file (see `people`): the main person's is `path`, others get their track id
    before the ending. With `track_id` only this person's, in `path`.

    Raises:
        SourceError: the take is damaged.
    """
    filled: Lost = "hold" if lost == "nan" else lost
    for place, one in enumerate(worth_a_file(performances(take.records(), only=track_id, lost=filled))):
        target = path.with_name(f"{path.stem}.{one.track_id}{path.suffix}") if place else path
        shown = calmed(one) if smooth else one
        yield target, clip_of(blanked(shown) if lost == "nan" else shown)


def clip_of(one: Performance) -> Clip:
    """The clip of a performance."""
    if len(one) == 0:
        still = np.array([[0, 0, 0, 1]], np.float32)
        no_place = np.full((1, 3), np.nan, np.float32)
        return Clip(
            np.zeros(1), np.zeros((1, 52), np.float32), still, still, still, no_place, np.zeros(1, bool), 30.0, -1
        )
    rate = frame_rate_hz(one.t_ns)
    return Clip(
        times_s=(one.t_ns - one.t_ns[0]) / NS_PER_S,
        weights=playable(one.weights),
        head_xyzw=one.head_xyzw,
        left_eye_xyzw=one.left_eye_xyzw,
        right_eye_xyzw=one.right_eye_xyzw,
        head_translation_mm=one.head_translation_mm,
        found=one.found,
        rate_hz=rate if math.isfinite(rate) else DEFAULT_RATE_HZ,
        track_id=one.track_id,
    )


def number(value: float, digits: int = 6) -> str:
    """A decimal without needless zeros: "0.25", "0", "-1.5"."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def auto_slopes(times_s: Float64, values: Float32) -> Float64:
    """(T, N) slopes per second of keys (T, N): through the neighbours, one-sided at the ends.

    This is the unclamped "auto" tangent of curve editors (Catmull-Rom for uneven steps).
    """
    out = np.zeros(values.shape, np.float64)
    if len(times_s) < 2:
        return out
    v = values.astype(np.float64)
    out[1:-1] = (v[2:] - v[:-2]) / (times_s[2:] - times_s[:-2])[:, None]
    out[0] = (v[1] - v[0]) / (times_s[1] - times_s[0])
    out[-1] = (v[-1] - v[-2]) / (times_s[-1] - times_s[-2])
    return out


def clamped_slopes(times_s: Float64, values: Float32) -> Float64:
    """(T, N) slopes per second with which a cubic Hermite curve never leaves the range of two neighbouring keys.

    Fritsch and Carlson (1980): slopes of at most three times the smaller secant, 0 at extrema.
    """
    slopes = auto_slopes(times_s, values)
    if len(times_s) < 2:
        return slopes
    secant = np.diff(values.astype(np.float64), axis=0) / np.diff(times_s)[:, None]
    before, after = np.vstack([secant[:1], secant]), np.vstack([secant, secant[-1:]])
    limit = 3.0 * np.minimum(np.abs(before), np.abs(after))
    bounded: Float64 = np.where(before * after > 0, np.clip(slopes, -limit, limit), 0.0)
    return bounded


def never_moves(values: Float32) -> bool:
    """Whether a (T,) curve is one value all the time: it needs one key."""
    return bool((values == values[0]).all())

"""Takes with known weights at known times, in memory, and readers that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from mien.animate.performance import Performance, performance
from mien.avatar.character import playable
from mien.core.arrays import Float32, Float64
from mien.core.geometry import rotation_from_euler
from mien.core.measures import Blendshapes, Box, Gaze, HeadPose
from mien.core.record import Face, FrameRecord, Stamp

RATES = {
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "60": Fraction(60),
    "200": Fraction(200),
}
START_NS = 3_000_000_000
"""Takes begin anywhere; exported clips begin at 0."""


@dataclass(frozen=True)
class ActedTake:
    """What exporters need of a take: records, many times."""

    acted: tuple[FrameRecord, ...]

    def records(self) -> Iterator[FrameRecord]:
        return iter(self.acted)

    @property
    def performance(self) -> Performance:
        return performance(self.acted)

    @property
    def times_s(self) -> Float64:
        return np.array([(r.stamp.t_ns - START_NS) / 1e9 for r in self.acted])

    @property
    def weights(self) -> Float32:
        return playable(self.performance.weights)


def acted_take(rate: str, frames: int = 40, seed: int = 3) -> ActedTake:
    """Random weights (some shapes never move), a turning head and eyes that look about."""
    rng = np.random.default_rng(seed)
    weights = rng.random((frames, 52)).astype(np.float32)
    weights[:, rng.random(52) < 0.3] = 0.25
    weights[:, 51] = np.nan  # the tongue is never measured
    head = np.cumsum(rng.normal(0, 3, (frames, 3)), axis=0)
    gaze = rng.normal(0, 8, (frames, 2, 2))
    return ActedTake(tuple(record_at(rate, i, weights[i], head[i], gaze[i]) for i in range(frames)))


def record_at(rate: str, index: int, weights: Float32, head: Float64, gaze: Float64) -> FrameRecord:
    t_ns = START_NS + round(Fraction(index * 10**9) / RATES[rate])
    face = Face(
        Box([0, 0, 10, 10], 0.9),
        1,
        head_pose=HeadPose(rotation_from_euler(*head), [0, 0, 500 + head[0]], 0.5, 0.9),
        gaze=Gaze(gaze[0], gaze[1], [1, 1]),
        blendshapes=Blendshapes.of(weights, np.isfinite(weights)),
    )
    return FrameRecord(Stamp("clip.mp4", index, t_ns), (96, 80), None, (face,))


def same_curve(times_s: list[float], values: list[float], wanted_s: Float64, wanted: Float32) -> None:
    """Times within 1 ms and values within 1e-4; a curve that never moves may have one key."""
    if len(values) == 1:
        assert np.ptp(wanted) == 0
        assert abs(values[0] - wanted[0]) <= 1e-4
        return
    np.testing.assert_allclose(times_s, wanted_s, rtol=0, atol=1e-3)
    assert (np.diff(times_s) > 0).all()
    np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-4)

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.timebase import frame_rate_hz, nearest, ns_from_seconds, ns_from_ticks, timecode


@given(st.integers(0, 10**9), st.sampled_from([24000, 90000, 25, 1000, 30000]))
def test_ticks_are_exact_to_half_a_nanosecond(ticks: int, den: int) -> None:
    base = Fraction(1001 if den == 30000 else 1, den)
    assert abs(ns_from_ticks(ticks, base) - ticks * base * 10**9) <= Fraction(1, 2)


def test_ntsc_stamps_do_not_drift() -> None:
    """After 30 minutes of 29.97 fps the stamp is exact; float 1/fps arithmetic is not."""
    n = 30 * 60 * 30
    assert ns_from_ticks(n, Fraction(1001, 30000)) == n * 1001 * 10**9 // 30000


@pytest.mark.parametrize("rate", [15, 23.976, 25, 29.97, 60, 200])
def test_frame_rate_from_stamps(rate: float) -> None:
    stamps = [ns_from_seconds(i / rate) for i in range(50)]
    del stamps[10:13]  # lost frames do not change it
    assert frame_rate_hz(stamps) == pytest.approx(rate, rel=1e-3)
    assert np.isnan(frame_rate_hz([1]))


def test_nearest_respects_the_tolerance() -> None:
    stamps = np.array([0, 10, 20, 40], np.int64)
    assert nearest(stamps, 14, 5) == 1
    assert nearest(stamps, 31, 5) is None
    assert nearest(stamps, 100, 60) == 3
    assert nearest(np.array([], np.int64), 0, 5) is None


def test_timecode() -> None:
    assert timecode(62_345_600_000) == "1:02.346"
    assert timecode(3_600_000_000_000) == "1:00:00.000"

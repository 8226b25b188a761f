from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.animate.curves import reduced
from mien.core.arrays import Float64


def minute(rate: float = 30.0, noise: float = 0.002) -> tuple[Float64, Float64]:
    """A minute of six shapes as faces move them: blinks of 150 ms, smiles, micro-expressions, a little noise."""
    rng = np.random.default_rng(4)
    t = np.arange(0, 60, 1 / rate)
    curves = []
    for count, length in ((18, 0.15), (12, 1.5), (8, 3.0), (10, 0.3), (4, 6.0), (15, 0.8)):
        v = np.zeros(len(t))
        for start in rng.uniform(0, 60 - length, count):
            s = np.clip((t - start) / length, 0, 1)
            v = np.maximum(v, rng.uniform(0.3, 1) * np.sin(np.pi * s) ** 2)
        curves.append(np.clip(v + rng.normal(0, noise, len(t)) * (v > 0), 0, 1))
    return t, np.array(curves)


def test_a_minute_fits_in_15_per_cent_of_the_keys_at_a_hundredth() -> None:
    t, curves = minute()
    keys = [reduced(t, v, 0.01) for v in curves]
    assert sum(map(len, keys)) <= 0.15 * curves.size
    for one, v in zip(keys, curves, strict=True):
        assert np.abs(one.at(t) - v).max() <= 0.01 + 1e-9


def test_keys_cost_the_same_at_any_rate() -> None:
    counts = [sum(len(reduced(t, v, 0.01)) for v in c) for t, c in (minute(30, 0.0), minute(200, 0.0))]
    assert counts[1] < 1.5 * counts[0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 2**31), st.floats(1e-4, 0.3))
@settings(max_examples=80, deadline=None)
def test_the_bound_holds_and_no_limit_is_crossed(values: list[float], seed: int, tolerance: float) -> None:
    t = np.cumsum(np.random.default_rng(seed).uniform(0.003, 0.2, len(values)))
    v = np.array(values)
    keys = reduced(t, v, tolerance)
    assert (keys.places[0], keys.places[-1]) == (0, len(v) - 1)
    assert (np.diff(keys.places) > 0).all()
    np.testing.assert_array_equal(keys.values, v[keys.places])
    assert np.abs(keys.at(t) - v).max() <= tolerance + 1e-9
    between = keys.at(np.linspace(t[0], t[-1], 2000))
    assert between.min() >= -1e-6
    assert between.max() <= 1 + 1e-6


def test_what_a_cubic_can_do_needs_two_keys() -> None:
    t = np.linspace(0, 2, 50)
    assert len(reduced(t, 0.25 + 0.1 * t - 0.1 * t**2 + 0.05 * t**3, 1e-6)) == 2
    assert len(reduced(t, np.full(50, 0.3), 1e-6)) == 2
    assert len(reduced(t[:1], np.array([0.3]), 1e-6)) == 1
    with pytest.raises(ValueError, match="above 0"):
        reduced(t, t, 0.0)

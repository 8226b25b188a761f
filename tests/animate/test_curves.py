from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mien.animate.curves import reduced
from mien.animate.turns import reduced_turns, turned_at
from mien.core.arrays import Float64
from mien.core.geometry import quaternion_from_rotation, rotation_from_euler


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


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 2**31), st.floats(1e-4, 0.3), st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_bound_holds_and_no_limit_is_crossed(
    values: list[float], seed: int, tolerance: float, straight: bool
) -> None:
    t = np.cumsum(np.random.default_rng(seed).uniform(0.003, 0.2, len(values)))
    v = np.array(values)
    keys = reduced(t, v, tolerance, straight=straight)
    assert keys.times_s[0] == t[0]
    assert len(keys) == 1 or keys.times_s[-1] == t[-1]
    assert (np.diff(keys.times_s) > 0).all()
    assert len(keys) <= len(v)
    assert np.abs(keys.at(t) - v).max() <= tolerance + 1e-9
    between = keys.at(np.linspace(t[0], t[-1], 2000))
    assert between.min() >= -1e-6
    assert between.max() <= 1 + 1e-6
    if straight:
        np.testing.assert_allclose(np.interp(t, keys.times_s, keys.values), keys.at(t), atol=1e-9)


@given(st.integers(1, 5), st.integers(1, 30), st.integers(0, 2**31), st.floats(1e-3, 0.3), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_curves_that_share_their_keys(
    width: int, frames: int, seed: int, tolerance: float, straight: bool, together: bool
) -> None:
    rng = np.random.default_rng(seed)
    t, v = np.cumsum(rng.uniform(0.01, 0.1, frames)), np.cumsum(rng.normal(0, 0.05, (frames, width)), axis=0)
    keys = reduced(t, v, tolerance, (-np.inf, np.inf), straight=straight, together=together)
    assert keys.values.shape == (len(keys), width)
    off = keys.at(t) - v
    assert (np.linalg.norm(off, axis=1) if together else np.abs(off)).max() <= tolerance + 1e-9


def test_what_a_cubic_can_do_needs_two_keys() -> None:
    t = np.linspace(0, 2, 50)
    assert len(reduced(t, 0.25 + 0.1 * t - 0.1 * t**2 + 0.05 * t**3, 1e-6)) == 2
    assert len(reduced(t, np.full(50, 0.3), 1e-6)) == 1
    assert len(reduced(t[:1], np.array([0.3]), 1e-6)) == 1
    with pytest.raises(ValueError, match="above 0"):
        reduced(t, t, 0.0)


def test_tremor_below_the_tolerance_costs_nothing() -> None:
    t = np.arange(0, 10, 1 / 30)
    rng = np.random.default_rng(1)
    slow = 0.4 + 0.3 * np.sin(t)
    assert len(reduced(t, 0.5 + rng.uniform(-0.01, 0.01, len(t)), 0.01)) == 1
    assert len(reduced(t, slow + rng.uniform(-0.006, 0.006, len(t)), 0.01)) <= 2 * len(reduced(t, slow, 0.004))


@given(st.integers(1, 60), st.floats(0.2, 12.0), st.integers(0, 2**31), st.floats(0.05, 5.0), st.booleans())
@settings(max_examples=60, deadline=None)
def test_turns_stay_within_the_angle(frames: int, pace: float, seed: int, degrees: float, straight: bool) -> None:
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.uniform(0.005, 0.05, frames))
    angles = np.cumsum(rng.normal(0, pace, (frames, 3)), axis=0)
    q = np.array([quaternion_from_rotation(rotation_from_euler(*a)) for a in angles])
    q *= rng.choice([-1.0, 1.0], frames)[:, None]
    keys = reduced_turns(t, q, degrees, straight=straight)
    np.testing.assert_allclose(np.linalg.norm(keys.values, axis=1), 1.0, atol=1e-12)
    assert ((keys.values[1:] * keys.values[:-1]).sum(axis=1) > -1e-9).all()
    shown = turned_at(keys, t, straight=straight)
    off = Rotation.from_quat(shown).inv() * Rotation.from_quat(q)
    assert np.degrees(off.magnitude()).max() <= degrees + 1e-6


def test_a_head_that_turns_evenly_needs_few_keys() -> None:
    t = np.linspace(0, 2, 60)
    q = np.array([quaternion_from_rotation(rotation_from_euler(20 * x, 0, 0)) for x in t])
    assert len(reduced_turns(t, q, 1.0)) == 2
    assert len(reduced_turns(t, q, 0.1, straight=True)) <= 5
    assert len(reduced_turns(t, np.tile(q[:1], (60, 1)), 1.0)) == 1

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.animate.performance import Performance
from mien.animate.smooth import WEIGHTS, OneEuro, calmed
from mien.core.arrays import Float32, Int64


def stamps(seconds: float, rate_hz: float) -> Int64:
    return (np.arange(round(seconds * rate_hz)) / rate_hz * 1e9).astype(np.int64)


def blink(t_ns: Int64, at_s: float, length_s: float = 0.2) -> Float32:
    """A raised cosine: closed for an instant."""
    x = (t_ns / 1e9 - at_s) / length_s
    return np.where(np.abs(x) < 0.5, 0.5 + 0.5 * np.cos(2 * np.pi * x), 0.0).astype(np.float32)


def performance_of(t_ns: Int64, weights: Float32) -> Performance:
    n = len(t_ns)
    still = np.tile(np.float32([0, 0, 0, 1]), (n, 1))
    return Performance(1, t_ns, weights, still, still, still, np.zeros((n, 3), np.float32), np.ones(n, bool))


def test_first_order_step_response_is_the_one_of_the_paper() -> None:
    t_ns = stamps(1.0, 100.0)
    step = np.ones((100, 1), np.float32)
    step[0] = 0.0
    out = OneEuro(min_cutoff_hz=1.0, beta_s=0.0)(t_ns, step)[:, 0]
    tau = 1.0 / (2 * np.pi)
    alpha = 1.0 / (1.0 + tau / 0.01)
    np.testing.assert_allclose(out, 1.0 - (1.0 - alpha) ** np.arange(100), rtol=1e-4, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(value=st.floats(0, 1), cutoff=st.floats(0.1, 20), beta=st.floats(0, 50))
def test_a_constant_stays(value: float, cutoff: float, beta: float) -> None:
    t_ns = stamps(0.5, 30.0)
    signal = np.full((len(t_ns), 2), value, np.float32)
    np.testing.assert_allclose(OneEuro(cutoff, beta).centred(t_ns, signal), signal, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), cutoff=st.floats(0.1, 20), beta=st.floats(0, 50))
def test_output_stays_within_the_range_of_the_input(seed: int, cutoff: float, beta: float) -> None:
    t_ns = stamps(1.0, 30.0)
    signal = np.random.default_rng(seed).random((len(t_ns), 3), np.float32)
    out = OneEuro(cutoff, beta).centred(t_ns, signal)
    assert out.min() >= signal.min() - 1e-6
    assert out.max() <= signal.max() + 1e-6


def test_frame_rate_hardly_matters() -> None:
    ends = []
    for rate in (25.0, 60.0, 200.0):
        t_ns = stamps(2.0, rate)
        signal = (t_ns[:, None] / 2e9).astype(np.float32)
        ends.append(float(np.interp(1.5e9, t_ns, WEIGHTS(t_ns, signal)[:, 0])))
    assert np.ptp(ends) < 0.02


@pytest.mark.parametrize("rate_hz", [25.0, 29.97, 60.0])
@pytest.mark.parametrize("length_s", [0.15, 0.2, 0.3])
def test_blinks_survive(rate_hz: float, length_s: float) -> None:
    t_ns = stamps(2.0, rate_hz)
    signal = np.zeros((len(t_ns), 52), np.float32)
    signal[:, 0] = blink(t_ns, float(t_ns[len(t_ns) // 2]) / 1e9, length_s)
    out = calmed(performance_of(t_ns, signal)).weights
    assert out[:, 0].max() > 0.85 * signal[:, 0].max()
    assert out[:, 0].argmax() == signal[:, 0].argmax()
    assert not out[:, 1:].any()


def test_tremor_is_calmed() -> None:
    t_ns = stamps(4.0, 30.0)
    noise = np.random.default_rng(1).normal(0.3, 0.015, (len(t_ns), 52)).astype(np.float32)
    out = calmed(performance_of(t_ns, noise)).weights
    before, after = (np.abs(np.diff(x, axis=0)).mean() for x in (noise, out))
    assert after < 0.5 * before
    np.testing.assert_allclose(np.linalg.norm(calmed(performance_of(t_ns, noise)).head_xyzw, axis=1), 1.0, atol=1e-6)


def test_gaps_are_refused() -> None:
    with pytest.raises(ValueError, match="gaps"):
        OneEuro()(stamps(0.2, 10.0), np.float32([[0.0], [np.nan]]))

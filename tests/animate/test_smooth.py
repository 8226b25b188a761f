from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.animate.performance import Performance
from mien.animate.smooth import WEIGHTS, OneEuro, calmed, sealed
from mien.core.arrays import Float32, Int64
from mien.core.schema import load_schema


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


CLOSE, JAW = (load_schema("arkit52").index(n) for n in ("mouthClose", "jawOpen"))


def speech(t_ns: Int64, share: float) -> Float32:
    """A jaw that opens and shuts three times a second, and lips that close `share` of it."""
    weights = np.zeros((len(t_ns), 52), np.float32)
    weights[:, JAW] = 0.3 + 0.3 * np.sin(2 * np.pi * 3 * t_ns / 1e9)
    weights[:, CLOSE] = share * weights[:, JAW]
    return weights


@pytest.mark.parametrize("rate_hz", [25.0, 60.0, 200.0])
def test_lips_that_touch_over_a_moving_jaw_stay_shut(rate_hz: float) -> None:
    t_ns = stamps(2.0, rate_hz)
    raw = speech(t_ns, 1.0)
    out = calmed(performance_of(t_ns, raw)).weights
    assert np.ptp(out[:, JAW]) > 0.3, "the jaw moves"
    np.testing.assert_allclose(out[:, CLOSE], out[:, JAW], atol=1e-6)


def test_a_seal_survives_noise_of_its_own_and_a_sample_at_a_time() -> None:
    t_ns = stamps(2.0, 60.0)
    raw = speech(t_ns, 0.97)
    raw[:, CLOSE] += np.random.default_rng(1).normal(0, 0.005, len(raw)).astype(np.float32)
    plain = WEIGHTS(t_ns, raw)
    out = np.array([sealed(r, p) for r, p in zip(raw, plain, strict=True)])
    np.testing.assert_allclose(out, sealed(raw, plain), atol=1e-7)
    shut = raw[:, JAW] > 0.1
    gap = (out[:, JAW] - out[:, CLOSE])[shut] / out[:, JAW][shut]
    assert gap.min() >= -1e-6
    assert gap.max() < 0.1, "a gap of a tenth of the opening at most"
    assert np.abs(np.delete(out, CLOSE, 1) - np.delete(plain, CLOSE, 1)).max() == 0, "nothing else is touched"


def test_lips_that_are_apart_are_only_kept_from_closing_more_than_the_jaw_opens() -> None:
    raw, smooth = np.zeros((3, 52), np.float32), np.zeros((3, 52), np.float32)
    raw[:, JAW], raw[:, CLOSE] = [0.5, 0.5, 0.0], [0.25, 0.5, 0.0]
    smooth[:, JAW], smooth[:, CLOSE] = [0.4, 0.4, 0.1], [0.3, 0.1, 0.6]
    out = sealed(raw, smooth)[:, CLOSE]
    assert out.tolist() == [np.float32(0.3), np.float32(0.4), np.float32(0.1)]
    smooth[:, CLOSE] = [0.6, 0.1, 0.6]
    assert sealed(raw, smooth)[0, CLOSE] == np.float32(0.4)


def test_quick_and_calm_groups_keep_a_pressed_mouth_shut_from_end_to_end() -> None:
    """The jaw drops behind closed lips, as in an M before an A: they part when they part in the raw curves."""
    t_ns = stamps(1.0, 60.0)
    raw = np.zeros((60, 52), np.float32)
    raw[20:, JAW] = np.minimum(np.arange(40) / 12, 0.6)
    raw[20:36, CLOSE] = raw[20:36, JAW]
    out = calmed(performance_of(t_ns, raw)).weights
    held = slice(0, 36)
    np.testing.assert_allclose(out[held, CLOSE], out[held, JAW], atol=1e-6)
    assert (out[50:, JAW] - out[50:, CLOSE]).min() > 0.3

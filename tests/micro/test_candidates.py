"""Pulses of movement: found once, at their times, whatever the noise."""

import numpy as np
import pytest

from mien.animate.motion import Pulse, course
from mien.micro.candidates import find_candidates
from mien.micro.features import feature_names, features_of
from mien.micro.grid import Grid
from mien.micro.regions import load_regions

R = load_regions()


def _grid(pulses: list[tuple[float, float, float]], size: float, seconds: float = 6.0, noise: float = 0.001) -> Grid:
    n = round(seconds * 100)
    t = np.arange(n) / 100
    rng = np.random.default_rng(4)
    regions = rng.normal(0, noise, (n, len(R), 2))
    for pulse in pulses:
        up = course(Pulse(0, 1.0, *pulse), t)
        for name in ("brow_inner_R", "brow_inner_L", "brow_middle_R", "brow_middle_L", "forehead_C"):
            regions[:, R.index(name), 1] -= size * up
    zero = np.zeros(n, np.float32)
    return Grid(
        np.arange(n, dtype=np.int64) * 10_000_000,
        regions.astype(np.float32),
        np.zeros((n, 8), np.float32),
        zero,
        zero + 120,
        np.zeros(n, bool),
        100.0,
    )


@pytest.mark.parametrize("span", [(2.0, 2.12, 2.3), (2.5, 2.7, 2.95)])
def test_onset_apex_and_offset_of_a_short_pulse(span: tuple[float, float, float]) -> None:
    found, _ = find_candidates(_grid([span], 0.01))
    best = max((c for c in found if c.scale == 0), key=lambda c: c.energy)
    assert np.array([best.onset, best.apex, best.offset]) / 100 == pytest.approx(span, abs=0.04)
    assert R.names[int(np.argmax(best.z))].startswith(("brow", "forehead"))


def test_a_long_pulse_is_found_at_a_long_scale() -> None:
    found, _ = find_candidates(_grid([(1.5, 2.1, 3.6)], 0.03))
    best = min(found, key=lambda c: abs(c.onset - 150) + abs(c.offset - 360))
    assert (best.onset / 100, best.offset / 100) == pytest.approx((1.5, 3.6), abs=0.2)


def test_noise_alone_gives_few_and_faint_ones() -> None:
    found, _ = find_candidates(_grid([], 0.0))
    assert all(c.height < 12 for c in found)


def test_features_are_finite_and_named() -> None:
    grid = _grid([(2.0, 2.2, 2.4), (4.0, 4.1, 4.2)], 0.008)
    found, bands = find_candidates(grid)
    rows = features_of(grid, bands, found)
    assert rows.shape == (len(found), len(feature_names()))
    assert np.isfinite(rows).all()
    assert features_of(grid, bands, []).shape == (0, len(feature_names()))

"""The network's input: filters, units of noise, facts."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from mien.micro.grid import Grid
from mien.micro.regions import load_regions
from mien.micro.signals import FACTS, STRIDE, gaussian, has_noise, signals_of, width

R = load_regions()


def grid_of(regions: np.ndarray, rate: float = 100.0, light: float = 120.0) -> Grid:
    """A grid whose head is at rest."""
    n = len(regions)
    zero = np.zeros(n, np.float32)
    return Grid(
        np.arange(n, dtype=np.int64) * 10_000_000,
        regions.astype(np.float32),
        np.zeros((n, 8), np.float32),
        zero,
        zero + np.float32(light),
        np.zeros(n, bool),
        rate,
    )


@pytest.mark.parametrize(("seconds", "near"), [(0.02, 0.25), (0.25, 0.1), (2.5, 0.1)])
def test_running_means_are_nearly_a_gaussian(seconds: float, near: float) -> None:
    values = np.zeros((1, 4001), np.float32)
    values[0, 2000] = 1.0
    out = gaussian(values, seconds)
    truth = gaussian_filter1d(values.astype(np.float64), seconds * 100, axis=1)
    assert out.sum() == pytest.approx(1.0, abs=1e-3)
    assert np.abs(out - truth).max() < near * truth.max()
    t = np.arange(4001) - 2000
    assert np.sqrt((out[0] * t**2).sum()) == pytest.approx(seconds * 100, rel=near)


def test_movement_is_counted_in_noises_of_its_region() -> None:
    rng = np.random.default_rng(0)
    rest = rng.normal(0, 0.004, (1200, len(R), 2))
    rest[:, 5] *= 3
    a = signals_of(grid_of(rest))
    assert a.noise[5] / np.median(a.noise) == pytest.approx(3.0, rel=0.25)
    b = signals_of(grid_of(2 * rest))
    own = 4 * len(R)
    assert np.abs(a.rows[:, :own] - b.rows[:, :own]).max() < 1e-3
    assert b.rows[0, own + FACTS.index("noise")] - a.rows[0, own + FACTS.index("noise")] == pytest.approx(np.log(2))


def test_the_bands_show_what_is_brief_and_what_lasts() -> None:
    t = np.arange(2000) / 100
    brief, slow = np.exp(-0.5 * ((t - 10) / 0.1) ** 2), np.exp(-0.5 * ((t - 10) / 1.0) ** 2)
    regions = np.random.default_rng(1).normal(0, 0.001, (2000, len(R), 2))
    regions[:, 0, 1] += 0.02 * brief
    regions[:, 1, 1] += 0.02 * slow
    rows = signals_of(grid_of(regions)).rows
    short, long = rows[:, : 2 * len(R)].reshape(-1, len(R), 2), rows[:, 2 * len(R) : 4 * len(R)].reshape(-1, len(R), 2)
    apex = 1000 // STRIDE
    assert short[apex, 0, 1] > 2.5
    assert short[apex, 1, 1] < short[apex, 0, 1] - 0.5
    assert long[apex, 1, 1] > 2.5


def test_facts_and_lengths() -> None:
    grid = grid_of(np.zeros((301, len(R), 2)), rate=50.0, light=float("nan"))
    signals = signals_of(grid)
    assert signals.rows.shape == (151, width())
    assert np.isfinite(signals.rows).all()
    facts = dict(zip(FACTS, signals.rows[7, 4 * len(R) :], strict=True))
    assert facts["pixels"] == 0.0
    assert facts["rate"] == pytest.approx(np.log(0.5))
    assert signals_of(grid_of(np.zeros((301, len(R), 2)))).rows[7, 4 * len(R) + FACTS.index("pixels")] == 1.0


@pytest.mark.parametrize("length", [700, 701])
def test_a_part_of_the_rows_is_that_part_of_all(length: int) -> None:
    grid = grid_of(np.random.default_rng(2).normal(0, 0.004, (length, len(R), 2)))
    whole, part = signals_of(grid), signals_of(grid, 201)
    assert np.array_equal(part.rows, whole.rows[201:])
    assert np.array_equal(part.smooth, whole.smooth)


@pytest.mark.parametrize("length", [700, 701])
def test_noise_is_the_median_of_what_is_brief(length: int) -> None:
    grid = grid_of(np.random.default_rng(2).normal(0, 0.004, (length, len(R), 2)))
    smooth = gaussian(grid.regions.reshape(length, -1).T, 0.02)
    sizes = np.median(np.abs(smooth - gaussian(smooth, 0.25)), axis=1).reshape(-1, 2)
    assert signals_of(grid).noise == pytest.approx(1.4826 * sizes.mean(axis=1), rel=1e-6)


@pytest.mark.parametrize(
    ("seconds", "followed_s", "known"), [(1.2, 0.3, False), (1.2, 0.5, True), (10.0, 0.4, False), (0.4, 0.25, True)]
)
def test_noise_wants_half_a_second_of_a_face_that_is_mostly_lost(
    seconds: float, followed_s: float, known: bool
) -> None:
    grid = grid_of(np.zeros((round(100 * seconds), len(R), 2)))
    grid.broken[round(100 * followed_s) :] = True
    assert has_noise(grid) is known

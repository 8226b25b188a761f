"""Frames of any rate on one grid of time."""

import numpy as np
import pytest

from mien.micro.grid import STEP_NS, to_grid
from mien.micro.movement import Moved
from mien.micro.regions import load_regions

N = len(load_regions())


def _moves(times_s: np.ndarray, values: np.ndarray, fresh: tuple[int, ...] = (0,)) -> list[Moved]:
    zero = np.zeros(8, np.float32)
    return [
        Moved(round(t * 1e9), np.full((N, 2), v, np.float32), zero, 0.0, 100.0, k in fresh)
        for k, (t, v) in enumerate(zip(times_s, values, strict=True))
    ]


@pytest.mark.parametrize("rate", [25.0, 60.0, 100.0, 240.0])
def test_a_line_stays_a_line_at_every_rate(rate: float) -> None:
    t = np.arange(0, 1.0, 1 / rate)
    grid = to_grid(_moves(t, 0.3 * t), rate)
    assert grid is not None
    assert np.diff(grid.t_ns).tolist() == [STEP_NS] * (len(grid) - 1)
    inner = slice(5, -5)
    assert grid.regions[inner, 0, 0] == pytest.approx(0.3 * grid.t_ns[inner] / 1e9, abs=0.0015)
    assert not grid.broken.any()


@pytest.mark.parametrize("rate", [17.0, 60.0, 100.0, 130.0, 240.0, 1000.0])
def test_the_grid_is_that_of_one_line_after_the_other(rate: float) -> None:
    rng = np.random.default_rng(8)
    t = np.sort(rng.choice(round(2000 * rate), round(2 * rate), replace=False)) / (1000 * rate)
    rows = rng.normal(0, 1, (len(t), N, 2)).astype(np.float32)
    head = rng.normal(0, 1, (len(t), 8)).astype(np.float32)
    light = rng.uniform(0, 255, len(t))
    moves = [
        Moved(round(1e9 * s), *v, 0.0, w, False) for s, v, w in zip(t, zip(rows, head, strict=True), light, strict=True)
    ]
    grid = to_grid(moves, rate)
    assert grid is not None
    since = np.array([m.t_ns - moves[0].t_ns for m in moves]) / STEP_NS
    cell = np.round(since).astype(int)
    own = [cell == c for c in np.unique(cell)]
    at = [since[k].mean() for k in own]
    told = {(0, 0): rows[:, 0, 0], (N - 1, 1): rows[:, N - 1, 1]}
    for (region, axis), values in told.items():
        line = np.interp(np.arange(len(grid)), at, [values[k].astype(float).mean() for k in own])
        assert grid.regions[:, region, axis] == pytest.approx(line, abs=1e-6)
    assert grid.light == pytest.approx(np.interp(np.arange(len(grid)), at, [light[k].mean() for k in own]), abs=1e-4)
    steps = np.diff([m.t_ns for m in moves])
    speed = head[:, 3] / np.maximum(np.r_[np.median(steps), steps] / 1e9, 1e-4)
    line = np.interp(np.arange(len(grid)), at, [speed[k].mean() for k in own])
    assert grid.head[:, 3] == pytest.approx(line, rel=1e-5, abs=1e-5)


def test_pieces_are_joined_at_the_same_height_and_the_joint_is_marked() -> None:
    t = np.arange(0, 1.0, 0.01)
    values = np.where(t < 0.5, 0.1, 0.0)
    grid = to_grid(_moves(t, values, (0, 50)), 100.0)
    assert grid is not None
    assert np.ptp(grid.regions[:, 0, 0]) < 1e-6
    assert grid.broken[50]
    assert not grid.broken[20]


def test_a_hole_is_broken() -> None:
    t = np.r_[np.arange(0, 0.5, 0.02), np.arange(1.2, 1.6, 0.02)]
    grid = to_grid(_moves(t, 0 * t), 50.0)
    assert grid is not None
    assert grid.broken[60:110].all()


def test_too_little_is_nothing() -> None:
    assert to_grid([], 30.0) is None
    assert to_grid(_moves(np.array([0.0, 0.01, 0.02]), np.zeros(3)), 100.0) is None

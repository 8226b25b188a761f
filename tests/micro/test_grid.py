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

"""TIM against values computed by hand and against the published algorithm with its singular value decomposition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.lab.micro.tim import interpolate, tim_matrix


def test_two_frames_to_three_by_hand() -> None:
    # n = 2: c_1 = ξ_1 cos(π/4) + ξ_2 cos(3π/4) = (ξ_1 − ξ_2)/√2; at t = ½, ¾, 1 the cosine is √½, 0, −√½.
    assert tim_matrix(2, 3) == pytest.approx(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]))


def test_three_frames_at_a_time_between_by_hand() -> None:
    # n = 3, m = 5: t = ½, so nt − ½ = 1. cos(π/3) = ½, cos(2π/3) = −½ for k = 1, 2.
    # basis k = 1: (√3/2, 0, −√3/2); k = 2: (½, −1, ½). Weights: ⅓ + ⅔(½·√3/2 − ½·½, ½, −½·√3/2 − ½·½).
    half, root = 0.5, np.sqrt(3) / 2
    wanted = 1 / 3 + 2 / 3 * np.array([half * root - 0.25, half, -half * root - 0.25])
    assert tim_matrix(3, 5)[1] == pytest.approx(wanted)


@given(st.integers(1, 12), st.integers(1, 20))
@settings(deadline=None, max_examples=30)
def test_rows_sum_to_one_and_equal_lengths_change_nothing(n: int, m: int) -> None:
    assert tim_matrix(n, m).sum(axis=1) == pytest.approx(1.0)
    assert tim_matrix(n, n) == pytest.approx(np.eye(n) if n > 1 else np.ones((1, 1)), abs=1e-12)


def test_it_is_the_published_algorithm() -> None:
    """Zhou et al. 2011: eigenvectors of the path graph's Laplacian, SVD, linear extension."""
    n, m = 6, 9
    frames = np.random.default_rng(2).normal(size=(n, 40))
    laplacian = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    laplacian[0, 0] = laplacian[-1, -1] = 1
    y = np.linalg.eigh(laplacian)[1][:, 1:]
    mean = frames.mean(axis=0)
    u, s, vt = np.linalg.svd((frames - mean).T, full_matrices=False)
    u, q = u[:, : n - 1], (s[:, None] * vt)[: n - 1]
    w = np.linalg.solve(q @ q.T, q @ y)
    k = np.arange(1, n)

    def curve(t: float) -> np.ndarray:
        return np.sin(np.pi * k * t + np.pi * (n - k) / (2 * n))

    scale = np.diag((q[:, 0] @ w) / curve(1 / n))
    told = [u @ np.linalg.solve(w.T, scale @ curve(t)) + mean for t in np.linspace(1 / n, 1, m)]
    assert interpolate(frames, m) == pytest.approx(np.array(told), abs=1e-9)


def test_repeated_frames_do_no_harm() -> None:
    assert np.isfinite(interpolate(np.ones((5, 3, 3)), 16)).all()


def test_no_frames_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        tim_matrix(0, 4)

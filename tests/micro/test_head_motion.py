"""The head's part of a movement, and what is left over."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.micro.head_motion import fit_head, fit_heads
from mien.micro.regions import load_regions

R = load_regions()
RNG = np.random.default_rng(3)
REST = np.column_stack([RNG.uniform(-0.5, 0.5, len(R.depth)), RNG.uniform(-0.9, 0.6, len(R.depth))])


@settings(deadline=None, max_examples=20)
@given(st.tuples(*[st.floats(-0.03, 0.03) for _ in range(4)]))
def test_shift_scale_and_roll_leave_nothing_over(parameters: tuple[float, float, float, float]) -> None:
    tx, ty, scale, roll = parameters
    x, y = REST.T
    moved = REST + np.column_stack([tx + scale * x - roll * y, ty + roll * x + scale * y])
    found = fit_head(REST, moved, R.depth, R.steady)
    assert np.abs(found.own).max() < 1e-3
    assert found.shift == pytest.approx([tx, ty], abs=1e-3)
    assert found.linear == pytest.approx(np.array([[1 + scale, -roll], [roll, 1 + scale]]), abs=2e-3)


def test_a_turn_moves_places_by_their_depth_and_is_taken_out() -> None:
    moved = REST + np.outer(R.depth, [0.02, -0.01])
    found = fit_head(REST, moved, R.depth, R.steady)
    assert np.sqrt((found.own**2).mean()) < 0.0012  # of up to 0.009 that moved
    assert found.parameters[6:] == pytest.approx([0.02, -0.01], rel=0.3)


def test_a_raised_brow_is_no_nod() -> None:
    own = np.zeros_like(REST)
    brows = [r for r, name in enumerate(R.names) if name.startswith("brow")]
    raised = np.isin(R.region, brows)
    own[raised, 1] = -0.015
    found = fit_head(REST, REST + own + [0.01, 0.02], R.depth, R.steady)
    assert found.own[raised, 1].mean() == pytest.approx(-0.015, abs=0.003)
    assert np.abs(found.own[~raised]).max() < 0.004


def test_unknown_places_stay_unknown_and_do_not_matter() -> None:
    moved = REST + np.array([0.01, 0.0])
    moved[::7] = np.nan
    found = fit_head(REST, moved, R.depth, R.steady)
    assert np.isnan(found.own[::7]).all()
    assert np.nanmax(np.abs(found.own)) < 1e-4


def test_many_at_once_is_the_same_as_one_by_one() -> None:
    after = REST + RNG.normal(0, 0.005, (5, *REST.shape))
    own, parameters, misfit = fit_heads(REST, after, R.depth, R.steady)
    for k in range(5):
        one = fit_head(REST, after[k], R.depth, R.steady)
        assert own[k] == pytest.approx(one.own)
        assert parameters[k] == pytest.approx(one.parameters)
        assert misfit[k] == pytest.approx(one.misfit)


def test_the_right_side_is_a_column_as_opencv_5_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    solve, sides = cv2.solve, []

    def strict(left: np.ndarray, right: np.ndarray, flags: int) -> tuple[bool, np.ndarray]:
        sides.append(right.ndim)
        return solve(left, right, flags=flags)

    monkeypatch.setattr(cv2, "solve", strict)
    fit_head(REST, REST + 0.01, R.depth, R.steady)
    assert sides
    assert set(sides) == {2}

"""MDMD, OF-FD, SP-FD: movement that comes back against movement that goes on."""

import numpy as np
import pytest

from mien.lab.micro.flow_features import (
    block_histograms,
    half_length,
    intervals_of,
    is_pattern,
    main_direction_difference,
    mdmd_curve,
    of_fd_curve,
    principal_course,
    s_pattern,
    sp_fd_curve,
)


def _field(dx: float, dy: float) -> np.ndarray:
    return np.tile(np.array([dx, dy], np.float32), (36, 36, 1))


def test_mdmd_is_large_where_a_movement_comes_back_and_negative_where_it_goes_on() -> None:
    there_and_back = main_direction_difference(_field(2.0, 0.0), _field(0.0, 0.0))
    goes_on = main_direction_difference(_field(2.0, 0.0), _field(4.0, 0.0))
    assert there_and_back == pytest.approx(2.0)
    assert goes_on == pytest.approx(-2.0)


def test_mdmd_follows_the_strongest_third_of_the_blocks() -> None:
    one = _field(0.0, 0.0)
    one[:12, :] = [0.0, 3.0]  # a third of the blocks
    assert main_direction_difference(one, _field(0.0, 0.0)) == pytest.approx(3.0)


def _path(courses: np.ndarray) -> np.ndarray:
    out = np.zeros((len(courses), 10, 2))
    out[:, 3, 1] = courses
    return out


PULSE = np.concatenate([np.zeros(10), np.sin(np.linspace(0, np.pi, 11)), np.zeros(10)])
RAMP = np.linspace(0, 1, 31)


def test_principal_course_is_the_displacement_along_its_own_direction() -> None:
    path = np.zeros((31, 10, 2))
    path[:, 0] = PULSE[:, None] * [0.6, -0.8]
    assert principal_course(path)[:, 0] == pytest.approx(PULSE, abs=1e-9)


def test_the_pattern_of_an_expression_rises_and_comes_back() -> None:
    assert is_pattern(s_pattern(PULSE))
    assert not is_pattern(s_pattern(RAMP))
    assert s_pattern(PULSE).max() == 1.0
    assert not s_pattern(np.zeros(31)).any()


@pytest.mark.parametrize("curve", [lambda c: of_fd_curve(_path(c)), lambda c: sp_fd_curve(_path(c), 6)])
def test_the_curves_peak_in_the_middle_of_the_pulse(curve: object) -> None:
    found = intervals_of(curve(PULSE), 5)  # type: ignore[operator]
    assert len(found) == 1
    assert found[0].onset == pytest.approx(10, abs=2)
    assert found[0].offset == pytest.approx(20, abs=2)


def test_a_ramp_is_no_pattern() -> None:
    assert sp_fd_curve(_path(RAMP), 6).max() == 0.0


def test_nothing_moves_nothing_is_spotted() -> None:
    assert intervals_of(np.zeros(20), 4) == []
    assert intervals_of(np.zeros(0), 4) == []


def test_half_length_is_that_of_the_published_code() -> None:
    assert half_length([10, 13]) == 6  # N = 11.5, ⌊12.5 / 2⌋
    assert half_length([]) == 1


def test_histograms_sum_to_one_and_know_the_direction() -> None:
    right, down = (block_histograms(_field(*d)) for d in ((1.0, 0.0), (0.0, 1.0)))
    assert right.sum() == pytest.approx(1.0)
    assert not np.array_equal(right, down)


def test_a_clip_shorter_than_its_window_has_a_curve_all_the_same() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (5, 36, 36), dtype=np.uint8)
    assert mdmd_curve(frames, 6).shape == (5,)
    assert sp_fd_curve(_path(RAMP[:5]), 6).shape == (5,)

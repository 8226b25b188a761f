"""Point metrics: hand-made faces, the curve against a fine sum, faces that were not found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import RequestError
from mien.lab.metrics.landmarks import (
    area_under_curve,
    cumulative_errors,
    face_errors,
    face_lengths,
    failure_rate,
    nme,
    subset_nme,
)

ERRORS = st.lists(st.floats(0, 0.5), min_size=1, max_size=30)


def _face(points: int = 98) -> np.ndarray:
    face = np.tile(np.array([50.0, 50.0]), (1, points, 1))
    for i, xy in {0: (0, 0), 1: (30, 40)}.items():
        face[0, i] = xy
    ends = {98: (60, 72, 96, 97), 68: (36, 45, None, None)}[points]
    face[0, ends[0]], face[0, ends[1]] = (10, 20), (50, 20)
    if points == 98:
        face[0, 96], face[0, 97] = (20, 20), (40, 20)
    return face


def test_lengths() -> None:
    face = _face()
    assert face_lengths(face, "inter_ocular")[0] == 40
    assert face_lengths(face, "inter_pupil")[0] == 20
    assert face_lengths(face, "box", [[0, 0, 30, 120]])[0] == pytest.approx(60)
    assert face_lengths(face, "diagonal", [[0, 0, 30, 40]])[0] == pytest.approx(50)
    assert face_lengths(face, "box")[0] == pytest.approx(50)  # its points span 50 × 50
    small = _face(68)
    assert face_lengths(small, "inter_ocular")[0] == 40
    left, right = (small[0, a:b].mean(axis=0) for a, b in ((36, 42), (42, 48)))
    assert face_lengths(small, "inter_pupil")[0] == pytest.approx(np.hypot(*(left - right)))
    assert math.isnan(face_lengths(np.zeros((1, 98, 2)), "inter_ocular")[0])
    with pytest.raises(RequestError, match="98 and 68"):
        face_lengths(np.zeros((1, 5, 2)), "inter_ocular")
    with pytest.raises(RequestError, match="no normaliser"):
        face_lengths(face, "ear")  # type: ignore[arg-type]


def test_error_of_a_moved_face() -> None:
    face = _face()
    moved = face + np.array([3, 4])
    errors = face_errors(face, moved, face_lengths(face, "inter_ocular"))
    assert errors[0] == pytest.approx(5 / 40)
    one = face.copy()
    one[0, 7, 0] += 9.8
    assert face_errors(face, one, [40.0])[0] == pytest.approx(9.8 / 98 / 40)


def test_points_that_are_not_known() -> None:
    face, answer = _face(), _face() + np.array([3, 4])
    face[0, :50] = np.nan
    assert face_errors(face, answer, [40.0])[0] == pytest.approx(5 / 40)
    answer[0, 60] = np.nan
    assert math.isinf(face_errors(face, answer, [40.0])[0])
    assert math.isnan(face_errors(face, answer, [np.nan])[0])
    assert math.isnan(face_errors(np.full((1, 98, 2), np.nan), answer, [40.0])[0])


def test_a_face_that_was_not_found_is_a_failure_but_no_part_of_the_mean() -> None:
    errors = [0.02, 0.04, math.inf, math.nan]
    score = nme(errors)
    assert score.value == pytest.approx(0.03)
    assert score.support == 2
    assert score.parts["found"].value == pytest.approx(2 / 3)
    assert failure_rate(errors).value == pytest.approx(1 / 3)
    assert area_under_curve(errors).value == pytest.approx((0.8 + 0.6) / 3)
    np.testing.assert_allclose(cumulative_errors(errors, [0.01, 0.02, 0.1]), [0, 1 / 3, 2 / 3])


def test_failure_is_above_the_limit_not_at_it() -> None:
    assert failure_rate([0.1, 0.1000001]).value == 0.5
    assert failure_rate([0.1]).name == "failure_rate_10"


@settings(deadline=None, max_examples=50)
@given(ERRORS)
def test_area_is_that_of_the_curve(errors: list[float]) -> None:
    area = area_under_curve(errors).value
    middle = (np.arange(20_000) + 0.5) / 20_000 * 0.1
    assert area == pytest.approx(cumulative_errors(errors, middle).mean(), abs=1e-4)
    assert 0 <= area <= 1
    assert area_under_curve(errors[::-1]).value == pytest.approx(area)
    curve = cumulative_errors(errors, np.linspace(0, 0.6, 30))
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] == 1


def test_no_faces() -> None:
    for metric in (nme, failure_rate, area_under_curve):
        assert math.isnan(metric([]).value)
        assert metric([]).support == 0
    assert np.isnan(cumulative_errors([], [0.1])).all()


def test_subsets() -> None:
    score = subset_nme([0.02, 0.06, 0.04], [{"pose": 1}, {"pose": 1, "blur": 0}, {}], ["pose", "blur"])
    assert score.value == pytest.approx(0.04)
    assert score.parts["pose"].value == pytest.approx(0.04)
    assert score.parts["pose"].support == 2
    assert math.isnan(score.parts["blur"].value)
    assert score.parts["blur"].support == 0


def test_what_cannot_be_scored() -> None:
    with pytest.raises(RequestError, match="≥ 0"):
        nme([-1.0])
    with pytest.raises(RequestError, match="above 0"):
        area_under_curve([0.1], 0)
    with pytest.raises(RequestError, match="expected shape"):
        face_errors(_face(), _face(68), [40.0])
    with pytest.raises(RequestError, match="one of each"):
        subset_nme([0.1], [], ["pose"])

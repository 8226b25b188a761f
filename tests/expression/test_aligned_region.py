"""The aligned square: follows the rigid parts of the face whatever it does, and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mien.core.measures import Landmarks
from mien.core.schema import load_schema
from mien.expression.aligned import RIGID, expression_region

SCHEMA = load_schema("wflw98")
NUMBERS = [SCHEMA.index(name) for name, _, _ in RIGID]
PLACES = np.array([(x, y) for _, x, y in RIGID])


def face(side: float, turn_deg: float, x: float, y: float) -> Landmarks:
    """A face whose aligned square has this side, turn and middle; its other points lie anywhere."""
    a = np.radians(turn_deg)
    linear = side * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    xy = np.random.default_rng(0).uniform(-500, 500, (98, 2))
    xy[NUMBERS] = (PLACES - 0.5) @ linear.T + [x, y]
    return Landmarks(xy.astype(np.float32), np.ones(98, np.float32), SCHEMA)


@given(st.floats(5, 900), st.floats(-180, 180), st.floats(-300, 2000), st.floats(-300, 2000), st.integers(8, 128))
def test_the_square_is_found_again(side: float, turn: float, x: float, y: float, size: int) -> None:
    region = expression_region(face(side, turn, x, y), size)
    assert region is not None
    assert region.size_wh == (size, size)
    corners = region.corners_xy.astype(np.float64)
    assert np.allclose(corners.mean(axis=0), [x, y], atol=2e-3 * side + 1e-3 * (abs(x) + abs(y)))
    along = corners[1] - corners[0]
    assert np.isclose(np.hypot(*along), side, rtol=1e-2)
    off = np.degrees(np.arctan2(along[1], along[0])) - turn
    assert abs((off + 180) % 360 - 180) < 1.0


def test_an_opened_mouth_and_raised_brows_do_not_move_it() -> None:
    one = face(100, 10, 200, 150)
    xy = one.xy.copy()
    moving = [i for i in range(98) if i not in NUMBERS]
    xy[moving] += np.random.default_rng(1).normal(0, 40, (len(moving), 2)).astype(np.float32)
    before, after = expression_region(one, 48), expression_region(Landmarks(xy, one.confidence, SCHEMA), 48)
    assert before is not None
    assert after is not None
    assert np.array_equal(before.image_from_crop, after.image_from_crop)


def test_faces_that_cannot_be_aligned() -> None:
    one = face(100, 0, 200, 150)
    few = one.xy.copy()
    few[NUMBERS[:-5]] = np.nan
    assert expression_region(Landmarks(few, one.confidence, SCHEMA), 48) is None
    same = np.full((98, 2), 7.0, np.float32)
    assert expression_region(Landmarks(same, one.confidence, SCHEMA), 48) is None
    five = load_schema("points5")
    assert expression_region(Landmarks(np.ones((5, 2), np.float32), np.ones(5, np.float32), five), 48) is None


def test_a_few_lost_points_hardly_move_it() -> None:
    one = face(100, 5, 200, 150)
    xy = one.xy.copy()
    xy[NUMBERS[:3]] = np.nan
    region = expression_region(Landmarks(xy, one.confidence, SCHEMA), 48)
    assert region is not None
    assert np.allclose(region.corners_xy.mean(axis=0), [200, 150], atol=0.1)

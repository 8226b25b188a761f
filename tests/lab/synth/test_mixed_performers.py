"""Performers between rigs: the same dice, the same person; alike on both sides; every shape drawn by itself."""

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.lab.synth.faint_movement import Performer
from mien.lab.synth.mixed_performers import mixed_performers

LEFT, RIGHT = (load_schema("arkit52").index(f"browDown{side}") for side in ("Left", "Right"))
JAW = load_schema("arkit52").index("jawOpen")


def _performer(rig: str, far: float) -> Performer:
    """Two places 30 mm to either side, one in the middle; the brows lower them, the jaw lowers the middle."""
    shapes = np.zeros((52, 3, 3))
    shapes[LEFT, 0], shapes[RIGHT, 1], shapes[JAW, 2] = (0.3, far, 0.1), (-0.3, far, 0.1), (0.0, 2.0 * far, 0.0)
    return Performer(f"{rig}/one", np.array([[30.0, 0.0, far], [-30.0, 0.0, far], [0.0, 9.0, far]]), shapes)


PEOPLE = [_performer("a", 1.0), _performer("b", 3.0)]


def test_the_same_seed_gives_the_same_people_and_another_others() -> None:
    once, again, other = (mixed_performers(PEOPLE, 3, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.shapes, b.shapes) for a, b in zip(once, again, strict=True))
    assert not np.array_equal(once[0].shapes, once[1].shapes)
    assert not np.array_equal(once[0].shapes, other[0].shapes)
    assert len({p.name for p in once}) == 3


def test_a_face_lies_between_those_of_the_rigs() -> None:
    depths = [p.places[0, 2] for p in mixed_performers(PEOPLE, 40, 1)]
    assert 1.0 <= min(depths) < 1.5
    assert 2.5 < max(depths) <= 3.0
    alone = mixed_performers(PEOPLE[:1], 1, 1)[0]
    assert np.allclose(alone.places, PEOPLE[0].places)


def test_both_sides_move_alike_and_the_middle_stays_in_the_middle() -> None:
    for one in mixed_performers(PEOPLE, 20, 1):
        left, right = one.shapes[LEFT, 0], one.shapes[RIGHT, 1]
        size = np.linalg.norm(left), np.linalg.norm(right)
        assert 0.6 < size[0] / size[1] < 1.6
        assert left / size[0] == pytest.approx(right / size[1] * (-1, 1, 1), abs=1e-9)
        assert one.shapes[JAW, 2, 0] == 0.0
        assert not one.shapes[JAW, :2].any()


def test_shapes_are_larger_or_smaller_and_turned_each_by_itself() -> None:
    people = mixed_performers(PEOPLE[:1], 300, 1)
    brow, jaw = (np.array([np.log(np.linalg.norm(p.shapes[k])) for p in people]) for k in (LEFT, JAW))
    assert brow.std() == pytest.approx(0.26, abs=0.04)
    assert abs(np.corrcoef(brow, jaw)[0, 1]) < 0.2
    angle = [np.arctan2(p.shapes[LEFT, 0, 0], p.shapes[LEFT, 0, 1]) for p in people]
    assert np.std(angle) == pytest.approx(np.deg2rad(10.0), rel=0.2)


def test_every_shape_is_mixed_by_itself() -> None:
    brow, jaw = [], []
    for one in mixed_performers(PEOPLE, 300, 1):
        brow.append(np.log(np.linalg.norm(one.shapes[LEFT, 0])))
        jaw.append(np.log(np.linalg.norm(one.shapes[JAW, 2])))
    assert min(np.std(brow), np.std(jaw)) > 0.3  # more than what gains alone would make of it
    assert abs(np.corrcoef(brow, jaw)[0, 1]) < 0.2  # one mixture for all: both follow it

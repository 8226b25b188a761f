"""Boxes, crops and pyramids of the detectors, against plain arithmetic."""

import numpy as np
import pytest

from mien.detect import cascade_geometry as geometry


def boxes(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.uniform(-20, 100, (count, 2))
    return np.concatenate([low, low + rng.uniform(5, 80, (count, 2))], axis=1).astype(np.float32)


def test_corrections_and_their_inverse() -> None:
    squares, truth = geometry.squared(boxes(30)), boxes(30, 1)
    back = geometry.corrected(squares, geometry.corrections(squares, truth))
    np.testing.assert_allclose(back, truth, atol=1e-4)
    one = geometry.corrections(np.array([[0, 0, 10, 10]], np.float32), np.array([[1, 2, 8, 14]], np.float32))
    np.testing.assert_allclose(one, [[0.1, 0.2, -0.2, 0.4]], atol=1e-6)


def test_points_and_their_inverse() -> None:
    squares = geometry.squared(boxes(5))
    points = np.random.default_rng(2).uniform(-20, 120, (5, 5, 2)).astype(np.float32)
    there = geometry.points_to_box(squares, points)
    np.testing.assert_allclose(geometry.points_to_picture(squares, there), points, atol=1e-3)
    corner = geometry.points_to_box(np.array([[-0.5, -0.5, 9.5, 9.5]], np.float32), np.full((1, 1, 2), 4.5, np.float32))
    np.testing.assert_allclose(corner, [[[0.5, 0.5]]], atol=1e-6)


def test_squares_keep_centre_and_longer_side() -> None:
    square = geometry.squared(np.array([[10, 20, 20, 50]], np.float32))
    np.testing.assert_allclose(square, [[0, 20, 30, 50]])


def test_overlaps() -> None:
    a, b = np.array([[0, 0, 10, 10]], np.float32), np.array([[5, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    np.testing.assert_allclose(geometry.overlaps(a, b), [[0.5, 0.0]])
    np.testing.assert_allclose(geometry.overlaps(a, b, "min"), [[1.0, 0.0]])


def test_suppression_is_that_of_the_plain_loop() -> None:
    many, scores = boxes(200, 3), np.random.default_rng(4).random(200).astype(np.float32)
    for kind in ("union", "min"):
        table = geometry.overlaps(many, many, kind)
        expected: list[int] = []
        for i in np.argsort(-scores):
            if all(table[i, k] <= 0.3 for k in expected):
                expected.append(int(i))
        assert geometry.suppressed(many, scores, 0.3, kind).tolist() == expected
    assert geometry.suppressed(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).shape == (0,)


def test_votes_move_a_box_by_its_neighbours_weights() -> None:
    three = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 50, 50]], np.float32)
    scores = np.array([0.9, 0.3, 0.5], np.float32)
    found = geometry.voted(three, scores, np.array([0, 2]))
    np.testing.assert_allclose(found, [[0.25, 0, 10.25, 10], [40, 40, 50, 50]], atol=1e-5)
    assert geometry.voted(np.zeros((0, 4), np.float32), scores[:0], np.zeros(0, np.int64)).shape == (0, 4)
    flat = np.array([[5, 5, 5, 9]], np.float32)
    np.testing.assert_allclose(geometry.voted(flat, np.zeros(1, np.float32), np.array([0])), flat)


def test_pyramid_ends_at_the_cell_and_starts_at_the_smallest_face() -> None:
    sizes = geometry.pyramid_sizes((640, 480), 24)
    assert sizes[0] == (320, 240)
    assert min(sizes[-1]) >= geometry.CELL
    assert min(sizes[-1]) * geometry.FACTOR < geometry.CELL + 1
    assert geometry.pyramid_sizes((20, 20), 24) == []


def test_cells_cover_the_whole_level() -> None:
    """The last window of a level ends where the picture ends."""
    level, picture = (30, 22), (60, 44)
    columns, rows = (30 - 12) // 2, (22 - 12) // 2
    first, last = geometry.cells(np.array([0, rows]), np.array([0, columns]), level, picture)
    np.testing.assert_allclose(first, [-0.5, -0.5, 23.5, 23.5])
    np.testing.assert_allclose(last[2:], [59.5, 43.5])


@pytest.mark.parametrize("side", [24.0, 40.0, 96.0, 173.0])
def test_crops_see_the_picture_where_the_box_says(side: float) -> None:
    """A picture whose values are its coordinates: every pixel of the crop must read the place that it covers
    (values are rounded at every halving)."""
    y, x = np.mgrid[:240, :240]
    picture = np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8)
    left, top = 20.3, 11.8
    crop = geometry.crops(geometry.halvings(picture), np.array([[left, top, left + side, top + side]], np.float32), 24)
    expected = (np.arange(24) + 0.5) * side / 24
    np.testing.assert_allclose(crop[0, 12, :, 0], left + expected, atol=1.5)
    np.testing.assert_allclose(crop[0, :, 12, 1], top + expected, atol=1.5)


def test_crops_outside_the_picture_are_grey() -> None:
    picture = np.full((60, 60, 3), 200, np.uint8)
    crop = geometry.crops(geometry.halvings(picture), np.array([[-60, -60, 0, 0]], np.float32), 24)[0]
    assert (crop[:20, :20] == geometry.OUTSIDE).all()


def test_normalised() -> None:
    planes = geometry.normalised(np.full((2, 4, 6, 3), 255, np.uint8))
    assert planes.shape == (2, 3, 4, 6)
    assert planes.dtype == np.float32
    np.testing.assert_allclose(planes, 127.5 / 128)

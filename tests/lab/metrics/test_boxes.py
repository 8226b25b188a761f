"""The WIDER FACE evaluation against plain loops over its rules, and faces by size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mien.errors import RequestError
from mien.lab.metrics.boxes import BoxPicture, average_precision, box_overlaps, by_size

NONE = np.zeros((0, 4))


def _picture(truth: list, counts: list, found: list, scores: list) -> BoxPicture:
    return BoxPicture(np.array(truth).reshape(-1, 4), np.array(counts, bool), np.array(found).reshape(-1, 4), scores)


def _random(seed: int) -> list[BoxPicture]:
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(6):
        faces, extra = int(rng.integers(0, 6)), int(rng.integers(0, 5))
        start = rng.uniform(0, 100, (faces, 2))
        truth = np.concatenate([start, start + rng.uniform(5, 40, (faces, 2))], axis=1)
        near = truth[rng.integers(0, faces, 2 * faces)] + rng.normal(0, 4, (2 * faces, 4)) if faces else NONE
        away = rng.uniform(0, 100, (extra, 2))
        found = np.concatenate([near, np.concatenate([away, away + 20], axis=1)])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        pictures.append(BoxPicture(truth, rng.random(faces) < 0.7, found, rng.uniform(0.2, 0.9, len(found))))
    return pictures


def _iou(a: np.ndarray, b: np.ndarray, pixel: float) -> float:
    w = min(a[2], b[2]) - max(a[0], b[0]) + pixel
    h = min(a[3], b[3]) - max(a[1], b[1]) + pixel
    if w <= 0 or h <= 0:
        return 0.0
    whole = sum((x[2] - x[0] + pixel) * (x[3] - x[1] + pixel) for x in (a, b)) - w * h
    return w * h / whole


def _by_the_rules(pictures: list[BoxPicture]) -> float:
    """Every threshold anew, every detection anew."""
    every = [s for p in pictures for s in p.scores]
    low, high = min(every), max(every)
    faces = sum(int(p.counts.sum()) for p in pictures)
    curve = []
    for step in range(1, 1001):
        threshold, hits, judged = 1 - step / 1000, 0, 0
        for p in pictures:
            if not len(p.truth_xyxy):
                continue
            seen = set()
            for box, score in zip(p.found_xyxy, p.scores, strict=True):
                if (score - low) / (high - low) < threshold:
                    break
                overlaps = [_iou(box, face, 1) for face in p.truth_xyxy]
                face = int(np.argmax(overlaps))
                if overlaps[face] >= 0.5 and not p.counts[face]:
                    continue
                judged += 1
                if overlaps[face] >= 0.5:
                    seen.add(face)
            hits += len(seen)
        curve.append((hits / faces, hits / judged if judged else 0.0))
    area, before = 0.0, 0.0
    for i, (recall, _) in enumerate(curve):
        if recall > before:
            area += (recall - before) * max(p for _, p in curve[i:])
            before = recall
    return area


@pytest.mark.parametrize("seed", range(4))
def test_ap_like_plain_loops(seed: int) -> None:
    pictures = _random(seed)
    score = average_precision(pictures)
    assert score.value == pytest.approx(_by_the_rules(pictures))
    assert score.support == sum(int(p.counts.sum()) for p in pictures)
    assert average_precision(pictures[::-1]).value == pytest.approx(score.value)
    assert 0 < score.value < 1


def test_ap_by_hand() -> None:
    """True, false, true: recall 1/2 at precision 1, recall 1 at precision 2/3."""
    faces = [[0, 0, 20, 20], [50, 50, 90, 90]]
    found = [faces[0], [200, 200, 220, 220], faces[1]]
    assert average_precision([_picture(faces, [1, 1], found, [0.9, 0.5, 0.1])]).value == pytest.approx(5 / 6)
    assert average_precision([_picture(faces, [1, 1], found[::2], [0.9, 0.1])]).value == pytest.approx(1)
    assert average_precision([_picture(faces, [1, 1], found[::2], [0.7, 0.7])]).value == pytest.approx(1)


def test_ignored_faces_are_neither_true_nor_false() -> None:
    faces = [[0, 0, 20, 20], [50, 50, 90, 90]]
    found = [faces[1], [52, 52, 90, 90], faces[0]]
    score = average_precision([_picture(faces, [1, 0], found, [0.9, 0.8, 0.1])])
    assert score.value == pytest.approx(1)
    assert score.support == 1


def test_a_face_found_twice_is_one_true_and_one_false() -> None:
    face = [[0, 0, 20, 20]]
    far = [[50, 50, 90, 90]]
    pictures = [_picture(face, [1], face * 2, [0.9, 0.8]), _picture(far, [1], far, [0.1])]
    assert average_precision(pictures).value == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)


def test_scores_are_stretched_over_all_pictures() -> None:
    pictures = _random(7)
    squeezed = [BoxPicture(p.truth_xyxy, p.counts, p.found_xyxy, 0.001 * p.scores + 0.4) for p in pictures]
    assert average_precision(squeezed).value == pytest.approx(average_precision(pictures).value, abs=1e-3)


def test_pictures_without_faces_are_passed_over_by_the_published_evaluation() -> None:
    face = [[0, 0, 20, 20]]
    pictures = [_picture([], [], face, [1.0]), _picture(face, [1], face, [0.5])]
    assert average_precision(pictures).value == pytest.approx(1)
    assert by_size(pictures, (0, 100), 0.0)[0].false == 1


def test_nothing_to_find_and_nothing_found() -> None:
    face = [[0, 0, 20, 20]]
    assert math.isnan(average_precision([]).value)
    assert math.isnan(average_precision([_picture(face, [0], face, [0.5])]).value)
    assert average_precision([_picture(face, [1], [], [])]).value == 0


def test_overlap_with_and_without_the_extra_pixel() -> None:
    a, b = np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 15, 10], [20, 20, 30, 30], [0, 0, 0, 0]])
    np.testing.assert_allclose(box_overlaps(a, b)[0], [1 / 3, 0, 0])
    np.testing.assert_allclose(box_overlaps(a, b, 1)[0], [66 / 176, 0, 1 / 121])
    assert box_overlaps(b[2:], b[2:])[0, 0] == 0


def test_by_size() -> None:
    truth = [[0, 0, 10, 10], [20, 0, 60, 40], [100, 100, 110, 110]]
    found = [[0, 0, 10, 10], [0, 0, 10, 11], [20, 0, 60, 40], [100, 100, 110, 110], [200, 0, 240, 40]]
    bands = by_size([_picture(truth, [1, 1, 0], found, [0.9, 0.8, 0.7, 0.6, 0.1])], (0, 16, 64, np.inf), 0.5)
    small, middle, large = bands
    assert (small.faces, small.found, small.detections, small.false) == (1, 1, 2, 1)
    assert (small.recall, small.precision, small.false_per_picture) == (1, 0.5, 1)
    assert (middle.faces, middle.found, middle.false) == (1, 1, 0)
    assert math.isnan(large.recall)
    assert math.isnan(large.precision)
    assert large.false_per_picture == 0


def test_what_cannot_be_scored() -> None:
    with pytest.raises(RequestError, match="ends before it begins"):
        _picture([[10, 0, 0, 10]], [1], [], [])
    with pytest.raises(RequestError, match="scores: expected shape"):
        _picture([], [], [[0, 0, 1, 1]], [])
    with pytest.raises(RequestError, match="one per true box"):
        _picture([[0, 0, 1, 1]], [], [], [])
    with pytest.raises(RequestError, match="NaN or infinity"):
        _picture([], [], [[0, 0, 1, np.nan]], [0.5])
    with pytest.raises(RequestError, match="must rise"):
        by_size([], (10, 5), 0.5)

"""Regions to start from: what they are, and that a missed face stays missed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_up_runs import face

from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.lab.evaluate.landmark_crops import (
    GROWTH,
    SHIFT,
    CropFinder,
    found_by,
    shaken_box,
    true_box,
    whole_picture,
)
from mien.lab.evaluate.landmark_finders import tight_box
from mien.pipeline.fake import FakeStage

IMAGE = np.zeros((300, 400, 3), np.uint8)
TRUTH = face()


def sides(found: Face) -> np.ndarray:
    return found.box.xyxy[2:] - found.box.xyxy[:2]


def corners(record: FrameRecord) -> FrameRecord:
    """A landmark stage that answers the box's corner in every point."""

    def points(found: Face) -> Landmarks:
        return Landmarks(np.tile(found.box.xyxy[:2], (98, 1)), np.ones(98), load_schema("wflw98"))

    return replace(record, faces=tuple(replace(f, landmarks=points(f)) for f in record.faces))


def test_the_whole_picture_is_all_of_it() -> None:
    np.testing.assert_allclose(whole_picture(IMAGE, TRUTH).box.xyxy, [-0.5, -0.5, 399.5, 299.5])


def test_the_true_box_reaches_from_the_forehead_to_the_chin() -> None:
    left, top, right, bottom = tight_box(TRUTH)
    found = true_box(IMAGE, TRUTH).box.xyxy
    np.testing.assert_allclose(found[[0, 2, 3]], [left, right, bottom], atol=1e-3)
    assert 0.1 < (top - found[1]) / (bottom - top) < 0.4


def test_a_shaken_box_is_off_by_what_is_said_and_always_the_same() -> None:
    own, shaken = true_box(IMAGE, TRUTH), shaken_box(IMAGE, TRUTH)
    np.testing.assert_array_equal(shaken.box.xyxy, shaken_box(IMAGE, TRUTH).box.xyxy)
    growth = sides(shaken) / sides(own)
    np.testing.assert_allclose(growth[0], growth[1], rtol=1e-4)
    assert 0 < abs(np.log(growth[0])) <= GROWTH
    middle = (shaken.box.xyxy[:2] + shaken.box.xyxy[2:] - own.box.xyxy[:2] - own.box.xyxy[2:]) / 2
    assert (np.abs(middle) <= SHIFT * sides(own).max() + 1e-3).all()
    assert np.abs(middle).max() > 0
    elsewhere = shaken_box(IMAGE, TRUTH + 10)
    assert np.abs(elsewhere.box.xyxy - shaken.box.xyxy - 10).max() > 0.1


def test_the_network_is_given_the_region_and_a_missed_face_stays_missed() -> None:
    near = Face(Box(tight_box(TRUTH) + 5, 0.9))
    seen = CropFinder("seen", found_by(FakeStage(lambda r: replace(r, faces=(near,)))), FakeStage(corners))
    np.testing.assert_allclose(seen.in_picture(IMAGE, TRUTH)[0], near.box.xyxy[:2])
    np.testing.assert_allclose(seen.in_true_crop(IMAGE, TRUTH)[0], near.box.xyxy[:2])
    missed = CropFinder("missed", found_by(FakeStage(lambda r: r)), FakeStage(corners))
    assert np.isnan(missed.in_picture(IMAGE, TRUTH)).all()
    refused = CropFinder("refused", whole_picture, FakeStage(lambda r: replace(r, faces=())))
    assert np.isnan(refused.in_picture(IMAGE, TRUTH)).all()

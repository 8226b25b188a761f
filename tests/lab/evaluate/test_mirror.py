"""Mirrored pictures, mirrored answers."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.record import FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.evaluate.mirror import compared, exchanged, read, turned_round
from mien.pipeline.config import load_config

SHAPES = load_schema("arkit52")


def test_sides_change_places_and_the_middle_stays() -> None:
    other = exchanged()
    assert sorted(other) == list(range(52))
    assert (other[other] == np.arange(52)).all()
    for one, two in (("mouthLeft", "mouthRight"), ("jawLeft", "jawRight"), ("eyeLookInLeft", "eyeLookInRight")):
        assert other[SHAPES.index(one)] == SHAPES.index(two)
    for alone in ("jawOpen", "mouthPucker", "browInnerUp", "tongueOut"):
        assert other[SHAPES.index(alone)] == SHAPES.index(alone)


def test_a_perfect_mirror_has_no_difference_and_a_lame_side_is_named() -> None:
    plain = np.random.default_rng(0).random((20, 52), np.float32)
    assert compared("a", "b", plain, plain[:, exchanged()]).mean == 0
    mirror = plain[:, exchanged()].copy()
    mirror[:, SHAPES.index("mouthSmileRight")] += 0.26  # shown as the left one of the plain picture
    found = compared("a", "b", plain, mirror)
    assert found.mean == pytest.approx(0.26 / 52, abs=1e-6)
    assert found.by_shape[SHAPES.index("mouthSmileLeft")] == pytest.approx(0.26, abs=1e-6)
    assert "most: mouthSmileLeft 26.0" in found.line()


def test_what_one_of_both_did_not_measure_is_left_out() -> None:
    plain = np.full((4, 52), 0.5, np.float32)
    mirror = plain.copy()
    plain[0] = np.nan
    mirror[:, 3] = np.nan
    mirror[0] = 0
    found = compared("a", "b", plain, mirror)
    assert found.mean == 0
    assert found.alone == pytest.approx(1 - 3 * 51 / (4 * 52))
    assert np.isnan(found.by_shape[exchanged()[3]])
    with pytest.raises(RequestError, match="no face was measured in both"):
        compared("a", "b", np.full((2, 52), np.nan, np.float32), mirror[:2])


def test_a_frame_is_mirrored_and_one_without_pixels_is_named() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    record = FrameRecord(Stamp("s", 0, 0), (3, 2), image)
    turned = turned_round(record).image
    assert turned is not None
    np.testing.assert_array_equal(turned[:, 0], image[:, 2])
    with pytest.raises(RequestError, match="no pixels to mirror"):
        turned_round(FrameRecord(Stamp("s", 0, 0), (3, 2)))


def test_a_clip_is_read_in_both_directions() -> None:
    config = load_config("balanced", ["stages=[]"])
    plain, mirror = (read("demo", config, 3, mirrored=m) for m in (False, True))
    assert plain.shape == mirror.shape == (3, 52)
    assert np.isnan(plain).all(), "nothing was asked"

"""Regions that serve as well as one another."""

import pytest

from mien.core.geometry import CropTransform
from mien.landmarks.same_place import STILL, STILL_DEG, apart, is_still

BEFORE = CropTransform.around((300, 200), 100, 128, 5.0)


@pytest.mark.parametrize(
    ("now", "still"),
    [
        (BEFORE, True),
        (CropTransform.around((301, 201), 101, 128, 5.9), True),
        (CropTransform.around((302.1, 200), 100, 128, 5.0), False),
        (CropTransform.around((300, 200), 102.5, 128, 5.0), False),
        (CropTransform.around((300, 200), 97.5, 128, 5.0), False),
        (CropTransform.around((300, 200), 100, 128, 5.0 + STILL_DEG + 0.1), False),
        (CropTransform.around((300, 200), 100, 128, 5.0 - STILL_DEG + 0.1), True),
        (CropTransform.around((300, 200), 100, 192, 5.0), False),  # shown at another size: another network's
    ],
)
def test_what_moves_by_little_is_still(now: CropTransform, still: bool) -> None:
    assert is_still(BEFORE, now) == still


def test_a_turn_is_measured_across_180_degrees() -> None:
    one, other = (CropTransform.around((0, 0), 50, 128, a) for a in (179.8, -179.8))
    assert is_still(one, other)


def test_apart() -> None:
    assert apart(BEFORE, None) == 0
    assert apart(BEFORE, CropTransform.around((310, 200), 100, 128, -40.0)) == pytest.approx(0.1, abs=1e-4)
    assert apart(BEFORE, CropTransform.around((300, 200), 130, 128, 5.0)) == pytest.approx(0.3, abs=1e-4)
    assert STILL < 0.12  # what is looked at twice is never still

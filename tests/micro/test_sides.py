"""One-sided units go by the movement of both sides."""

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.micro.regions import load_regions
from mien.micro.sides import REGIONS, WEAKER, sided

FACS, R = load_schema("facs"), load_regions()


def _moved(unit: str, left: float, right: float) -> np.ndarray:
    moved = np.zeros((len(R), 2), np.float32)
    for name in REGIONS[unit]:
        moved[R.index(f"{name}_L")] = (0.6 * left, -0.8 * left)
        moved[R.index(f"{name}_R")] = (-0.6 * right, -0.8 * right)
    return moved


def _said(**probabilities: float) -> np.ndarray:
    units = np.zeros(len(FACS), np.float32)
    for name, value in probabilities.items():
        units[FACS.index(name)] = value
    return units


@pytest.mark.parametrize("unit", list(REGIONS))
def test_the_side_that_moves_gets_the_surer_reading_the_other_none(unit: str) -> None:
    said = _said(**{f"{unit}_L": 0.6, f"{unit}_R": 0.7})
    left = sided(said, _moved(unit, 0.02, (WEAKER - 0.01) * 0.02))
    assert left[FACS.index(f"{unit}_L")] == pytest.approx(0.7)
    assert left[FACS.index(f"{unit}_R")] == 0.0
    right = sided(said, _moved(unit, 0.0, 0.02))
    assert right[FACS.index(f"{unit}_R")] == pytest.approx(0.7)
    assert right[FACS.index(f"{unit}_L")] == 0.0


def test_what_moves_on_both_sides_or_has_no_sides_stays() -> None:
    said = _said(AU12_L=0.6, AU12_R=0.7, AU24=0.8, AU4_L=0.5, AU4_R=0.4)
    before = said.copy()
    assert np.array_equal(sided(said, _moved("AU12", (WEAKER + 0.01) * 0.02, 0.02)), said)
    assert np.array_equal(sided(said, np.zeros((len(R), 2), np.float32)), said)
    one = sided(said, _moved("AU12", 0.02, 0.0))
    for name in ("AU24", "AU4_L", "AU4_R"):
        assert one[FACS.index(name)] == said[FACS.index(name)]
    assert np.array_equal(said, before)

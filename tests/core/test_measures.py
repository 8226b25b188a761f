import pickle

import numpy as np
import pytest

from mien.core.measures import ActionUnits, Blendshapes, Box, Landmarks
from mien.core.schema import load_schema

FACS = load_schema("facs")


def units(**values: float) -> ActionUnits:
    array = np.zeros(len(FACS), np.float32)
    for name, value in values.items():
        array[FACS.index(name)] = value
    return ActionUnits.of(array, np.ones(len(FACS)))


def test_a_two_sided_unit_is_the_stronger_side() -> None:
    au = units(AU12_L=3.0, AU12_R=1.0)
    assert au["AU12"] == 3.0
    assert au["AU12_R"] == 1.0
    assert au["AU01"] == au["AU1"] == 0.0


def test_a_hidden_side_does_not_hide_the_unit() -> None:
    au = units(AU12_L=2.0, AU12_R=float("nan"))
    assert au["AU12"] == 2.0
    assert np.isnan(units(AU12_L=np.nan, AU12_R=np.nan)["AU12"])


def test_presence_follows_intensity() -> None:
    au = units(AU12_L=1.0, AU12_R=0.99, AU4_L=np.nan)
    present = dict(zip(au.names, au.presence, strict=True))
    assert present["AU12_L"]
    assert not present["AU12_R"]
    assert not present["AU4_L"]


def test_unknown_unit_is_an_error() -> None:
    with pytest.raises(KeyError, match="AU99"):
        units()["AU99"]


def test_shapes_are_checked_with_expected_and_got() -> None:
    with pytest.raises(ValueError, match=r"Blendshapes.values \(arkit52\): expected shape \(52,\), got \(51,\)"):
        Blendshapes.of(np.zeros(51), np.zeros(52))
    with pytest.raises(ValueError, match="left <= right"):
        Box(np.array([5, 0, 1, 1], np.float32), 1.0)


def test_arrays_are_read_only_copies() -> None:
    source = np.zeros(52, np.float32)
    shapes = Blendshapes.of(source, np.ones(52))
    source[0] = 1
    assert shapes.values[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        shapes.values[0] = 1


def test_mirroring_twice_is_the_original() -> None:
    rng = np.random.default_rng(0)
    marks = Landmarks(rng.uniform(0, 99, (98, 2)), rng.uniform(0, 1, 98), load_schema("wflw98"))
    assert np.allclose(marks.mirrored(100).mirrored(100).xy, marks.xy, atol=1e-4)
    assert marks.mirrored(100)["left_pupil"][0] == pytest.approx(99 - marks["right_pupil"][0], abs=1e-4)
    assert units(AU12_L=3.0).mirrored()["AU12_R"] == 3.0


def test_measures_pickle() -> None:
    au = units(AU12_L=3.0)
    again = pickle.loads(pickle.dumps(au))
    assert again["AU12"] == 3.0
    assert again.schema is FACS

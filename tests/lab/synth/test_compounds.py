"""Compound expressions: the published units, labelled apart from the basic classes."""

import numpy as np
import pytest

from mien.action_units.facs import action_units
from mien.core.measures import Blendshapes
from mien.lab.render.prototypes import (
    CLASSES,
    COMPOUNDS,
    prototype_units,
    random_face,
    set_units,
    shapes_of,
    weight_of,
)


def test_there_are_the_published_fifteen() -> None:
    assert len(COMPOUNDS) == 15
    assert COMPOUNDS["happily surprised"].units == ("AU1", "AU2", "AU12", "AU25")
    assert COMPOUNDS["sadly fearful"].units == ("AU1", "AU4", "AU20", "AU25")
    for kind in COMPOUNDS.values():
        assert set(kind.parts) <= set(CLASSES)
        assert not set(kind.units) & set(kind.sometimes)


def test_the_class_space_is_that_of_before() -> None:
    assert (
        *("neutral", "happiness", "sadness", "surprise", "fear", "anger", "disgust", "contempt"),
        "other",
    ) == CLASSES


def test_compounds_are_others_with_a_name() -> None:
    faces = [random_face(np.random.default_rng(seed)) for seed in range(1500)]
    named = [f for f in faces if f.compound]
    assert {f.compound for f in named} == set(COMPOUNDS)
    assert all(f.expression == "other" and np.isfinite(f.intensity) for f in named)
    assert all(np.isnan(f.intensity) for f in faces if f.expression == "other" and not f.compound)
    share = len(named) / sum(f.expression == "other" for f in faces)
    assert 0.23 < share < 0.44


@pytest.mark.parametrize("name", sorted(COMPOUNDS))
def test_a_compound_always_has_its_units_and_sometimes_more(name: str) -> None:
    kind = COMPOUNDS[name]
    seen: set[str] = set()
    for seed in range(60):
        units = {u.split("_")[0] for u in prototype_units(name, 4.0, np.random.default_rng(seed))}
        assert set(kind.units) <= units <= {*kind.units, *kind.sometimes}
        seen |= units
    assert seen == {*kind.units, *kind.sometimes}


def test_units_of_a_happy_surprise_are_read_back() -> None:
    shapes = np.zeros(52, np.float32)
    set_units(shapes, {"AU1_L": 3.0, "AU12_L": 2.0, "AU12_R": 2.5, "AU26": 3.0})
    read = action_units(Blendshapes.of(shapes, np.ones(52)), {})
    assert read["AU12_L"] == pytest.approx(2.0, abs=0.01)
    assert read["AU12_R"] == pytest.approx(2.5, abs=0.01)
    assert read["AU1_R"] == pytest.approx(3.0, abs=0.01)
    assert read["AU26"] == pytest.approx(3.0, abs=0.01)


def test_parted_lips_open_the_jaw_as_on_the_rigs() -> None:
    assert len(shapes_of("AU25")) == 1
    assert weight_of("AU25", 3.0) == pytest.approx(0.12)
    assert shapes_of("AU19") == ()

"""Action units on every rig: what is made is read back as what it was made of."""

from __future__ import annotations

import numpy as np
import pytest

from mien.action_units.facs import unit_rules
from mien.core.schema import load_schema
from mien.lab.rigs.catalogue import NAMES
from mien.lab.rigs.units import load_units

A = load_schema("arkit52")
F = load_schema("facs")


@pytest.mark.parametrize("rig", NAMES)
def test_units_are_read_back_as_they_were_made(rig: str) -> None:
    table = load_units(rig)
    for i, rule in enumerate(unit_rules()):
        if not rule.shapes or rule.name.split("_")[0] in table.absent:
            continue
        for level in (1.0, 3.0, 4.0):
            intensity = np.zeros(len(F))
            intensity[i] = level
            weights = table.weights(intensity)
            read = np.interp(weights[list(rule.shapes)].min(), rule.curve[:, 0], rule.curve[:, 1])
            assert read == pytest.approx(level, abs=0.02), rule.name


@pytest.mark.parametrize("rig", NAMES)
def test_every_unit_drives_something_or_says_why_not(rig: str) -> None:
    table = load_units(rig)
    for i, name in enumerate(F.names):
        intensity = np.zeros(len(F))
        intensity[i] = 5.0
        weights = table.weights(intensity)
        assert weights.any() != (name.split("_")[0] in table.absent)
        assert weights.max() <= 1.0
        if name.endswith("_L") and not name.startswith("AU1_"):
            moved = [A.names[k] for k in np.flatnonzero(weights)]
            assert all(m.endswith("Left") for m in moved)


def test_no_intensity_no_weight_and_a_wrong_number_is_refused() -> None:
    table = load_units("ict")
    assert not table.weights(np.zeros(len(F))).any()
    assert not table.weights(np.full(len(F), np.nan)).any()
    with pytest.raises(ValueError, match="intensity"):
        table.weights(np.zeros(3))


def test_the_stronger_unit_counts_where_two_share_a_shape() -> None:
    table = load_units("makehuman")
    intensity = np.zeros(len(F))
    intensity[F.index("AU25")] = 5.0
    slightly = table.weights(intensity)[A.index("jawOpen")]
    intensity[F.index("AU27")] = 5.0
    assert table.weights(intensity)[A.index("jawOpen")] == pytest.approx(1.0)
    assert 0.1 < slightly < 0.5


def test_an_unknown_rig_has_no_table() -> None:
    with pytest.raises(KeyError, match="nobody"):
        load_units("nobody")

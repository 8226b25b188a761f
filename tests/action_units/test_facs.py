"""The table from shapes to action units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.action_units.facs import action_units, unit_rules
from mien.core.measures import ActionUnits, Blendshapes
from mien.core.schema import load_schema

INDEX = load_schema("arkit52").index


def units(lip_gap: float = 0.0, **weights: float) -> ActionUnits:
    values = np.zeros(52, np.float32)
    for name, weight in weights.items():
        values[INDEX(name)] = weight
    return action_units(Blendshapes.of(values, np.full(52, 0.8)), {"lip_gap": (lip_gap, 0.8)})


def test_every_unit_has_a_rule_and_only_the_tongue_is_absent() -> None:
    rules = unit_rules()
    assert tuple(r.name for r in rules) == load_schema("facs").names
    assert [r.name for r in rules if r.absent] == ["AU19"]
    assert all(bool(r.shapes) + (r.measure is not None) + (r.absent is not None) == 1 for r in rules)


def test_every_curve_rises_from_nothing_to_at_most_five() -> None:
    for rule in unit_rules():
        assert (np.diff(rule.curve, axis=0) > 0).all(), rule.name
        assert rule.curve[0, 1] == 0
        assert 4 <= rule.curve[-1, 1] <= 5


def test_a_calm_face_shows_nothing() -> None:
    calm = units()
    assert np.nanmax(calm.values) == 0
    assert not calm.presence.any()


@pytest.mark.parametrize(
    ("shape", "unit"),
    [
        ("mouthSmileLeft", "AU12_L"),
        ("eyeBlinkRight", "AU45_R"),
        ("browDownLeft", "AU4_L"),
        ("jawLeft", "AU30_L"),
        ("cheekPuff", "AU34"),
        ("mouthUpperUpRight", "AU10_R"),
        ("browInnerUp", "AU1_L"),
    ],
)
def test_a_full_shape_is_its_unit_at_full_intensity(shape: str, unit: str) -> None:
    full = units(**{shape: 1.0})
    assert full[unit] == pytest.approx(5.0)
    assert full.presence[load_schema("facs").index(unit)]


def test_jaw_drop_comes_before_mouth_stretch() -> None:
    half, wide = units(jawOpen=0.35), units(jawOpen=0.95)
    assert half["AU26"] == pytest.approx(3.0)
    assert half["AU27"] == 0
    assert wide["AU27"] > 4


def test_lips_part_by_their_gap_not_by_the_jaw() -> None:
    assert units(jawOpen=0.4, mouthClose=0.4)["AU25"] == 0
    assert units(lip_gap=0.13)["AU25"] == pytest.approx(3.0)


def test_lip_suck_needs_both_lips() -> None:
    assert units(mouthRollLower=1.0)["AU28"] == 0
    assert units(mouthRollLower=1.0, mouthRollUpper=0.4)["AU28"] == pytest.approx(2.0)


def test_unmeasured_shapes_give_unmeasured_units() -> None:
    values = np.zeros(52, np.float32)
    values[INDEX("mouthSmileLeft")] = np.nan
    out = action_units(Blendshapes.of(values, np.ones(52)), {})
    facs = load_schema("facs").index
    for name in ("AU12_L", "AU19", "AU25"):
        assert np.isnan(out.values[facs(name)])
        assert out.confidence[facs(name)] == 0
    assert out["AU12_R"] == 0


@given(arrays(np.float32, 52, elements=st.floats(0, 1, width=32)))
@settings(deadline=None)
def test_curves_as_arrays_are_the_curves(weights: np.ndarray) -> None:
    out = action_units(Blendshapes.of(weights, np.ones(52)), {"lip_gap": (0.05, 1.0)})
    combine = {"mean": np.mean, "min": np.min, "max": np.max}
    for rule, value in zip(unit_rules(), out.values, strict=True):
        if rule.shapes:
            amount = combine[rule.combine](weights[list(rule.shapes)].astype(np.float64))
            assert value == pytest.approx(np.interp(amount, rule.curve[:, 0], rule.curve[:, 1]), abs=1e-4)

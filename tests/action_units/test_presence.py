"""Presence is a question put to the intensity: no sequence of measurements makes the two disagree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.action_units.facs import presence_bands
from mien.action_units.presence import Presence, settled
from mien.core.measures import ActionUnits
from mien.core.schema import load_schema

FACS = load_schema("facs")
ONE = FACS.index("AU12_L")
THRESHOLD = float(FACS.attributes["presence_threshold"])
level = st.one_of(
    st.just(float("nan")), st.floats(0.0, 5.0, width=32, allow_subnormal=False), st.floats(0.75, 1.25, width=32)
)


def units(values: np.ndarray | float) -> ActionUnits:
    full = np.full(len(FACS), values, np.float32) if np.isscalar(values) else values
    return ActionUnits.of(full, np.isfinite(full).astype(np.float32))


def run(levels: list[float]) -> list[float]:
    presence = Presence()
    return [presence.settle(units(v)).values[ONE] for v in levels]


@given(st.lists(level, min_size=1, max_size=40))
def test_presence_and_intensity_never_contradict_each_other(levels: list[float]) -> None:
    low, high = (float(b[ONE]) for b in presence_bands())
    presence = Presence()
    for raw in levels:
        given_ = units(raw)
        out = presence.settle(given_)
        known = np.isfinite(out.values)
        np.testing.assert_array_equal(out.presence[known], presence.present[known])
        np.testing.assert_array_equal(out.presence[known], out.values[known] >= np.float32(THRESHOLD))
        np.testing.assert_array_equal(np.isnan(out.values), np.isnan(given_.values))
        assert not out.presence[~known].any()
        if np.isfinite(raw):
            assert abs(out.values[ONE] - np.float32(raw)) <= max(high - THRESHOLD, THRESHOLD - low) + 1e-6
            if not low <= raw < high:
                assert out.values[ONE] == np.float32(raw)


@given(st.lists(st.floats(0.8125, 1.1875, width=32), min_size=2, max_size=40), st.booleans())
def test_noise_within_the_band_changes_nothing(levels: list[float], on: bool) -> None:
    out = run([3.0 if on else 0.0, *levels])
    assert {v >= THRESHOLD for v in out} == {on}


def test_comes_in_at_the_upper_edge_and_goes_out_at_the_lower_one() -> None:
    out = run([0.0, 1.1, 1.19, 1.2, 1.1, 0.9, 0.8, 0.79, 1.1, 2.5])
    assert [v >= THRESHOLD for v in out] == [False, False, False, True, True, True, True, False, False, True]
    np.testing.assert_allclose(out, [0.0, 1.0, 1.0, 1.2, 1.1, 1.0, 1.0, 0.79, 1.0, 2.5], atol=1e-6)
    assert out[1] < 1.0 <= out[5]


def test_a_gap_forgets_nothing_and_a_resumed_capture_goes_on() -> None:
    assert run([2.0, float("nan"), 0.9])[-1] >= THRESHOLD
    first = Presence()
    last = first.settle(units(2.0))
    resumed = Presence()
    resumed.follow(last)
    assert resumed.settle(units(0.9)).values[ONE] == first.settle(units(0.9)).values[ONE] == np.float32(1.0)


def test_every_unit_has_a_band_around_the_threshold() -> None:
    low, high = presence_bands()
    assert (low <= THRESHOLD).all()
    assert (high >= THRESHOLD).all()
    assert (high - low > 0.1).all()


def test_settled_moves_no_further_than_to_the_threshold() -> None:
    values = np.array([0.2, 0.99, 1.0, 4.0, np.nan], np.float32)
    present = np.array([True, True, True, True, True])
    np.testing.assert_array_equal(settled(values, present), np.array([1.0, 1.0, 1.0, 4.0, np.nan], np.float32))
    assert (settled(values, ~present)[:4] < 1.0).all()


@pytest.mark.parametrize("wanted", [0.0, 5.0])
def test_the_ends_of_the_scale_stay(wanted: float) -> None:
    assert run([wanted])[0] == wanted

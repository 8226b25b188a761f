"""Opposites never show together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.action_units.exclusive import PAIRS, without_contradictions
from mien.core.schema import load_schema

INDEX = load_schema("arkit52").index


@given(arrays(np.float32, 52, elements=st.floats(0, 1, width=32)))
def test_one_of_each_pair_is_zero_and_nothing_grows(weights: np.ndarray) -> None:
    out = without_contradictions(weights)
    assert all(min(out[INDEX(a)], out[INDEX(b)]) == 0 for a, b in PAIRS)
    assert out[INDEX("mouthClose")] <= out[INDEX("jawOpen")]
    assert (out >= 0).all()
    assert (out <= weights).all()


def test_what_is_not_measured_excludes_nothing() -> None:
    weights = np.zeros(52, np.float32)
    weights[INDEX("eyeBlinkLeft")], weights[INDEX("eyeWideLeft")] = 0.7, np.nan
    out = without_contradictions(weights)
    assert out[INDEX("eyeBlinkLeft")] == np.float32(0.7)
    assert np.isnan(out[INDEX("eyeWideLeft")])


def test_sadness_keeps_both_brow_shapes() -> None:
    weights = np.zeros(52, np.float32)
    weights[INDEX("browInnerUp")] = weights[INDEX("browDownLeft")] = 0.5
    assert np.array_equal(without_contradictions(weights), weights)

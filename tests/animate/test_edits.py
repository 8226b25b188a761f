"""Operations on curves: what they change, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mien.animate.edits import (
    SHAPES,
    AnyOperation,
    Curves,
    Despike,
    Edits,
    Fill,
    Gain,
    Mirror,
    Reduce,
    Smooth,
    Trim,
    edited,
)

MS = 1_000_000
JAW = SHAPES.index("jawOpen")


def curves(values: list[float], step_ms: float = 40.0) -> Curves:
    """jawOpen as given, every other shape 0."""
    t_ns = (np.arange(len(values)) * step_ms * MS).astype(np.int64)
    weights = np.zeros((len(values), 52), np.float32)
    weights[:, JAW] = values
    return Curves(t_ns, weights, np.ones(len(values), bool))


def jaw(found: Curves) -> np.ndarray:
    return found.weights[:, JAW]


def test_a_spike_goes_and_a_blink_stays() -> None:
    spiked = [0.1] * 5 + [0.9] + [0.1] * 10
    assert jaw(edited(curves(spiked), [Despike()], 1)) == pytest.approx(0.1, abs=1e-6)
    blink = [0.0] * 6 + [0.3, 0.8, 1.0, 0.7, 0.3] + [0.0] * 6
    assert jaw(edited(curves(blink), [Despike()], 1)) == pytest.approx(blink, abs=1e-6)
    step = [0.0] * 8 + [0.8] * 8
    assert jaw(edited(curves(step), [Despike()], 1)) == pytest.approx(step, abs=1e-6)


def test_short_gaps_are_filled_with_a_line_and_long_ones_stay() -> None:
    nan = float("nan")
    found = jaw(edited(curves([0.0, nan, nan, 0.6, *[nan] * 9, 1.0, nan]), [Fill(longest_ms=200)], 1))
    assert found[:4] == pytest.approx([0.0, 0.2, 0.4, 0.6], abs=1e-6)
    assert np.isnan(found[4:13]).all()
    assert found[13] == pytest.approx(1.0)
    assert np.isnan(found[14])


def test_smoothing_keeps_a_level_and_calms_tremor() -> None:
    values = 0.5 + 0.05 * np.where(np.arange(50) % 2, 1, -1)
    found = jaw(edited(curves(values.tolist()), [Smooth(sigma_ms=80)], 1))
    assert found[5:-5] == pytest.approx(0.5, abs=0.01)


def test_a_span_ends_without_a_jump_and_other_shapes_and_times_are_left_alone() -> None:
    before = curves([0.5] * 40)
    span = Gain(shapes=["jawOpen"], gain=2.0, start_ns=400 * MS, end_ns=1000 * MS)
    found = edited(before, [span], 1)
    inside = (before.t_ns >= span.start_ns) & (before.t_ns <= span.end_ns)
    assert jaw(found)[~inside] == pytest.approx(0.5)
    assert jaw(found)[inside].max() == pytest.approx(1.0)
    assert np.abs(np.diff(jaw(found))).max() < 0.5
    assert (np.delete(found.weights, JAW, axis=1) == 0).all()
    assert jaw(before) == pytest.approx(0.5), "the operation changes a copy"


def test_operations_of_another_face_do_nothing_but_trimming_is_for_everybody() -> None:
    before = curves([0.5] * 10)
    found = edited(
        before, [Gain(gain=0.0, track_id=7), Mirror(track_id=7), Trim(track_id=7, start_ns=0, end_ns=80 * MS)], 1
    )
    assert jaw(found) == pytest.approx(0.5)
    assert not found.mirrored
    assert found.kept.tolist() == [True] * 3 + [False] * 7


def test_mirroring_twice_changes_nothing_and_once_swaps_the_sides() -> None:
    before = curves([0.2] * 4)
    before.weights[:, SHAPES.index("eyeBlinkLeft")] = 0.7
    once = edited(before, [Mirror()], 1)
    assert once.weights[0, SHAPES.index("eyeBlinkRight")] == pytest.approx(0.7)
    assert once.weights[0, SHAPES.index("eyeBlinkLeft")] == 0.0
    assert once.mirrored
    twice = edited(once, [Mirror()], 1)
    assert (twice.weights == before.weights).all()


def test_reducing_stays_within_the_tolerance() -> None:
    values = (0.5 + 0.4 * np.sin(np.arange(120) / 9)).tolist()
    found = jaw(edited(curves(values), [Reduce(tolerance=0.03)], 1))
    assert found == pytest.approx(values, abs=0.031)
    assert np.abs(found - values).max() > 1e-4


def test_unknown_shapes_keys_and_kinds_are_refused() -> None:
    with pytest.raises(KeyError, match="jawOpn"):
        edited(curves([0.1, 0.2]), [Gain(shapes=["jawOpn"])], 1)
    every: TypeAdapter[object] = TypeAdapter(AnyOperation)
    for wrong in ({"kind": "delete"}, {"kind": "gain", "gian": 2}, {"kind": "gain", "gain": 99}, {"kind": "trim"}, []):
        with pytest.raises(ValidationError):
            every.validate_python(wrong)


values = st.lists(st.one_of(st.floats(0, 1, width=32), st.just(float("nan"))), min_size=1, max_size=30)
operations = st.lists(
    st.one_of(
        st.builds(Despike, threshold=st.floats(0.01, 1)),
        st.builds(Fill, longest_ms=st.floats(1, 2000)),
        st.builds(Smooth, sigma_ms=st.floats(1, 500)),
        st.builds(Gain, gain=st.floats(0, 4), offset=st.floats(-1, 1)),
        st.builds(Reduce, tolerance=st.floats(0.001, 0.5)),
        st.builds(Mirror),
        st.builds(Trim, start_ns=st.integers(-10, 10**9), end_ns=st.integers(-10, 10**9)),
    ),
    max_size=4,
)


@settings(max_examples=30, deadline=None)
@given(values, operations)
def test_whatever_is_done_weights_stay_weights_and_nothing_becomes_a_gap(
    numbers: list[float], todo: list[object]
) -> None:
    before = curves(numbers)
    found = edited(before, todo, 1)  # type: ignore[arg-type]
    assert found.weights.shape == before.weights.shape
    known = found.weights[np.isfinite(found.weights)]
    assert ((known >= 0) & (known <= 1)).all()
    assert np.isfinite(found.weights).sum() >= np.isfinite(before.weights).sum()
    again = Edits.model_validate_json(Edits(frames=1, first_ns=0, operations=todo, done=0).model_dump_json())
    assert list(again.operations) == todo

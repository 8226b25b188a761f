"""What a gesture of the guide is misread as is learnt from the guide, and taken off again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.action_units.guide import GUIDE, Step, moving_along, reached_shapes
from mien.action_units.leaks import leaks_of
from mien.action_units.profile import MAX_SHARE, Leak, Profile, read_profile, write_profile
from mien.core.schema import load_schema
from mien.errors import ConfigError

NAMES = load_schema("arkit52").names
SMILE = next(s for s in GUIDE if s.name == "smile")
STEPS = [replace(GUIDE[0], seconds=2.0), replace(SMILE, seconds=4.0)]


def at(name: str) -> int:
    return NAMES.index(name)


def smiling(wrong: dict[str, float], strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """(T, 52) readings at rest and through two smiles, and the step of each frame."""
    level = strength * np.concatenate([np.zeros(40), np.tile(np.sin(np.linspace(0, np.pi, 40)), 2)])
    read = np.zeros((len(level), 52), np.float32)
    for side in ("Left", "Right"):
        read[:, at(f"mouthSmile{side}")] = level
    for name, share in wrong.items():
        read[:, at(name)] = share * level / (1 + share * level)  # of y = share · level · (1 − y)
    return read, np.repeat([0, 1], [40, 80])


def profile(leaks: tuple[Leak, ...] = ()) -> Profile:
    return Profile("m", np.zeros((98, 2)), np.zeros(52), np.ones(52), {}, {}, leaks)


def test_what_a_smile_is_misread_as_is_found_and_taken_off() -> None:
    read, step = smiling({"mouthFrownLeft": 0.4, "jawOpen": 0.1, "mouthDimpleLeft": 0.5, "eyeBlinkLeft": 0.3})
    (leak,) = leaks_of(read, step, STEPS)
    assert leak.gesture == "smile"
    assert set(leak.of) == {"mouthSmileLeft", "mouthSmileRight"}
    assert leak.into == pytest.approx({"mouthFrownLeft": 0.4, "jawOpen": 0.1}, abs=0.02)  # dimples move along
    after = profile((leak,)).applied(read)
    assert after[:, at("mouthFrownLeft")].max() < 0.1 * read[:, at("mouthFrownLeft")].max()
    np.testing.assert_array_equal(after[:, at("mouthSmileLeft")], read[:, at("mouthSmileLeft")])
    np.testing.assert_array_equal(after[:, at("mouthDimpleLeft")], read[:, at("mouthDimpleLeft")])
    np.testing.assert_array_equal(after[:, at("eyeBlinkLeft")], read[:, at("eyeBlinkLeft")])


def test_a_gesture_that_is_hardly_read_says_nothing() -> None:
    assert leaks_of(*smiling({"mouthFrownLeft": 0.4}, strength=0.2), STEPS) == ()
    read, step = smiling({})
    assert leaks_of(read, step, STEPS) == ()
    read[:] = np.nan
    assert leaks_of(read, step, STEPS) == ()


SHARES = st.dictionaries(st.sampled_from(NAMES), st.floats(0, MAX_SHARE), max_size=6)


@given(arrays(np.float32, 52, elements=st.floats(0, 1, width=32)), SHARES, st.integers(0, 51))
def test_a_full_reading_loses_nothing_and_nothing_grows(weights: np.ndarray, into: dict[str, float], full: int) -> None:
    weights[full] = 1.0
    by = profile((Leak("a", ("jawOpen",), into), Leak("b", ("mouthPucker", "jawLeft"), into)))
    after = by.applied(weights)
    assert after[full] == 1.0
    assert ((after >= 0) & (after <= weights + 1e-6)).all()
    higher = weights.copy()
    other = (full + 1) % 52
    higher[other] = min(1.0, higher[other] + 0.1)
    if NAMES[other] not in ("jawOpen", "mouthPucker", "jawLeft"):  # what is read stronger stays stronger
        assert by.applied(higher)[other] >= after[other] - 1e-6


def test_what_was_not_measured_stays_so_and_counts_as_not_done() -> None:
    by = profile((Leak("jaw", ("jawOpen",), {"mouthSmileLeft": 0.5}),))
    weights = np.full(52, 0.2, np.float32)
    weights[at("jawOpen")] = np.nan
    after = by.applied(weights)
    assert np.isnan(after[at("jawOpen")])
    assert after[at("mouthSmileLeft")] == pytest.approx(0.2)


def test_leaks_and_the_face_at_rest_read_back_as_written(tmp_path: Path) -> None:
    made = replace(profile((Leak('a "b"', ("jawOpen",), {"mouthSmileLeft": 0.25}),)), own=np.linspace(-9, 9, 52))
    write_profile(made, tmp_path / "p.toml")
    again = read_profile(tmp_path / "p.toml")
    assert again.leaks == made.leaks
    assert again.own is not None
    np.testing.assert_allclose(again.own, np.linspace(-9, 9, 52), atol=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('of = ["jawOpen"]', 'of = ["jawOpn"]', "no shape jawOpn"),
        ('of = ["jawOpen"]', "of = []", "needs shapes"),
        ("mouthSmileLeft = 0.250", "mouthSmileLeft = 0.9", "shares of 0"),
        ("mouthSmileLeft = 0.250", "mouthSmileLeft = nan", "shares of 0"),
        ("at_rest = [", "at_rest = [1e9, ", "Profile.own"),
    ],
)
def test_damaged_leaks_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "p.toml"
    write_profile(replace(profile((Leak("a", ("jawOpen",), {"mouthSmileLeft": 0.25}),)), own=np.zeros(52)), path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_profile(path)


def test_every_step_names_shapes_that_there_are() -> None:
    for step in GUIDE:
        assert moving_along(step) <= set(NAMES)
        assert set(reached_shapes(step)) <= moving_along(step)
    assert moving_along(Step("x", "x", {"jawOpen": 1.0}, ("eyeWide",))) == {"jawOpen", "eyeWideLeft", "eyeWideRight"}

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
from mien.action_units.ranges import looks_of, ranges_of
from mien.action_units.visibility import look_shapes, looked
from mien.core.measures import Gaze as Gazing
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
    looks = np.array([[1.5, -7.25], [0.0, 15.0]], np.float32)
    leak = Leak('a "b"', ("jawOpen",), {"mouthSmileLeft": 0.25})
    made = replace(profile((leak,)), own=np.linspace(-9, 9, 52), looks_deg=looks)
    write_profile(made, tmp_path / "p.toml")
    again = read_profile(tmp_path / "p.toml")
    assert again.leaks == made.leaks
    np.testing.assert_array_equal(again.looks_deg, looks)
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
        ("left = [0.00", "left = [90.0", "Profile.looks_deg"),
        ("mouthSmileLeft = 0.250", "mouthSmileLeft = [1]", "float"),
        ("left = ", "# left = ", "left is missing"),
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


def test_eyes_look_relative_to_where_they_read_when_they_look_ahead() -> None:
    looking = Gazing(np.array([4.0, -6.0], np.float32), np.array([2.0, -6.0], np.float32), np.ones(2, np.float32))
    ahead, _ = look_shapes(looking)
    weights = np.where(np.isfinite(ahead), ahead, np.float32(0.3)).astype(np.float32)
    read = np.tile(weights, (40, 1))
    by = replace(profile(), looks_deg=looks_of(read))
    after = by.applied(weights)
    np.testing.assert_allclose(looked(after), 0, atol=1e-3)
    others = ~np.isfinite(ahead)
    np.testing.assert_array_equal(after[others], weights[others])
    down, _ = look_shapes(Gazing(np.array([4.0, -16.0]), np.array([2.0, -16.0]), np.ones(2)))
    np.testing.assert_allclose(looked(by.applied(np.nan_to_num(down))), [[0, -10], [0, -10]], atol=1e-2)
    read[:, [NAMES.index(n) for n in NAMES if n.startswith("eyeLook")]] = np.nan
    np.testing.assert_array_equal(looks_of(read), 0)


def test_a_stretch_is_shortened_where_the_reader_is_noisy() -> None:
    read, step = smiling({}, strength=0.5)
    t_ns = np.arange(len(step)) * 100_000_000
    gains = [ranges_of(t_ns, read, step, STEPS, np.full(52, r))[1][at("mouthSmileLeft")] for r in (0.0, 0.7, 1.0)]
    assert gains[0] == pytest.approx(1.0, abs=1e-3)
    assert gains[2] == pytest.approx(2.0, abs=0.1)
    assert gains[1] == pytest.approx(1 + 0.49 * (gains[2] - 1), abs=0.02)


def test_what_a_hardly_read_shape_does_beside_the_guide_goes_with_its_offset() -> None:
    read, step = smiling({"mouthFrownLeft": 0.4, "mouthDimpleLeft": 0.4, "eyeBlinkLeft": 0.4})
    read[45:50, at("mouthFrownLeft")] = 0.45  # seldom, but oftener than one frame in fifty
    t_ns = np.arange(len(read)) * 50_000_000
    shapes = ("mouthFrownLeft", "mouthDimpleLeft", "eyeBlinkLeft", "mouthSmileLeft")
    places = [at(name) for name in shapes]
    unread, half, known = (ranges_of(t_ns, read, step, STEPS, np.full(52, r))[0][places] for r in (0.005, 0.707, 1.0))
    noise = np.quantile(read[:, places[0]], 0.98)
    assert noise > np.quantile(read[:, places[0]], 0.95) + 0.1
    np.testing.assert_allclose(unread, [noise, 0, 0, 0], atol=2e-3)  # dimples come along, blinks are left alone
    np.testing.assert_allclose(half, [noise / 2, 0, 0, 0], atol=2e-3)
    np.testing.assert_allclose(known, 0, atol=1e-3)


def test_an_offset_leaves_a_shape_half_of_its_reach() -> None:
    frown = next(s for s in GUIDE if s.name == "frown")
    read, step = smiling({"mouthFrownLeft": 0.6})
    doing = np.zeros((40, 52), np.float32)
    doing[:, at("mouthFrownLeft")] = 0.3
    read, step = np.concatenate([read, doing]), np.concatenate([step, np.full(40, 2)])
    steps = [*STEPS, replace(frown, seconds=2.0)]
    offset, gain, _ = ranges_of(np.arange(len(read)) * 50_000_000, read, step, steps, np.full(52, 0.005))
    assert offset[at("mouthFrownLeft")] == pytest.approx(0.15, abs=1e-3)
    assert gain[at("mouthFrownLeft")] == pytest.approx(1 / 0.85, abs=1e-3)


def test_exercised_is_judged_from_rest_and_what_is_not_measured_is_left() -> None:
    frown = next(s for s in GUIDE if s.name == "frown")
    read, step = smiling({"mouthFrownLeft": 0.6})
    doing = np.zeros((40, 52), np.float32)
    doing[:, at("mouthFrownLeft")] = 0.2  # the offset takes half of it
    read, step = np.concatenate([read, doing]), np.concatenate([step, np.full(40, 2)])
    steps, t_ns = [*STEPS, replace(frown, seconds=2.0)], np.arange(len(read)) * 50_000_000
    offset, _, seen = ranges_of(t_ns, read, step, steps, np.full(52, 0.005))
    assert offset[at("mouthFrownLeft")] == pytest.approx(0.1, abs=1e-3)
    assert seen["mouthFrownLeft"] == pytest.approx((0.0, 0.2), abs=1e-6)
    offset, gain, seen = ranges_of(t_ns, read, step, steps, np.zeros(52))
    assert not seen
    np.testing.assert_array_equal(offset, 0)
    np.testing.assert_array_equal(gain, 1)

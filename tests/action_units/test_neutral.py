"""The person's neutral: learned from calm moments, whatever the frame rate."""

from __future__ import annotations

import numpy as np
import pytest

from mien.action_units.neutral import PARTS, Neutral, activity, part_of_shape, without_excess
from mien.core.schema import load_schema

CALM = {"brows": 0.1, "eyes": 0.1, "mouth": 0.2}
SMILE = {"brows": 0.1, "eyes": 0.2, "mouth": 2.5}
BLINK = {"brows": 0.1, "eyes": 1.0, "mouth": 0.2}
MEAN = np.zeros((98, 3), np.float32)


def watch(script: list[tuple[float, dict[str, float], np.ndarray]], hz: float = 25.0) -> Neutral:
    """Frames of (seconds, activities, front view) one after the other."""
    neutral, t = Neutral(), 0.0
    for seconds, activities, front in script:
        end = t + seconds
        while t < end - 1e-9:
            neutral.learn(round(t * 1e9), front, activities, 1.0)
            t += 1 / hz
    return neutral


def at(value: float) -> np.ndarray:
    """A symmetric front view that differs from the mean face by `value` upwards."""
    return np.tile(np.array([0.0, value], np.float32), (98, 1))


def test_a_calm_face_is_known_within_two_seconds() -> None:
    neutral = watch([(2.0, CALM, at(0.1))])
    assert all(neutral.known(part) > 0.8 for part in PARTS)
    assert np.allclose(neutral.shape(MEAN), at(0.1), atol=1e-3)


def test_nothing_is_known_at_first() -> None:
    neutral = Neutral()
    assert all(neutral.known(part) == 0 for part in PARTS)
    assert np.array_equal(neutral.shape(MEAN), MEAN[:, :2])


def test_a_smile_held_from_the_start_is_not_learned() -> None:
    neutral = watch([(6.0, SMILE, at(0.3))])
    assert neutral.known("mouth") < 0.05


def test_a_smile_held_later_does_not_move_the_neutral() -> None:
    neutral = watch([(3.0, CALM, at(0.0)), (8.0, SMILE, at(0.3))])
    assert np.abs(neutral.shape(MEAN)[list(PARTS["mouth"])]).max() < 0.01


def test_blinks_are_not_learned() -> None:
    script = [(0.8, CALM, at(0.1)), (0.2, BLINK, at(-0.2))] * 8
    assert neutral_eyes(watch(script)) == pytest.approx(0.1, abs=0.005)


def neutral_eyes(neutral: Neutral) -> float:
    return float(neutral.shape(MEAN)[list(PARTS["eyes"]), 1].mean())


def test_frame_rates_give_the_same_answer() -> None:
    script = [(1.0, CALM, at(0.0)), (2.0, {"brows": 0.2, "eyes": 0.15, "mouth": 0.3}, at(0.1)), (1.0, SMILE, at(0.4))]
    slow, fast = watch(script, 10.0), watch(script, 60.0)
    for part in PARTS:
        assert slow.known(part) == pytest.approx(fast.known(part), abs=0.05)
    assert np.allclose(slow.shape(MEAN), fast.shape(MEAN), atol=0.006)


def test_a_gap_in_the_recording_counts_little() -> None:
    neutral = Neutral()
    neutral.learn(0, at(0.0), CALM, 1.0)
    neutral.learn(round(60e9), at(0.5), CALM, 1.0)
    assert neutral.known("mouth") < 0.5


def test_the_first_frame_counts_for_nothing_but_the_start() -> None:
    neutral = Neutral()
    neutral.learn(0, at(0.5), CALM, 1.0)
    assert neutral.known("mouth") == 0
    assert neutral.saw(0)
    neutral.learn(round(0.2e9), at(0.1), CALM, 1.0)
    assert neutral.known("mouth") == pytest.approx(0.2**2 / (0.2**2 + neutral.trust_s**2), rel=0.05)
    assert np.allclose(neutral.shape(MEAN), at(0.1), atol=1e-6)


def test_unseen_points_teach_nothing() -> None:
    front = at(0.1)
    front[80] = np.nan
    neutral = watch([(2.0, CALM, front)])
    assert np.isfinite(neutral.shape(MEAN)).all()


def test_part_of_a_crooked_neutral_is_believed() -> None:
    crooked = at(0.0)
    crooked[82, 1] = 0.1
    shape = watch([(3.0, CALM, crooked)]).shape(MEAN)
    assert 0.03 < shape[82, 1] - shape[76, 1] < 0.05


def test_old_frames_are_ignored() -> None:
    neutral = watch([(1.0, CALM, at(0.1))])
    assert neutral.saw(round(0.5e9))
    assert not neutral.saw(round(2e9))


def test_activity_counts_what_a_part_does() -> None:
    weights = np.zeros(52, np.float32)
    assert activity(weights) == {"brows": 0, "eyes": 0, "mouth": 0}
    index = load_schema("arkit52").index
    weights[index("jawOpen")], weights[index("eyeBlinkLeft")] = 0.5, np.nan
    assert activity(weights)["mouth"] == pytest.approx(0.5)
    assert activity(weights)["eyes"] == 0
    assert part_of_shape()[index("browInnerUp")] == "brows"


@pytest.mark.parametrize(("held", "most"), [(0.8, 0.03), (1.2, 0.01)])
def test_what_is_held_after_rest_does_not_sink_in(held: float, most: float) -> None:
    neutral = watch([(3.0, {**CALM, "mouth": 0.2}, at(0.0)), (8.0, {**CALM, "mouth": held}, at(1.0))])
    assert abs(neutral.front[80]).max() < most


def test_a_reading_that_flickers_is_known_soon() -> None:
    """Five frames a second that read 0.6 and 0.1 in turn: what is calm does not follow every dip."""
    neutral = Neutral()
    for k in range(20):
        neutral.learn(k * 200_000_000, at(0.1), {**CALM, "mouth": 0.6 if k % 2 else 0.1}, 1.0)
    assert neutral.known("mouth") > 0.975  # following every dip: 0.966


def test_of_a_face_that_looks_calm_features_are_no_expression() -> None:
    """Up to 0.8, 0.25 and 0.95 anybody at rest may read, and as much again where the face as a whole looks calm."""
    odd = {"brows": 1.3, "eyes": 0.1, "mouth": 1.9}
    assert without_excess(odd, 1.0) == pytest.approx({"brows": 0.8, "eyes": 0.1, "mouth": 0.95})
    assert without_excess(SMILE, 1.0) == pytest.approx({"brows": 0.1, "eyes": 0.2, "mouth": 2.5 - 0.95})
    assert watch([(2.0, odd, at(0.1))]).known("mouth") < 0.1
    assert watch([(2.0, without_excess(odd, 1.0), at(0.1))]).known("mouth") > 0.8
    assert watch([(2.0, without_excess(SMILE, 1.0), at(0.1))]).known("mouth") < 0.1


def test_a_slight_smile_of_a_face_that_hardly_looks_calm_is_not_learned() -> None:
    """Neutral by a probability of 0.55 is a sixth of calm (`mood.calmness`)."""
    smile = {"brows": 0.1, "eyes": 0.1, "mouth": 1.4}
    assert without_excess(smile, 0.0) == smile
    assert without_excess(smile, 1 / 6)["mouth"] == pytest.approx(1.4 - 0.45 / 6)
    neutral = watch([(6.0, without_excess(smile, 1 / 6), at(0.3))])
    assert neutral.known("mouth") < 0.2

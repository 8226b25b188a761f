"""Readings of found micro-expressions against values counted by hand."""

import pytest

from mien.core.record import Event
from mien.lab.evaluate.micro_reading import Reading, always_scores, emotion_table, report, sides, unit_scores
from mien.micro.spotter import Spotted


def _reading(told: set[str], true: set[str], emotions: dict[str, float], emotion: str) -> Reading:
    event = Event("micro", 0, 0, 1, 2, 0.9)
    return Reading(Spotted(event, dict.fromkeys(told, 0.6), emotions, {}, 5.0), frozenset(true), emotion)


READINGS = [
    _reading({"AU1_L", "AU1_R"}, {"AU1_L", "AU1_R"}, {"surprise": 0.6, "others": 0.4}, "surprise"),
    _reading({"AU12_L"}, {"AU12_L"}, {"happiness": 0.3, "others": 0.7}, "happiness"),
    _reading({"AU12_L", "AU12_R"}, {"AU12_R", "AU4_L"}, {"sadness": 0.3, "anger": 0.3, "surprise": 0.4}, "disgust"),
]


def test_units_are_counted_over_all() -> None:
    assert unit_scores(READINGS) == pytest.approx((4 / 5, 4 / 5, 8 / 10))
    # every true entry occurs once; always saying all five: 2·5 / (15 + 5)
    assert always_scores(READINGS) == pytest.approx(0.5)


def test_sides_of_what_was_performed_on_one_side() -> None:
    assert sides(READINGS) == {"same": 1, "both": 1, "other": 0, "none": 1}
    wrong = _reading({"AU12_R"}, {"AU12_L", "AU24"}, {}, "others")
    assert sides([wrong]) == {"same": 0, "both": 0, "other": 1, "none": 0}


def test_three_classes_add_their_names_and_leave_others_out() -> None:
    eight, three = (line.strip("| ").split(" | ") for line in emotion_table(READINGS)[2:])
    assert eight[:3] == ["eight names", "3", "0.33"]
    assert three[:3] == ["three classes", "3", "1.00"]


def test_of_nothing_found_nothing_is_said() -> None:
    assert "Of the 0 found" in report([])
    assert emotion_table([]) == emotion_table([])[:2]

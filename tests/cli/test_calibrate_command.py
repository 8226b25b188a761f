"""What `mien calibrate` says of a calibration."""

from __future__ import annotations

from typing import Any

from mien.cli.calibrate import in_words


def facts(*exercised: str) -> dict[str, Any]:
    return {
        "frames": 40,
        "exercised": list(exercised),
        "blinks": {"peak_before": None, "peak_after": 1.0},
        "shapes": {},
    }


def test_a_calibration_in_which_nothing_moved_is_warned_of() -> None:
    said = in_words(facts())
    assert "0 shapes were exercised: none" in said
    assert "\nwarning: nothing moved far enough" in said
    assert "follow the guide" in said


def test_another_is_not() -> None:
    said = in_words(facts("jawOpen"))
    assert "1 shapes were exercised: jawOpen" in said
    assert "blink peaks - -> 1.00" in said
    assert "warning" not in said

"""Scores of turns: intervals over subjects, chance by permuted classes, clips drawn twice count twice."""

import numpy as np
import pytest

from mien.lab.evaluate.micro_scores import as_rows, commonest, permuted, result_of, table
from mien.lab.evaluate.micro_turns import Turn

CLASSES = ["a", "b"]


def _turn(subject: str, right: int, of: int = 8) -> Turn:
    truth = tuple(CLASSES[k % 2] for k in range(of))
    answers = tuple(t if k < right else CLASSES[1 - k % 2] for k, t in enumerate(truth))
    return Turn("m", subject, 2.0, tuple(f"{subject}{k}" for k in range(of)), (subject,) * of, truth, answers)


def test_intervals_are_over_subjects_not_clips() -> None:
    result = result_of("m", [_turn("s1", 8), _turn("s2", 0)], CLASSES, repeats=200)
    assert result.accuracy == 0.5
    assert result.intervals["accuracy"] == (0.0, 1.0)  # one of the two subjects drawn twice
    assert (result.subjects, result.folds, result.seconds) == (2, 2, 4.0)


def test_chance_is_told_by_permuted_classes() -> None:
    good = result_of("m", [_turn(f"s{k}", 8) for k in range(4)], CLASSES, repeats=200)
    poor = result_of("m", [_turn(f"s{k}", 4) for k in range(4)], CLASSES, repeats=200)
    assert good.chance_p == pytest.approx(1 / 201)
    assert poor.chance_p > 0.3
    by_chance = permuted([_turn(f"s{k}", 8) for k in range(4)], CLASSES, repeats=200)
    assert by_chance.uf1 == pytest.approx(0.5, abs=0.05)
    low, high = by_chance.intervals["uf1"]
    assert low < 0.5 < high < good.uf1


def test_spotting_counts_every_clip_as_a_video() -> None:
    turn = Turn(
        "m", "s", 1.0, ("x", "y"), ("s", "s"), ("a", "b"), ("a", "a"), ((4, 9), (4, 9)), (((4, 9),), ((20, 22),))
    )
    other = Turn("m", "t", 1.0, ("z",), ("t",), ("b",), ("b",), ((4, 9),), (((5, 9),),))
    result = result_of("m", [turn, other], CLASSES, repeats=50)
    assert result.spotting_f1 == pytest.approx(2 / 3)
    assert result.strs == pytest.approx(2 / 3)
    assert np.isfinite(result.intervals["strs"]).all()


def test_the_commonest_class_of_equal_ones_is_the_first_by_name() -> None:
    assert commonest(["b", "a", "b", "a"]) == "a"


def test_rows_and_table_have_no_nan() -> None:
    result = result_of("m", [_turn("s1", 8), _turn("s2", 6)], CLASSES, repeats=0)
    assert as_rows([result])[0]["chance_p"] is None
    assert "nan" not in "".join(table([result]))
    assert "| m | 87.5 |" in table([result])[-1]

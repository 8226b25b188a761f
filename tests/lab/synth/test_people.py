"""People who move otherwise than the rig."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.lab.synth.people import LID_PAIRS, Habits, beyond_the_rig

INDEX = load_schema("arkit52").index


def habits(seed: int = 0) -> Habits:
    fields = np.random.default_rng(seed).normal(size=(2, 52, 98, 3)).astype(np.float32)
    return Habits(("one", "other"), fields)


def test_who_does_nothing_does_not_move() -> None:
    assert not beyond_the_rig(np.random.default_rng(0), np.zeros((5, 52), np.float32), habits()).any()


def test_a_person_moves_like_a_mixture() -> None:
    fields = np.zeros((2, 52, 98, 3), np.float32)
    fields[0, INDEX("jawOpen"), 16, 1] = 10.0
    fields[1, INDEX("jawOpen"), 16, 1] = -4.0
    weights = np.zeros((400, 52), np.float32)
    weights[:, INDEX("jawOpen")] = 0.5
    moved = beyond_the_rig(np.random.default_rng(1), weights, Habits(("far", "near"), fields))
    chin = moved[:, 16, 1]
    assert -2.0 <= chin.min() < -1.0
    assert 4.0 < chin.max() <= 5.0
    assert chin.mean() == pytest.approx(0.75, abs=0.3)  # a quarter of each; the ICT rig counts for two
    assert not np.delete(moved, 16, axis=1).any()


def test_lids_keep_their_opening() -> None:
    moved = beyond_the_rig(np.random.default_rng(2), np.ones((3, 52), np.float32), habits())
    for upper, lower in LID_PAIRS:
        assert np.allclose(moved[:, upper], moved[:, lower])


def test_habits_are_kept(tmp_path: Path) -> None:
    habits().save(tmp_path / "habits.npz")
    again = Habits.read(tmp_path / "habits.npz")
    assert again.rigs == ("one", "other")
    assert np.array_equal(again.beyond_mm, habits().beyond_mm)

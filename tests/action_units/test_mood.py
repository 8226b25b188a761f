"""Smiles that the expression does not bear out."""

from __future__ import annotations

import numpy as np
import pytest

from mien.action_units.mood import LEFT, belief_in_smiles, calmness, without_false_smiles
from mien.core.measures import Expression
from mien.core.schema import load_schema

ARKIT, MOODS = load_schema("arkit52"), load_schema("expression8")


def mood(**shares: float) -> Expression:
    values = np.zeros(len(MOODS), np.float32)
    for name, share in shares.items():
        values[MOODS.index(name)] = share
    values[MOODS.index("contempt")] = np.nan  # the network does not know it
    return Expression(values, np.ones(len(MOODS), np.float32), MOODS)


def face(**weights: float) -> np.ndarray:
    out = np.zeros(52, np.float32)
    for name, value in weights.items():
        out[ARKIT.index(name)] = value
    return out


@pytest.mark.parametrize(
    ("expression", "belief"),
    [
        (None, 1.0),
        (mood(happiness=0.9, sadness=0.1), 1.0),
        (mood(neutral=0.3, surprise=0.15, sadness=0.55), 1.0),
        (mood(happiness=0.2, sadness=0.8), 0.5),
        (mood(sadness=0.9, fear=0.1), LEFT),
    ],
)
def test_belief_falls_as_cheer_and_calm_go(expression: Expression | None, belief: float) -> None:
    assert belief_in_smiles(expression) == pytest.approx(belief, abs=1e-6)


def test_what_looks_calm() -> None:
    assert calmness(mood(neutral=0.9, sadness=0.1)) == 1
    assert calmness(mood(neutral=0.65, sadness=0.35)) == pytest.approx(0.5)
    assert calmness(mood(neutral=0.5, sadness=0.5)) == 0
    assert calmness(mood(neutral=0.4, sadness=0.6)) == 0
    assert calmness(None) == 0
    unread = Expression(np.full(len(MOODS), np.nan, np.float32), np.zeros(len(MOODS), np.float32), MOODS)
    assert calmness(unread) == 0


def test_an_expression_that_could_not_be_read_says_nothing() -> None:
    unread = Expression(np.full(len(MOODS), np.nan, np.float32), np.zeros(len(MOODS), np.float32), MOODS)
    assert belief_in_smiles(unread) == 1.0
    known = np.where(np.arange(len(MOODS)) == MOODS.index("sadness"), 1, np.nan).astype(np.float32)
    assert belief_in_smiles(Expression(known, np.ones(len(MOODS), np.float32), MOODS)) == 1.0
    seven = load_schema("expression7")
    assert belief_in_smiles(Expression(np.zeros(7, np.float32), np.ones(7, np.float32), seven)) == 1.0


def test_a_smile_of_grief_becomes_lips_drawn_outwards() -> None:
    weights = face(mouthSmileLeft=0.8, mouthSmileRight=0.4, mouthStretchRight=0.95, jawOpen=0.3)
    out = without_false_smiles(weights, mood(sadness=1.0))
    assert out[ARKIT.index("mouthSmileLeft")] == pytest.approx(0.2)
    assert out[ARKIT.index("mouthStretchLeft")] == pytest.approx(0.3)
    assert out[ARKIT.index("mouthStretchRight")] == 1.0, "no more than all"
    assert out[ARKIT.index("jawOpen")] == pytest.approx(0.3)
    assert weights[ARKIT.index("mouthSmileLeft")] == np.float32(0.8), "the given weights stay as they are"
    assert without_false_smiles(weights, mood(happiness=1.0)) is weights


def test_a_side_that_cannot_be_seen_stays_unknown_and_gives_nothing() -> None:
    weights = face(mouthSmileRight=0.8)
    weights[ARKIT.index("mouthSmileLeft")] = np.nan
    out = without_false_smiles(weights, mood(anger=1.0))
    assert np.isnan(out[ARKIT.index("mouthSmileLeft")])
    assert out[ARKIT.index("mouthStretchLeft")] == 0.0
    assert out[ARKIT.index("mouthStretchRight")] == pytest.approx(0.3)

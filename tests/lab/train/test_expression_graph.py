"""The graph that draws units: its training sets, a very short training, and the folder it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.animate.expression_graph import EXPRESSIONS, UNITS, Ask, ExpressionGraph
from mien.lab.synth.expression_sets import random_set
from mien.lab.train.expression_graph import drawn_sets, held_out, main, train
from mien.runtime.store import read_card


def test_sets_are_typical_of_their_expression() -> None:
    rng = np.random.default_rng(0)
    drawn = [random_set(rng) for _ in range(300)]
    assert {d[0] for d in drawn} == set(EXPRESSIONS)
    assert all(d[3].max() == 1.0 and d[3].min() >= 0.0 for d in drawn)
    macro = [d[3] for d in drawn if d[1] == "macro" and d[0] == "happiness"]
    assert np.mean([levels[UNITS.index("AU12")] > 0 for levels in macro]) > 0.95
    wide = [d for d in drawn if d[1] == "macro" and d[3][UNITS.index("AU27")] > 0]
    assert all(intensity >= 0.7 for _, _, intensity, _ in wide), "a mouth is torn open only when it is meant strongly"


def test_training_lowers_the_loss_and_writes_a_model(tmp_path: Path) -> None:
    asked, levels = drawn_sets(5, 400)
    few, more = (held_out(train(asked, levels, steps), asked, levels) for steps in (1, 40))
    assert more < few
    assert main(["--out", str(tmp_path / "graph"), "--sets", "200", "--steps", "15"]) == 0
    card = read_card(tmp_path / "graph")
    assert [s.metric for s in card.scores][-1].startswith("correlation of co-occurrence")
    graph = ExpressionGraph(str(tmp_path / "graph"))
    try:
        assert graph.levels(Ask("anger", "macro", 0.7), np.random.default_rng(0))
    finally:
        graph.close()

"""Movement made without drawing, and the spotter's trainer; one performer, short clips."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core.schema import load_schema
from mien.lab.rigs.catalogue import load_rig
from mien.lab.synth.faint_movement import Performer, observe
from mien.lab.synth.sequence import random_sequence
from mien.lab.train.micro_spotter import (
    Examples,
    dense_sequence,
    examples_of,
    joined,
    mirrored,
    overlap,
    random_examples,
    train,
)
from mien.lab.train.micro_spotter_card import write
from mien.micro.decision import EMOTIONS, Decision, width
from mien.micro.grid import to_grid
from mien.micro.regions import load_regions


@cache
def _performer() -> Performer:
    return Performer.of(load_rig("builtin"), np.random.default_rng(1))


@cache
def _examples() -> Examples:
    return joined(list(random_examples([_performer()], 3, 4)))


def test_a_performer_is_a_person_of_the_rig_and_its_shapes() -> None:
    who = _performer()
    regions, index = load_regions(), load_schema("arkit52").index
    raised = regions.mean @ who.shapes[index("browInnerUp")]
    assert raised[regions.index("brow_inner_L"), 1] > 2.0
    assert np.abs(raised[regions.index("chin")]).max() < 0.5
    smile = regions.mean @ who.shapes[index("mouthSmileLeft")]
    assert np.linalg.norm(smile[regions.index("mouth_corner_L")]) > 3 * np.linalg.norm(
        smile[regions.index("mouth_corner_R")]
    )


@pytest.mark.parametrize("pixels", [True, False])
def test_observed_movement_has_times_light_and_noise(pixels: bool) -> None:
    sequence = random_sequence(3, "micro", fps=50.0)
    a, b = (observe(_performer(), sequence, np.random.default_rng(2), pixels=pixels) for _ in range(2))
    assert [m.t_ns for m in a] == sequence.times_ns.tolist()
    assert [m.fresh for m in a] == [True, *[False] * (len(a) - 1)]
    assert np.array_equal(a[-1].regions, b[-1].regions)
    assert np.isfinite(a[-1].light) == pixels
    assert 0 < np.std([m.regions[0, 0] for m in a]) < 0.05


def test_overlap_by_hand() -> None:
    assert overlap((0.0, 2.0), (1.0, 3.0)) == pytest.approx(1 / 3)
    assert overlap((0.0, 1.0), (2.0, 3.0)) == 0.0


def test_candidates_are_labelled_by_the_events_they_overlap() -> None:
    sequence = random_sequence(3, "micro", fps=100.0, seconds=4.0)
    grid = to_grid(observe(_performer(), sequence, np.random.default_rng(0)), 100.0)
    assert grid is not None
    data = examples_of(sequence, grid)
    assert data.rows.shape == (len(data.kinds), width())
    assert set(data.kinds.tolist()) <= {0, 1}
    assert np.isnan(data.units[data.kinds == 0]).all()
    assert ((data.emotions >= 0) <= (data.kinds == 1)).all()


def test_mirroring_twice_changes_nothing() -> None:
    data = _examples()
    twice = mirrored(mirrored(data))
    assert np.array_equal(twice.rows, data.rows)
    assert np.array_equal(twice.units, data.units, equal_nan=True)


def test_training_writes_a_model_that_the_spotter_opens(tmp_path: Path) -> None:
    data = _examples()
    net = train(data, steps=5, batch=32)
    with torch.inference_mode():
        kinds, units, emotions = net(torch.from_numpy(data.rows[:4]))
    assert kinds.sum(dim=1).tolist() == pytest.approx([1.0] * 4, abs=1e-5)
    write(net, tmp_path / "spotter", data, ["builtin"])
    decision = Decision(str(tmp_path / "spotter"))
    verdict = decision.of(data.rows[:4])
    assert verdict.kinds == pytest.approx(kinds.numpy(), abs=0.01)
    assert verdict.units == pytest.approx(units.numpy(), abs=0.01)
    assert emotions.shape[1] == len(EMOTIONS)
    assert "micro-spotter" not in decision.model_id


def test_a_dense_sequence_holds_many_expressions_that_do_not_overlap() -> None:
    sequence = dense_sequence(5, 50.0, 8.0)
    assert len(sequence) == 400
    assert len(sequence.events) >= 3
    assert {e.kind for e in sequence.events} <= {"micro", "macro"}
    ordered = [(e.onset_s, e.offset_s) for e in sequence.events]
    assert all(a[1] < b[0] for a, b in pairwise(ordered))
    assert np.array_equal(sequence.shapes, dense_sequence(5, 50.0, 8.0).shapes)

"""Movement made without drawing, and the spotter's trainer; one performer, short clips."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core.schema import load_schema
from mien.errors import ConfigError
from mien.lab.models.spotter_net import SpotterNet
from mien.lab.rigs.catalogue import load_rig
from mien.lab.synth.expression_events import Event
from mien.lab.synth.faint_movement import Performer, observe
from mien.lab.synth.sequence import random_sequence
from mien.lab.train.micro_spotter import fit_sureness, judged, loss_of, main, train
from mien.lab.train.micro_spotter_card import write
from mien.lab.train.micro_spotter_clips import (
    Clip,
    clips_of,
    dense_scenes,
    dense_sequence,
    other_performers,
    performers,
    random_scenes,
)
from mien.lab.train.micro_spotter_pieces import LENGTH, Pieces, mirrored, truth_of
from mien.micro.decision import EMOTIONS, KINDS, Decision
from mien.micro.regions import load_regions
from mien.micro.signals import width


@cache
def _performer() -> Performer:
    return Performer.of(load_rig("builtin"), np.random.default_rng(1))


@cache
def _clips() -> tuple[Clip, ...]:
    return tuple(clips_of(random_scenes([_performer()], 3, 4)))


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


def _clip(rows: int, *events: Event) -> Clip:
    return Clip(np.zeros((rows, width()), np.float16), events, rows * 0.02, 0.0)


def test_the_same_seed_makes_the_same_clips_and_a_rate_can_be_given() -> None:
    again = tuple(clips_of(random_scenes([_performer()], 3, 4)))
    assert all(np.array_equal(a.rows, b.rows) for a, b in zip(_clips(), again, strict=True))
    scene = next(random_scenes([_performer()], 1, 4, 60.0))
    assert scene.sequence.fps == 60.0
    assert scene.pixels
    dense = next(clips_of(dense_scenes([_performer()], 1, 4)))
    assert len(dense.expressions) >= 3
    assert dense.rows.shape == (len(dense.times_s), width())


def test_truth_says_when_from_when_to_when_and_what() -> None:
    event = Event("micro", 1.0, 1.1, 1.41, {"AU12_L": 2.0, "AU6_L": 0.2}, "happiness")
    truth = truth_of(_clip(100, event))
    rows = np.flatnonzero(truth.kinds.numpy() == KINDS.index("micro"))
    assert rows.tolist() == list(range(56, 66))  # 1.205 s ± a quarter of 0.41 s
    assert set(truth.kinds[51:56].tolist()) == {-1}
    assert truth.kinds[49] == truth.kinds[71] == 0
    assert truth.spans[60].tolist() == pytest.approx([0.2, 0.21, 0.1 / 0.41])
    assert truth.spans[56].tolist() == pytest.approx([0.12, 0.29, 0.1 / 0.41])
    names = load_schema("facs").names
    assert [n for n, u in zip(names, truth.units[60], strict=True) if u == 1] == ["AU12_L"]
    assert torch.isnan(truth.units[40]).all()
    assert truth.emotions[60] == EMOTIONS.index("happiness")
    assert truth.emotions[40] == -1


def test_mirroring_twice_changes_nothing_and_once_changes_sides() -> None:
    rows = torch.from_numpy(_clips()[0].rows).float()
    assert torch.equal(mirrored(mirrored(rows)), rows)
    left, right = load_regions().index("mouth_corner_L"), load_regions().index("mouth_corner_R")
    assert torch.equal(mirrored(rows)[:, 2 * left], -rows[:, 2 * right])
    assert torch.equal(mirrored(rows)[:, 2 * left + 1], rows[:, 2 * right + 1])


def test_pieces_have_one_length_and_short_clips_are_not_judged_where_they_ended() -> None:
    event = Event("macro", 0.2, 0.5, 1.0, {"AU4": 2.0})
    rows, truth = Pieces([_clip(120, event)], 3).batch(4)
    assert rows.shape == (4, LENGTH, width())
    assert (truth.kinds[:, 120:] == -1).all()
    assert (truth.kinds[:, :120] == KINDS.index("macro")).any()


def test_the_loss_is_small_only_for_the_truth() -> None:
    torch.manual_seed(0)
    net, pieces = SpotterNet().eval(), Pieces([_clip(400, Event("micro", 3.0, 3.2, 3.5, {"AU12_L": 2.0}))], 1)
    rows, truth = pieces.batch(2)
    before = loss_of(net, rows, truth).item()
    with torch.no_grad():
        net.kinds.bias.copy_(torch.tensor([-4.0, 0.0, 4.0]))
    assert loss_of(net, rows, truth).item() > before + 1.0


def test_sureness_is_fitted_to_what_was_true(monkeypatch: pytest.MonkeyPatch) -> None:
    net = SpotterNet().eval()
    events = [Event("micro", 1.0 + k, 1.2 + k, 1.4 + k, {"AU12_L": 2.0}) for k in range(8)]
    verdict = judged(net, _clip(500))
    verdict.kinds[:] = [1.0, 0.0, 0.0]
    for k in range(8):  # every second finding is true, and all are as sure
        row = round((1.2 + k) / 0.02)
        verdict.kinds[row] = [0.1, 0.9, 0.0]
        verdict.spans[row] = [0.2, 0.2, 0.5]
    monkeypatch.setattr("mien.lab.train.micro_spotter.judged", lambda *_: verdict)
    fit_sureness(net, [_clip(500, *events[::2])])
    likely = torch.sigmoid(net.sure[0] * float(np.log(0.9 / 0.1)) + net.sure[1])
    assert float(likely) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("found", "true"), [(0, 0), (3, 0), (3, 3)])
def test_sureness_without_true_and_false_findings_is_refused(
    monkeypatch: pytest.MonkeyPatch, found: int, true: int
) -> None:
    net = SpotterNet().eval()
    verdict = judged(net, _clip(300))
    verdict.kinds[:] = [1.0, 0.0, 0.0]
    for k in range(found):
        verdict.kinds[round((1.2 + k) / 0.02)], verdict.spans[round((1.2 + k) / 0.02)] = (
            [0.1, 0.9, 0.0],
            [0.2, 0.2, 0.5],
        )
    monkeypatch.setattr("mien.lab.train.micro_spotter.judged", lambda *_: verdict)
    events = [Event("micro", 1.0 + k, 1.2 + k, 1.4 + k, {"AU12_L": 2.0}) for k in range(true)]
    with pytest.raises(ConfigError, match=f"{true} of {found} findings on 1 clips are true"):
        fit_sureness(net, [_clip(300, *events)])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--rig: name at least one"),
        (["--rig", "ict"], "--rig ict: name the folder"),
        (["--rig", "ict:"], "--rig ict: name the folder"),
        (["--rig", "nobody:x"], "no such rig"),
        (["--rig", "builtin", "--check", "0"], "--check: at least 1"),
        (["--rig", "builtin", "--people", "0"], "--people: at least 1"),
        (["--rig", "builtin", "--people", "41"], "--people: 40 at most"),
        (["--rig", "builtin", "--people", "1", "--clips", "0", "--dense", "0"], "nothing to learn from"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_it_begins(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.lab.train.micro_spotter.train", lambda *_, **__: pytest.fail("it was begun"))
    with pytest.raises(ConfigError, match=said):
        main([*arguments, "--out", str(tmp_path / "model")])


def test_people_between_the_rigs_perform_after_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[Clip] = []
    monkeypatch.setattr("mien.lab.train.micro_spotter.train", lambda clips, *_, **__: learned.extend(clips))
    monkeypatch.setattr("mien.lab.train.micro_spotter.fit_sureness", lambda *_: None)
    monkeypatch.setattr("mien.lab.train.micro_spotter_card.write", lambda *_: None)
    few = ["--people", "1", "--clips", "1", "--dense", "1", "--seeds", "4", "--check", "1", "--out", str(tmp_path)]
    main(["--rig", "builtin", *few])
    main(["--rig", "builtin", *few, "--mixed", "2", "--mixed-seeds", "4"])
    plain, first, second = learned[:2], learned[2:4], learned[4:]
    assert [len(part) for part in (plain, first, second)] == [2, 2, 2]
    assert all(np.array_equal(a.rows, b.rows) for a, b in zip(plain, first, strict=True))
    assert [c.expressions for c in second] == [c.expressions for c in plain]  # the same acts by somebody else
    assert not any(np.array_equal(a.rows, b.rows) for a, b in zip(plain, second, strict=True))


def test_who_a_number_is_depends_on_the_rigs_place() -> None:
    once, twice = (performers([("builtin", None)] * n, 1) for n in (1, 2))
    assert np.array_equal(once[0].shapes, twice[0].shapes)
    assert not np.array_equal(twice[0].shapes, twice[1].shapes)


def test_who_was_trained_on_is_not_checked_on_under_another_number() -> None:
    rigs = [("builtin", None)]
    both = performers(rigs, 2, 5)
    assert [p.name for p in other_performers(rigs, 2, 5, both[:1])] == [both[1].name]
    with pytest.raises(ConfigError, match="was trained on"):
        other_performers(rigs, 2, 5, both)


def test_training_writes_a_model_that_the_spotter_opens(tmp_path: Path) -> None:
    said: list[int] = []
    net = train(_clips(), steps=50, said=lambda step, _: said.append(step))
    assert said == [50]
    write(net, tmp_path / "spotter", _clips(), ["builtin"])
    decision = Decision(str(tmp_path / "spotter"))
    rows = _clips()[0].rows.astype(np.float32)
    verdict, own = decision.of(rows), judged(net, _clips()[0])
    assert verdict.kinds.sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-4)
    for name in ("kinds", "spans", "units", "emotions"):
        assert getattr(verdict, name) == pytest.approx(getattr(own, name), abs=0.02), name
    assert decision.of(rows[:0]).kinds.shape == (0, 3)


def test_a_dense_sequence_holds_many_expressions_that_do_not_overlap() -> None:
    sequence = dense_sequence(5, 50.0, 8.0)
    assert len(sequence) == 400
    assert len(sequence.events) >= 3
    assert {e.kind for e in sequence.events} <= {"micro", "macro"}
    ordered = [(e.onset_s, e.offset_s) for e in sequence.events]
    assert all(a[1] < b[0] for a, b in pairwise(ordered))
    assert np.array_equal(sequence.shapes, dense_sequence(5, 50.0, 8.0).shapes)

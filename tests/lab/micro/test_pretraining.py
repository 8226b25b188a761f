"""The 3D-CNN that begins with what it learned on ordinary expressions: of others, and only its body."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.errors import RequestError
from mien.lab.datasets.au_labels import AuLabels
from mien.lab.datasets.sample import Clip, ExpressionLabel, Sample
from mien.lab.evaluate import micro
from mien.lab.evaluate.micro import Request, evaluate
from mien.lab.micro import pretraining
from mien.lab.micro.clips import MicroClip, micro_samples, strongest_unit
from mien.lab.micro.inputs import Effort
from mien.lab.micro.pretraining import PRETRAINED, pretrained_weights, started_from

EFFORT = Effort(steps=2, batch=4)


@cache
def _clips(kind: str, who: str, labels: tuple[str, ...]) -> list[MicroClip]:
    rng = np.random.default_rng(len(who))
    out = []
    for k, label in enumerate(labels):
        sample = Sample("synthetic", f"{kind}/{who}/{k}", "all", who, clip=Clip(1, 5, 9, 100.0, kind))
        frames = rng.integers(0, 255, (11, 40, 40), dtype=np.uint8)
        out.append(MicroClip(sample, who, label, frozenset({"AU12"}), frames, 1, 5, 9))
    return out


MACRO = _clips("macro", "ada", ("joy", "anger", "fear", "joy"))
TESTED = [*_clips("micro", "bo", ("a", "b")), *_clips("micro", "cy", ("b", "a"))]


def test_a_fold_begins_with_the_learned_body_and_new_last_layers() -> None:
    weights = pretrained_weights(MACRO, EFFORT)
    assert weights
    assert all(name.startswith("backbone.") for name in weights)
    torch.manual_seed(5)
    net = started_from(weights).build(2, np.zeros((1, 1), np.float32), EFFORT).state_dict()
    assert set(weights) == {name for name in net if name.startswith("backbone.")}
    assert all(torch.equal(net[name], value) for name, value in weights.items())
    assert net["emotions.weight"].shape[0] == 2  # of the micro-expressions, not the three of the others
    longer = pretrained_weights(MACRO, replace(EFFORT, steps=4))
    assert any(not torch.equal(longer[name], value) for name, value in weights.items())


def test_one_class_teaches_nothing() -> None:
    with pytest.raises(RequestError, match="1 clips in 1 classes"):
        pretrained_weights(MACRO[:1], EFFORT)


def _asked(monkeypatch: pytest.MonkeyPatch, macro: list[MicroClip], **changes: object) -> Request:
    monkeypatch.setattr(micro, "load_clips", lambda request: TESTED)
    monkeypatch.setattr(pretraining, "open_dataset", lambda spec: [c.sample for c in macro])
    monkeypatch.setattr(pretraining, "micro_samples", lambda samples, macro: samples if macro else [])
    monkeypatch.setattr(
        pretraining,
        "read_clips",
        lambda own, side, label: [replace(c, sample=s) for c, s in zip(macro, own, strict=True)],
    )
    return replace(Request(("synthetic:tested",), effort=EFFORT, pretrain=("synthetic:macro",)), **changes)  # type: ignore[arg-type]


def test_it_is_a_row_of_the_table_where_there_is_something_to_begin_with(monkeypatch: pytest.MonkeyPatch) -> None:
    request = _asked(monkeypatch, MACRO, methods=("3d-cnn", PRETRAINED), pretrain_steps=2)
    assert [r.method for r in evaluate(request)] == ["commonest", "permuted", "3d-cnn", PRETRAINED]
    rows = evaluate(replace(request, methods=("3d-cnn",), pretrain=()))  # the others need none
    assert len(rows) == 3
    with pytest.raises(RequestError, match="--pretrain NAME:PATH"):
        evaluate(replace(request, pretrain=()))


def test_who_is_tested_is_not_learned_from_before_either(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [replace(c, sample=replace(c.sample, subject="bo")) for c in MACRO]
    with pytest.raises(RequestError, match="leaks into the training"):
        evaluate(_asked(monkeypatch, known, methods=(PRETRAINED,)))


def test_folders_that_both_count_from_nought_are_not_the_same_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    alike = [replace(m, sample=replace(m.sample, name=t.sample.name)) for m, t in zip(MACRO, TESTED, strict=True)]
    assert len(evaluate(_asked(monkeypatch, alike, methods=(PRETRAINED,), pretrain_steps=2))) == 3


def test_turns_that_began_otherwise_are_not_mixed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    request = _asked(monkeypatch, MACRO, methods=(PRETRAINED,), pretrain_steps=2, out=tmp_path / "turns.jsonl")
    evaluate(request)
    with pytest.raises(RequestError, match="pretrain_steps was 2, is 3"):
        evaluate(replace(request, pretrain_steps=3))


def test_kept_turns_need_no_steps_beforehand_and_those_count_as_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    request = _asked(monkeypatch, MACRO, methods=(PRETRAINED,), pretrain_steps=2, out=tmp_path / "turns.jsonl")
    learn = micro.pretrained_weights

    def slow(clips: list[MicroClip], effort: Effort) -> dict[str, torch.Tensor]:
        now[0] += 1000.0
        return learn(clips, effort)

    now = [0.0]
    monkeypatch.setattr(micro.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(micro, "pretrained_weights", slow)
    first = evaluate(request)
    assert now == [1000.0]
    assert first[-1].seconds >= 500.0  # the whole or the mean of two folds
    assert evaluate(request)[-1].seconds == first[-1].seconds
    assert now == [1000.0]


def test_a_class_for_movement_of_any_kind_is_its_strongest_unit() -> None:
    units = AuLabels(("AU4", "AU12_L", "AU25"), np.array([1, 1, 0], np.float32), np.array([1.0, 3.0, 5.0], np.float32))
    named = Sample("synthetic", "a", "all", "ada", expression=ExpressionLabel("sadness", "synthetic"))
    assert strongest_unit(named) == "sadness"
    assert strongest_unit(replace(named, action_units=units)) == "AU12"
    uncoded = replace(units, intensity=np.full(3, np.nan, np.float32))
    assert strongest_unit(replace(named, action_units=uncoded)) == "AU4"
    assert strongest_unit(replace(named, action_units=replace(units, presence=np.zeros(3, np.float32)))) == "sadness"


def test_macro_expressions_are_told_from_micro() -> None:
    there = Clip(1, 5, 9, 100.0, "macro", video=Path("x.mkv"))
    macro = Sample("synthetic", "a", "all", "ada", clip=there, expression=ExpressionLabel("joy", "synthetic"))
    brief = replace(macro, name="b", clip=replace(there, kind="micro"))
    assert micro_samples([macro, brief], macro=True) == [macro]
    assert micro_samples([macro, brief]) == [brief]

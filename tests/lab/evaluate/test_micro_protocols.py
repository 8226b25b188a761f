"""Protocols: every subject tested once, from scratch; a leaky run is caught; every method learns a plain difference."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import ConfigError, RequestError
from mien.lab.datasets.sample import Clip, Sample
from mien.lab.evaluate import micro
from mien.lab.evaluate.micro import Request, as_json, as_text, evaluate, run
from mien.lab.evaluate.micro_folds import MicroFold, classes_of, commonest_turns, folds_of
from mien.lab.evaluate.micro_scores import COMMONEST, Result, as_rows, result_of
from mien.lab.micro.clips import MicroClip, label_of
from mien.lab.micro.methods import NAMES, Effort, Recogniser, make_method
from mien.lab.micro.paper_tables import TABLE_2, TABLE_3
from mien.lab.micro.pretraining import PRETRAINED

SIDE = 48
EFFORT = Effort(steps=3, batch=4, frames=8, side=32)


@cache
def _clip(subject: int, k: int) -> MicroClip:
    """A face of noise in which the brows rise (class "surprise") or the mouth moves (class "happiness")."""
    rng = np.random.default_rng([subject, k])
    skin = cv2.GaussianBlur(rng.uniform(0, 255, (SIDE, SIDE)), (0, 0), 1.6)
    skin = ((skin - skin.mean()) * 5 + 128).clip(0, 255).astype(np.float32)
    happy = k % 2 == 0
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    where = np.exp(-(((rows - SIDE * (0.72 if happy else 0.2)) / 6) ** 2))
    course = np.sin(np.linspace(0, np.pi, 13)) * 2.0
    frames = [cv2.remap(skin, columns, rows + a * where, cv2.INTER_LINEAR).astype(np.uint8) for a in course]
    label = "happiness" if happy else "surprise"
    sample = Sample(
        "casme-ii", f"sub{subject:02d}/{k}", "all", f"sub{subject:02d}", clip=Clip(1, 6, 11, 200.0, "micro")
    )
    units = frozenset({"AU12", "AU6"} if happy else {"AU1", "AU2"})
    return MicroClip(sample, f"sub{subject:02d}", label, units, np.stack(frames), 1, 6, 11)


CLIPS = [_clip(s, k) for s in range(3) for k in range(4)]
REQUEST = Request(("casme-ii:nowhere",), effort=EFFORT)


def _scored(name: str, make: Callable[[str, Effort], Recogniser] = make_method) -> Result:
    folds = list(folds_of(CLIPS, "loso"))
    return result_of(name, run(name, folds, REQUEST, make), classes_of(folds), repeats=20)


def test_loso_tests_every_subject_once_and_never_learns_from_it() -> None:
    folds = list(folds_of(CLIPS, "loso"))
    assert [f.name for f in folds] == [f"casme-ii/sub{s:02d}" for s in range(3)]
    assert sum(len(f.test) for f in folds) == len(CLIPS)
    for fold in folds:
        assert not {c.subject for c in fold.train} & {c.subject for c in fold.test}


def test_folds_of_subjects_never_part_a_subject() -> None:
    folds = list(folds_of(CLIPS, "kfold"))
    assert sum(len(f.test) for f in folds) == len(CLIPS)
    assert all(not {c.subject for c in f.train} & {c.subject for c in f.test} for f in folds)


def test_a_deliberately_leaky_run_is_caught() -> None:
    clips = tuple(CLIPS)
    leaky = MicroFold("leaky", clips[:-1], clips[-1:])  # other clips of the tested subject are learned from
    with pytest.raises(RequestError, match="leaks into the training"):
        run("lbp-top", [leaky], REQUEST)
    same = MicroFold("same", clips, clips[:2])
    with pytest.raises(RequestError, match="on both sides"):
        run("softnet", [same], REQUEST)


class _Spy:
    """Remembers what it was shown; answers with the commonest class."""

    def __init__(self) -> None:
        self.learned: list[set[str]] = []
        self.tested: list[set[str]] = []

    def fit(self, clips: Sequence[MicroClip], classes: Sequence[str]) -> None:
        self.learned.append({c.subject for c in clips})

    def predict(self, clips: Sequence[MicroClip]) -> list[str]:
        self.tested.append({c.subject for c in clips})
        return ["happiness"] * len(clips)


def test_counts_are_added_over_the_folds_before_anything_is_divided() -> None:
    spy = _Spy()
    result = _scored("spy", lambda name, effort: spy)
    assert all(not a & b for a, b in zip(spy.learned, spy.tested, strict=True))
    # 6 of 12 right; F1 of happiness 2·6/(12 + 6), of surprise 0; recalls 1 and 0.
    assert (result.accuracy, result.uf1, result.uar) == pytest.approx((0.5, (2 / 3) / 2, 0.5))
    assert (result.support, result.folds) == (12, 3)


@pytest.mark.parametrize("name", ["lbp-top", "locp-top", "mdmd", "of-fd", "sp-fd"])
def test_descriptors_tell_brows_from_mouth(name: str) -> None:
    result = _scored(name)
    assert result.accuracy >= 0.75
    assert np.isnan(result.spotting_f1) == (name not in ("mdmd", "of-fd", "sp-fd"))


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("lbp-top", "locp-top", "mdmd", "of-fd", "sp-fd")])
def test_every_network_learns_and_answers(name: str) -> None:
    method = make_method(name, EFFORT)
    method.fit(CLIPS[:8], ["happiness", "surprise"])
    assert set(method.predict(CLIPS[8:])) <= {"happiness", "surprise"}


def test_softnet_learns_the_difference() -> None:
    method = make_method("softnet", Effort(steps=40, batch=8))
    method.fit(CLIPS[:8], ["happiness", "surprise"])
    assert method.predict(CLIPS[8:]) == [c.label for c in CLIPS[8:]]


def test_the_same_seed_gives_the_same_answers() -> None:
    answers = []
    for _ in range(2):
        method = make_method("mer-gcn", EFFORT)
        method.fit(CLIPS[:8], ["happiness", "surprise"])
        answers.append(method.predict(CLIPS))
    assert answers[0] == answers[1]


def test_the_table_names_every_row_of_the_paper() -> None:
    assert set(TABLE_3) <= set(NAMES)
    result = _scored("spy", lambda name, effort: _Spy())
    text = as_text([result], REQUEST)
    assert "| spy | 50.0 (50–50) | 33.3 (33–33) |" in text
    assert "12 clips of 3 subjects, 3 folds" in text
    assert "nowhere" not in text  # no path of the user's machine
    assert as_json([result], REQUEST)["methods"][0]["spotting_f1"] is None
    assert set(TABLE_2) - set(NAMES) == {PRETRAINED}


def test_a_stopped_run_goes_on_fold_by_fold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(micro, "load_clips", lambda request: CLIPS)
    request = replace(REQUEST, methods=("mdmd", "mer-gcn"), out=tmp_path / "runs" / "turns.jsonl")
    said: list[tuple[int, int]] = []
    first = evaluate(replace(request, turns=1), lambda *now: said.append(now))
    assert said == [(0, 2), (1, 2), (2, 2)]
    assert [r.folds for r in first] == [1, 1, 1, 1]
    said.clear()
    whole = evaluate(request, lambda *now: said.append(now))
    assert (said[0], said[-1]) == ((2, 6), (6, 6))
    fresh = evaluate(replace(request, out=None))
    for one, other in zip(whole, fresh, strict=True):  # in one go or in two: the same
        assert as_rows([replace(one, seconds=0.0)]) == as_rows([replace(other, seconds=0.0)])
    assert [r.method for r in whole] == ["commonest", "permuted", "mdmd", "mer-gcn"]


def test_turns_of_another_request_are_not_mixed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(micro, "load_clips", lambda request: CLIPS)
    request = replace(REQUEST, methods=("mdmd",), out=tmp_path / "turns.jsonl", turns=1)
    evaluate(request)
    with pytest.raises(RequestError, match="steps was 3, is 4"):
        evaluate(replace(request, effort=replace(EFFORT, steps=4)))
    monkeypatch.setattr(micro, "load_clips", lambda request: CLIPS[1:])
    with pytest.raises(RequestError, match="clips was"):
        evaluate(request)


def test_the_commonest_class_is_that_of_the_others() -> None:
    clips = [*CLIPS[:4], *(replace(c, label="happiness") for c in CLIPS[4:])]
    turns = commonest_turns(list(folds_of(clips, "loso")))
    assert [set(t.answers) for t in turns] == [{"happiness"}] * 3
    assert (turns[0].method, turns[0].truth) == (COMMONEST, ("happiness", "surprise") * 2)


def test_classes_of_the_composite() -> None:
    sample = Sample("casme-ii", "a", "all", attributes={"emotion": "disgust"})
    assert label_of(sample, three=True) == "negative"
    assert label_of(sample, three=False) == "disgust"
    assert label_of(Sample("casme-ii", "a", "all", attributes={"emotion": "others"}), three=True) is None


def test_an_unknown_method_is_suggested() -> None:
    with pytest.raises(ConfigError, match="lbp-top"):
        make_method("lbptop", EFFORT)

"""The loop with a capture that is known: it answers what was performed, one frame late, and leaves some shapes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mien.action_units.facs import action_units
from mien.core.measures import Blendshapes, Box
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.errors import ConfigError, RequestError, SinkError
from mien.lab.datasets.splits import hashed_split
from mien.lab.evaluate import action_units as loop
from mien.lab.evaluate.action_units import Request, evaluate, seeds_of_held_out
from mien.lab.evaluate.action_units_report import as_json, as_text, scores, write_figures
from mien.lab.evaluate.results_page import add, write_page
from mien.lab.render.random_scene import person_of
from mien.lab.render.sample import RenderedSample, render_sample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig
from mien.lab.synth.exercise import exercise
from mien.lab.synth.sequence import FaceSequence

NAMES = load_schema("arkit52").names
LATE = 1


class _Chain:
    """Knows the performance and answers with it, a frame late; puffed cheeks read 0, the left brow is never seen."""

    def __init__(self, sequence: FaceSequence) -> None:
        self.shapes = sequence.shapes

    def process(self, record: FrameRecord) -> FrameRecord:
        if record.stamp.index % 10 == 9:
            return record
        weights = self.shapes[max(0, record.stamp.index - LATE)].copy()
        weights[NAMES.index("cheekPuff")] = 0.0
        weights[NAMES.index("browDownLeft")] = np.nan
        shapes = Blendshapes.of(weights, np.isfinite(weights))
        face = Face(Box(np.array([0, 0, 9, 9]), 1.0), 1, blendshapes=shapes, action_units=action_units(shapes, {}))
        return replace(record, faces=(face,))

    def __enter__(self) -> _Chain:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


@pytest.fixture
def _drawn_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture stands for all: the chain does not look at it."""

    def drawn(rig: Rig, sequence: FaceSequence, size_px: int) -> Iterator[RenderedSample]:
        picture = render_sample(rig, sequence.seed, 64)
        for weights in sequence.shapes:
            shapes = Blendshapes.of(weights, np.ones(52))
            yield replace(picture, blendshapes=shapes, action_units=action_units(shapes, {}))

    monkeypatch.setattr(loop, "drawn", drawn)
    monkeypatch.setattr(loop, "whole_chain", lambda config: _Chain(exercise(config["seed"], 15.0)))


@pytest.mark.usefixtures("_drawn_quickly")
def test_what_was_done_to_the_curves_is_what_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seed = seeds_of_held_out(load_rig("builtin"), Request(people=1))[0]
    monkeypatch.setattr(loop, "load_config", lambda *_: {"seed": seed})
    told: list[tuple[int, int]] = []
    runs = evaluate(Request(people=1, presets=("a", "b"), fps=15.0), lambda *t: told.append(t))
    assert [r.preset for r in runs] == ["a", "b"]
    assert told == [(len(runs[0].clips[0].found),) * 2]
    by_name = {s.name: s for s in scores(runs[0], "shapes", frontal=False)}
    smile = by_name["mouthSmileLeft"]
    assert smile.r > 0.9
    assert smile.lag_ms == pytest.approx(1000 * LATE / 15, abs=12)
    assert smile.measured == pytest.approx(0.9, abs=0.01)
    assert by_name["cheekPuff"].verdict == "dead"
    assert by_name["browDownLeft"].verdict == "never measured"
    units = {s.name: s.verdict for s in scores(runs[0], "units", frontal=False)}
    assert (units["AU12_L"], units["AU34"], units["AU4_L"]) == ("follows", "dead", "never measured")
    facts = as_json(runs)
    assert json.loads(write_figures(facts, tmp_path / "out").read_text(encoding="utf-8")) == facts
    assert facts["runs"][0]["found"] < facts["runs"][0]["frames"]
    assert facts["runs"][0]["shapes_all"]["summary"]["dead"] == ["cheekPuff"]
    assert "cheekPuff" in as_text(runs)
    store, page = tmp_path / "results", tmp_path / "results.md"
    assert add(store, tmp_path / "out" / "figures.json", "", "held out") == 2
    assert write_page(store, page) == ["action-units"]
    assert "| a | 1, " in page.read_text(encoding="utf-8")
    assert "cheekPuff" in page.read_text(encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SinkError, match="file"):
        write_figures(facts, tmp_path / "file")


def test_people_are_of_the_test_split_and_met_once() -> None:
    rig = load_rig("builtin")
    seeds = seeds_of_held_out(rig, Request(people=4))
    names = [rig.identity(np.random.default_rng([person_of(s, loop.PEOPLE), 0])).name for s in seeds]
    assert len(set(names)) == 4
    assert {hashed_split("synthetic", f"builtin/{n}") for n in names} == {"test"}
    with pytest.raises(RequestError, match="persons of the test split"):
        seeds_of_held_out(rig, Request(people=200))


def test_what_a_rig_cannot_show_is_not_judged() -> None:
    rig = load_rig("builtin")
    identity = rig.identity(np.random.default_rng([1, 0]))
    shapes, units = loop.shown_by(rig, identity)
    moved = SimpleNamespace(moved=lambda i: [] if NAMES[i] == "mouthRollUpper" else [1])
    fewer = loop.shown_by(rig, replace(identity, shapes=moved))  # type: ignore[arg-type]
    assert shapes.sum() > 45
    assert not fewer[0][NAMES.index("mouthRollUpper")]
    assert units[load_schema("facs").index("AU28")]
    assert not fewer[1][load_schema("facs").index("AU28")]
    assert not units[load_schema("facs").index("AU19")]


def test_only_frames_seen_from_the_front_count_where_asked() -> None:
    t = np.arange(90)
    truth = np.tile((t % 30)[:, None] / 30, (1, 52))
    answer = np.where(t[:, None] < 60, truth, 1 - truth)
    yaw = np.where(t < 60, 5.0, -40.0)
    units = np.zeros((2, 90, 42))
    clip = loop.Clip("p", 30.0, yaw, np.stack([truth, answer]), units, np.ones(90, bool), loop.Counter())
    run = loop.Run("x", (clip,))
    assert scores(run, "shapes", frontal=True)[0].r == pytest.approx(1.0)
    assert scores(run, "shapes", frontal=False)[0].r < 0.5


@pytest.mark.parametrize(
    ("request_", "message"),
    [(Request(people=0), "at least one"), (Request(rigs=("bultin",)), "builtin"), (Request(presets=("x",)), "preset")],
)
def test_a_wrong_request_is_refused(request_: Request, message: str) -> None:
    with pytest.raises((RequestError, ConfigError), match=message):
        evaluate(request_)

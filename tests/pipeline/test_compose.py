from typing import Any, ClassVar

import numpy as np
import pytest

from mien.core.measures import Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.errors import ConfigError, ModelError, StageError, WiringError
from mien.pipeline import registry
from mien.pipeline.compose import Pipeline, build_stage, compose
from mien.pipeline.config import load_config
from mien.pipeline.fake import FakeSource, FakeStage
from mien.pipeline.stage import Options, SourceInfo, StageBase
from mien.pipeline.wiring import fields_of_source

DETECT = {"reads": ["image"], "writes": ["faces"]}
MARK = {"reads": ["image", "faces"], "writes": ["faces.landmarks"]}


class Widget(StageBase):
    class Options(Options):
        size: int = 1

    def __init__(self, options: "Widget.Options", *, inner: StageBase | None = None) -> None:
        self.options = options
        self.inner = inner


@pytest.fixture
def widget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "stage_table", lambda: {"test/widget": f"{__name__}:Widget"})


def first_record() -> Any:
    return next(iter(FakeSource([0])))


def test_two_stages_must_not_write_the_same() -> None:
    a, b = FakeStage(writes=["faces.gaze"]), FakeStage(writes=["faces.gaze"])
    with pytest.raises(WiringError, match='stage "b" writes faces.gaze, which "a" has written'):
        Pipeline([("a", a), ("b", b)])


def test_a_stage_may_refine_what_it_reads() -> None:
    a, b = FakeStage(writes=["faces.gaze"]), FakeStage(reads=["faces.gaze"], writes=["faces.gaze"])
    Pipeline([("a", a), ("b", b)])
    with pytest.raises(WiringError, match='stage "a" reads faces.gaze'):
        Pipeline([("a", b), ("b", a)])


def test_a_failing_feedback_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = FakeStage()
    monkeypatch.setattr(stage, "feedback", lambda record: {}["x"])
    with pytest.raises(StageError, match='stage "late" failed on frame 0 of fake: KeyError'):
        Pipeline([("late", stage)]).process(first_record())


def test_a_missing_inner_stage_is_named() -> None:
    with pytest.raises(ConfigError, match=r"slot: detect/track needs a table \[slot.detector\]"):
        build_stage({"use": "detect/track"}, "slot")


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(WiringError, match="unknown fields: faces.nose"):
        Pipeline([("odd", FakeStage(writes=["faces.nose"]))])


def test_process_times_every_stage_and_feeds_back() -> None:
    a, b = FakeStage(), FakeStage()
    record = Pipeline([("a", a), ("b", b)]).process(first_record())
    assert set(record.trace.stage_ns) == {"a", "b"}
    assert all(ns >= 0 for ns in record.trace.stage_ns.values())
    assert a.finished == b.finished == [0]


def test_a_failing_stage_is_named_with_its_frame() -> None:
    def boom(record: Any) -> Any:
        raise ZeroDivisionError("no")

    with pytest.raises(StageError, match=r'stage "bad" failed on frame 0 of fake: ZeroDivisionError: no'):
        Pipeline([("bad", FakeStage(boom))]).process(first_record())


def test_unknown_stage_and_option(widget: None) -> None:
    with pytest.raises(ConfigError, match=r'slot: there is no stage "test/wigdet"; did you mean "test/widget"'):
        build_stage({"use": "test/wigdet"}, "slot")
    with pytest.raises(ConfigError, match=r'slot: unknown key "sise"; did you mean "size"'):
        build_stage({"use": "test/widget", "sise": 2}, "slot")
    with pytest.raises(ConfigError, match=r"slot\.size: .*valid integer.*got 'big'"):
        build_stage({"use": "test/widget", "size": "big"}, "slot")
    with pytest.raises(ConfigError, match='slot: needs use = "room/part"'):
        build_stage({}, "slot")


def test_inner_stages_are_built_and_passed_in(widget: None) -> None:
    stage = build_stage({"use": "test/widget", "inner": {"use": "test/widget", "size": 7}}, "slot")
    assert isinstance(stage, Widget)
    assert isinstance(stage.inner, Widget)
    assert stage.inner.options.size == 7
    with pytest.raises(ConfigError, match="takes no inner stage other"):
        build_stage({"use": "test/widget", "other": {"use": "test/widget"}}, "slot")


def test_compose_closes_what_it_built_when_it_fails(widget: None, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    monkeypatch.setattr(Widget, "close", lambda self: closed.append(self.options.size), raising=False)
    config = {"stages": ["a", "b"], "a": {"use": "test/widget"}, "b": {"use": "nope"}}
    with pytest.raises(ConfigError):
        compose(config, SourceInfo("x", "video"))
    assert closed == [1]


class Watching(StageBase):
    """Says what is built, and what of it is closed."""

    reads = frozenset({"image", "faces"})
    Options = Widget.Options
    made: ClassVar[list[Any]] = []

    def __init__(self, options: Widget.Options) -> None:
        if options.size > 9:
            raise ModelError("too large")
        self.options, self.closed = options, False
        self.made.append(self)

    @staticmethod
    def for_still(options: Widget.Options) -> Widget.Options:
        return Widget.Options(size=0)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(registry, "stage_table", lambda: {"test/watching": f"{__name__}:Watching"})
    monkeypatch.setattr(Watching, "made", [])
    monkeypatch.setattr(Watching, "reads", frozenset({"image"}))
    return Watching.made


def test_what_a_recorded_take_cannot_use_is_not_even_built(watching: list[Any]) -> None:
    config = {"stages": ["a"], "a": {"use": "test/watching"}}
    assert compose(config, SourceInfo("take", "replay")).notes == ("no pixels in a recorded take: a kept as recorded",)
    assert watching == []


def test_for_one_picture_a_stage_may_do_without_something(watching: list[Any]) -> None:
    config = {"stages": ["a", "b"], "a": {"use": "test/watching"}, "b": {"use": "test/watching"}}
    compose(config, SourceInfo("p.png", "photo"))
    compose(config, SourceInfo("v.mp4", "video"))
    assert [stage.options.size for stage in watching] == [0, 0, 1, 1]


def test_of_stages_built_side_by_side_the_first_failure_counts_and_nothing_stays_open(watching: list[Any]) -> None:
    sizes = {"a": 1, "b": 2, "c": 10, "d": 3}
    config = {"stages": list(sizes), **{k: {"use": "test/watching", "size": v} for k, v in sizes.items()}}
    with pytest.raises(ModelError, match="too large"):
        compose(config, SourceInfo("v.mp4", "video"))
    assert [stage.closed for stage in watching] == [True] * 3


@pytest.mark.parametrize("kind", ["video", "replay"])
def test_expressions_may_speak_before_the_units_or_be_read_from_them(kind: str) -> None:
    for part, order in (("network", ["expression", "action_units"]), ("action_units", ["action_units", "expression"])):
        config = load_config(overrides=[f"expression.use=expression/{part}"])
        with compose(config, SourceInfo("clip", kind)) as pipeline:
            slots = [slot for slot, _ in pipeline.stages]
        if kind == "replay" and part == "network":
            assert "expression" not in slots, "it needs pixels: what was recorded is kept"
        else:
            assert [slot for slot in slots if slot in order] == order


@pytest.mark.parametrize(("measured", "seen"), [(True, [None]), (False, ["old"])])
def test_an_expression_that_is_measured_anew_is_not_seen_before(measured: bool, seen: list[object]) -> None:
    class Looks(StageBase):
        reads = frozenset({"faces"})

        def step(self, record: Any) -> Any:
            found.append(record.faces[0].expression)
            return record

    found: list[object] = []
    writes = FakeStage(reads=["faces"], writes=["faces.expression"])
    stages = [("looks", Looks()), *([("expression", writes)] if measured else [])]
    old = Face(Box(np.array([0, 0, 9, 9], np.float32), 1.0), expression="old")  # type: ignore[arg-type]
    record = FrameRecord(Stamp("take", 0, 0), (9, 9), faces=(old,))
    Pipeline(stages, fields_of_source(SourceInfo("take", "replay"))).process(record)
    assert found == seen

"""What is said about a pipeline before it runs."""

from pathlib import Path

import pytest

from mien.pipeline.cautions import cautions
from mien.pipeline.compose import compose
from mien.pipeline.config import load_config
from mien.pipeline.fake import FakeStage
from mien.pipeline.stage import SourceInfo, Span
from mien.recorder import Request, capture_to_folder
from mien.take.reader import load_take


def test_a_field_that_is_only_written_later_is_of_no_use() -> None:
    solver, reader = FakeStage(writes=["faces.action_units"]), FakeStage(writes=["faces.expression"])
    solver.looks_at = {"faces.expression": "the correction"}  # type: ignore[attr-defined]
    assert cautions([("reader", reader), ("solver", solver)]) == []
    assert cautions([("solver", solver)]) == [], "nobody asked for it"
    assert cautions([("solver", solver), ("reader", reader)]) == [
        '"solver" comes before "reader", which reads what it measures: the correction cannot apply'
    ]


@pytest.mark.parametrize(
    ("preset", "overrides", "expected"),
    [
        ("balanced", [], None),
        ("fast", [], "lids, jaw and gaze in part"),
        (
            "fast",
            ["landmarks.use=landmarks/points98", "landmarks.min_presence=0.4"],
            "expressions and action units are hardly read",
        ),
        (
            "balanced",
            ["expression.use=expression/action_units"],
            "to tell a face at rest (its option mood) cannot apply",
        ),
        ("balanced", ["expression.use=expression/action_units", "action_units.mood=false"], None),
    ],
)
def test_shipped_stages_say_what_to_know(preset: str, overrides: list[str], expected: str | None) -> None:
    with compose(load_config(preset, overrides), SourceInfo("clip", "video", (640, 360))) as pipeline:
        notes = pipeline.notes
    assert len(notes) == (0 if expected is None else 1)
    assert expected is None or expected in notes[0]


def test_it_is_said_when_the_capture_begins_and_kept_in_the_take(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listening:
        def started(self, *_: object) -> None:
            heard.append("started")

        def noted(self, lines: list[str]) -> None:
            heard.extend(lines)

        def frame(self, *_: object) -> None:
            heard.append("frame")

        def exporting(self, name: str) -> None: ...

    overrides = ['outputs=["parquet", "report"]', 'stages=["detect", "landmarks"]']
    request = Request("demo", tmp_path / "o", "fast", overrides, span=Span(0, 1))
    capture_to_folder(request, watcher=Listening())
    assert "small network (preset fast)" in heard[1]
    assert heard[2] == "frame"
    assert any("small network (preset fast)" in line for line in load_take(tmp_path / "o").summary.warnings)
    assert "small network (preset fast)" in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")

"""Who reads what, and who goes behind whom."""

from __future__ import annotations

import pytest

from mien.errors import WiringError
from mien.pipeline.compose import Pipeline
from mien.pipeline.fake import FakeStage
from mien.pipeline.stage import SourceInfo
from mien.pipeline.wiring import fields_of_source, in_order

DETECT = {"reads": ["image"], "writes": ["faces"]}
MARK = {"reads": ["image", "faces"], "writes": ["faces.landmarks"]}


def test_reading_before_writing_is_refused_with_the_culprit() -> None:
    with pytest.raises(
        WiringError, match=r'stage "mark" reads faces before anything writes it; "detect" writes it but'
    ):
        Pipeline([("mark", FakeStage(**MARK)), ("detect", FakeStage(**DETECT))])
    with pytest.raises(WiringError, match="no stage of this pipeline writes it"):
        Pipeline([("mark", FakeStage(**MARK))])


def test_a_replayed_take_has_no_pixels() -> None:
    replay = fields_of_source(SourceInfo("take", "replay"))
    with pytest.raises(WiringError, match='stage "detect" reads image'):
        Pipeline([("detect", FakeStage(**DETECT))], replay)
    Pipeline([("pose", FakeStage(reads=["faces.landmarks"], writes=["faces.head_pose"]))], replay)


def test_a_stage_goes_behind_the_one_that_writes_what_it_reads() -> None:
    detect, mark = ("detect", FakeStage(**DETECT)), ("mark", FakeStage(**MARK))
    assert in_order([mark, detect]) == [detect, mark]
    assert in_order([detect, mark]) == [detect, mark]
    assert in_order([mark]) == [mark], "what nobody writes is told by check_wiring"


def test_what_is_refined_later_may_be_read_before() -> None:
    gaze, look, refine = (
        (name, FakeStage(reads=reads, writes=writes))
        for name, reads, writes in (
            ("gaze", ["faces"], ["faces.gaze"]),
            ("look", ["faces.gaze"], ["faces.quality"]),
            ("refine", ["faces.gaze"], ["faces.gaze"]),
        )
    )
    assert in_order([gaze, look, refine]) == [gaze, look, refine]
    assert in_order([look, refine, gaze]) == [gaze, look, refine]

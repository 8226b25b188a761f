"""Which face is looked at, what a missed one answers, what the stages are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_runs import face

from mien.core.arrays import Float32
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.errors import ConfigError
from mien.lab.evaluate.landmark_finders import StageFinder, belonging, detector_stage, stage_finder, tight_box
from mien.lab.evaluate.methods import finder_of, titled
from mien.pipeline.fake import FakeStage

IMAGE = np.zeros((400, 400, 3), np.uint8)
TRUTH = face()


def box(shift_px: float, size: float = 1.0) -> Face:
    """A detected face beside the marked one."""
    own = tight_box(TRUTH)
    return Face(Box((own + np.float32(shift_px)) * np.float32(size), 0.9))


def finder(*boxes: Face, drops: bool = False) -> tuple[StageFinder, list[FrameRecord]]:
    """A detector that finds the boxes and a landmark stage that answers the box's corner in every point."""
    told: list[FrameRecord] = []

    def look(record: FrameRecord) -> FrameRecord:
        told.append(record)

        def points(found: Face) -> Landmarks:
            return Landmarks(np.tile(found.box.xyxy[:2], (98, 1)), np.ones(98), load_schema("wflw98"))

        return replace(record, faces=() if drops else tuple(replace(f, landmarks=points(f)) for f in record.faces))

    detector = FakeStage(lambda record: replace(record, faces=boxes))
    return StageFinder(detector, FakeStage(look), "fake"), told


def test_of_several_faces_the_one_that_overlaps_most_is_looked_at() -> None:
    near, far = box(5.0), box(60.0)
    made, told = finder(far, near)
    found = made.in_picture(IMAGE, TRUTH)
    np.testing.assert_allclose(found[0], near.box.xyxy[:2])
    assert len(told[0].faces) == 1


def test_a_face_elsewhere_is_not_the_marked_one() -> None:
    made, told = finder(box(150.0))
    assert np.isnan(made.in_picture(IMAGE, TRUTH)).all()
    assert not told
    assert belonging((), TRUTH) is None


def test_a_face_that_the_landmark_stage_drops_is_missed() -> None:
    made, _ = finder(box(0.0), drops=True)
    assert np.isnan(made.in_picture(IMAGE, TRUTH)).all()


def test_with_the_true_crop_the_stage_follows_the_true_points() -> None:
    stage = FakeStage()
    before: list[FrameRecord] = []
    stage.feedback = before.append  # type: ignore[method-assign]
    made = StageFinder(FakeStage(), stage, "fake")
    assert np.isnan(made.in_true_crop(IMAGE, TRUTH)).all()  # this stage finds nothing
    points: Float32 = before[0].faces[0].landmarks.xy  # type: ignore[union-attr]
    np.testing.assert_allclose(points, TRUTH)
    assert before[0].faces[0].track_id == 0
    assert before[0].faces[0].crop is not None
    made.close()
    assert stage.closed


def test_stages_come_from_the_preset_or_by_name() -> None:
    found, used = detector_stage("balanced")
    found.close()
    assert used.startswith("detect/")
    assert used != "detect/track"
    with pytest.raises(ConfigError, match='there is no stage "landmarks/mediapip"; did you mean'):
        stage_finder(detector="detect/quality", landmarks="landmarks/mediapip")
    with pytest.raises(ConfigError, match="no preset"):
        finder_of("balancd")


def test_methods_have_titles() -> None:
    assert titled("Ours=balanced") == ("Ours", "balanced")
    assert titled("runs/a/best.pt") == ("", "runs/a/best.pt")
    with pytest.raises(ConfigError.__mro__[1], match="--method"):
        titled("Ours=")

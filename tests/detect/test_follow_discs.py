"""Mien's own detector, tracker and landmark stages together, on discs that move, cross, leave and are covered."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from test_cascade import options

from disc_networks import layout, record, scene
from mien.core.arrays import UInt8
from mien.core.record import FrameRecord
from mien.detect.cascade import CascadeDetector
from mien.detect.ssd import Options as SsdOptions
from mien.detect.ssd import SsdDetector
from mien.detect.track import Options, Tracker
from mien.landmarks.hrnet98 import HeatmapLandmarks
from mien.landmarks.hrnet98 import Options as HeatmapOptions
from mien.landmarks.points98 import Options as PointOptions
from mien.landmarks.points98 import PointLandmarks
from mien.pipeline.stage import Stage, StageBase

Discs = dict[str, tuple[float, float, float]]
RATE_HZ = 25.0


class Counted(CascadeDetector):
    """Counts its searches."""

    searches = 0

    def step(self, record: FrameRecord) -> FrameRecord:
        self.searches += 1
        return super().step(record)


@pytest.fixture
def detector(disc_models: Path) -> Counted:
    return Counted(options(disc_models))


@pytest.fixture(params=["hrnet98", "points98"])
def landmarks(request: pytest.FixtureRequest, disc_models: Path) -> StageBase:
    if request.param == "hrnet98":
        return HeatmapLandmarks(HeatmapOptions(model=str(disc_models / "hrnet98-128")))
    return PointLandmarks(PointOptions(model=str(disc_models / "points98-128")))


def follow(
    stages: tuple[Stage, Stage], discs_at: Callable[[float], Discs], seconds: float, **settings: float
) -> Iterator[tuple[float, FrameRecord]]:
    detector, landmarks = stages
    chain = (Tracker(Options.model_validate(settings), detector=detector), landmarks)
    for i in range(round(seconds * RATE_HZ)):
        done = record(scene(discs_at(i / RATE_HZ)), i, i / RATE_HZ)
        for stage in chain:
            done = stage.step(done)
        for stage in chain:
            stage.feedback(done)
        yield i / RATE_HZ, done


def ids(done: FrameRecord) -> tuple[int | None, ...]:
    return tuple(f.track_id for f in done.faces)


def test_one_disc_one_id_one_search_and_points_that_stay_on_it(detector: Counted, landmarks: Stage) -> None:
    for t, done in follow((detector, landmarks), lambda t: {"a": (80 + 60 * t, 90, 30)}, 2):
        assert ids(done) == (0,)
        face = done.faces[0]
        assert face.landmarks is not None
        away = np.linalg.norm(face.landmarks.xy - (layout() * 30 + [80 + 60 * t, 90]), axis=1)
        assert away.mean() < 1
    assert detector.searches == 1


def test_a_disc_that_grows_and_shrinks_is_followed(detector: Counted, landmarks: Stage) -> None:
    radii = []
    for _, done in follow((detector, landmarks), lambda t: {"a": (160, 90, 30 + 20 * np.sin(3 * t))}, 2):
        assert ids(done) == (0,)
        radii.append(done.faces[0].box.size_wh[0] / 2)
    assert max(radii) == pytest.approx(50, abs=2)
    assert min(radii) == pytest.approx(10, abs=2)
    assert detector.searches == 1


def test_crossing_discs_keep_their_ids(detector: Counted, landmarks: Stage) -> None:
    def discs_at(t: float) -> Discs:
        return {"a": (70 + 70 * t, 50, 22), "b": (250 - 70 * t, 125, 22)}

    records = [r for _, r in follow((detector, landmarks), discs_at, 2.5, max_faces=2)]
    first, last = ({f.track_id: f.box.xyxy[0] for f in r.faces} for r in (records[0], records[-1]))
    assert set(first) == set(last) == {0, 1}
    for track_id, left in first.items():
        assert abs(last[track_id] - left) == pytest.approx(70 * 2.46, abs=4)
    assert detector.searches == 1, "both are followed: there is nobody to look for"


def test_a_disc_that_leaves_is_lost_at_once_and_known_again(detector: Counted, landmarks: Stage) -> None:
    seen = {
        round(t, 2): ids(r)
        for t, r in follow((detector, landmarks), lambda t: {} if 1 <= t < 2 else {"a": (160, 90, 30)}, 3)
    }
    assert seen[0.96] == (0,)
    assert seen[1.0] == ()
    assert {i for per_frame in seen.values() for i in per_frame} == {0}
    assert seen[2.36] == (0,), "found within the search interval of 300 ms"
    assert detector.searches <= 6


def test_somebody_elsewhere_later_is_somebody_new(detector: Counted, landmarks: Stage) -> None:
    def discs_at(t: float) -> Discs:
        return {"a": (60, 60, 28)} if t < 1 else {} if t < 1.4 else {"b": (250, 120, 28)}

    *_, (_, last) = follow((detector, landmarks), discs_at, 2.2)
    assert ids(last) == (1,)


def test_new_discs_are_found_while_there_is_room(detector: Counted, landmarks: Stage) -> None:
    def discs_at(t: float) -> Discs:
        return {"a": (80, 90, 28)} | ({"b": (240, 90, 20)} if t >= 0.5 else {})

    records = dict(follow((detector, landmarks), discs_at, 1.2, max_faces=2))
    assert ids(records[0.4]) == (0,)
    assert ids(records[1.16]) == (0, 1)


class Blocked(StageBase):
    """A landmark stage that draws a face onto anything, as real ones may onto a hand."""

    reads, writes = frozenset({"image", "faces"}), frozenset({"faces", "faces.landmarks"})

    def __init__(self, inner: Stage) -> None:
        self._inner = inner
        self._last: FrameRecord | None = None

    def step(self, record: FrameRecord) -> FrameRecord:
        done = self._inner.step(record)
        if record.faces and not done.faces and self._last is not None:
            kept = [f for f in self._last.faces if f.track_id in {g.track_id for g in record.faces}]
            return FrameRecord(record.stamp, record.size_wh, record.image, tuple(kept))
        self._last = done
        return done


@pytest.mark.parametrize(("settings", "lost_after_s"), [({}, 0.28), ({"check_interval_ms": 0}, 0.12)])
def test_a_covered_face_is_lost_although_points_are_drawn_onto_the_cover(
    detector: Counted, landmarks: Stage, settings: dict[str, float], lost_after_s: float
) -> None:
    def discs_at(t: float) -> Discs:
        return {} if t >= 1 else {"a": (160, 90, 30)}

    gone = [t for t, r in follow((detector, Blocked(landmarks)), discs_at, 2, **settings) if not r.faces]
    assert 1.0 < gone[0] <= 1 + lost_after_s
    still = [ids(r) for _, r in follow((detector, Blocked(landmarks)), discs_at, 2, min_face_score=0)]
    assert still[-1] == (0,), "without the check it would stay"


def test_a_real_face_is_never_lost_by_the_check(detector: Counted, landmarks: Stage) -> None:
    for _, done in follow((detector, landmarks), lambda t: {"a": (90 + 40 * t, 90, 30)}, 2, check_interval_ms=0):
        assert ids(done) == (0,)
    assert detector.searches == 1


def test_a_detector_that_judges_nothing_is_never_asked(disc_models: Path, landmarks: Stage) -> None:
    ssd = SsdDetector(SsdOptions(model=str(disc_models / "ssd-face")))
    for _, done in follow((ssd, landmarks), lambda t: {"a": (100 + 40 * t, 90, 30)}, 1, check_interval_ms=0):
        assert ids(done) == (0,)
        assert done.faces[0].landmarks is not None


def test_a_scene_cut_makes_somebody_new(detector: Counted, landmarks: Stage) -> None:
    chain = (Tracker(detector=detector), landmarks)
    seen = []
    for i in range(6):
        image: UInt8 = scene({"a": (160, 90, 30)})
        if i >= 3:
            image = np.where(image < 100, np.uint8(95), image)
        done = record(image, i, i / RATE_HZ)
        for stage in chain:
            done = stage.step(done)
        for stage in chain:
            stage.feedback(done)
        seen.append(ids(done))
    assert seen == [(0,)] * 3 + [(1,)] * 3

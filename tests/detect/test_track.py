"""Tracking against scripted scenes: who keeps which id, and when the detector runs."""

import numpy as np
import pytest
from scripted_detector import Scene, ScriptedDetector, ScriptedLandmarks, box_at, frame, landmarks_at

from mien.core.measures import Box
from mien.core.record import Face, FrameRecord
from mien.detect.track import Options, Tracker
from mien.detect.tracks import prominence


def follow(
    scene: Scene, seconds: float, rate_hz: float = 25.0, shade: int = 90, **options: float
) -> tuple[list[FrameRecord], ScriptedDetector]:
    detector = ScriptedDetector(scene)
    tracker = Tracker(Options.model_validate(options), detector=detector)
    landmarks = ScriptedLandmarks(scene)
    records = []
    for i in range(round(seconds * rate_hz)):
        record = landmarks.step(tracker.step(frame(i, i / rate_hz, shade)))
        tracker.feedback(record)
        records.append(record)
    return records, detector


def ids(record: FrameRecord) -> list[int | None]:
    return [f.track_id for f in record.faces]


def test_one_face_one_id_and_one_search() -> None:
    records, detector = follow(lambda t: {"a": (200 + 100 * t, 180, 80)}, 2)
    assert all(ids(r) == [0] for r in records)
    assert detector.runs == [0.0]
    middle = [r.faces[0].crop.corners_xy.mean(axis=0)[0] for r in records if r.faces[0].crop is not None]
    assert middle[-1] - middle[0] == pytest.approx(200, abs=15)


@pytest.mark.parametrize("rate_hz", [10, 25, 200])
def test_searches_are_spaced_in_time_at_every_frame_rate(rate_hz: float) -> None:
    _, detector = follow(lambda t: {}, 2, rate_hz, search_interval_ms=300)
    assert 6 <= len(detector.runs) <= 7
    assert np.diff(detector.runs).min() >= 0.3 - 1e-6


def test_a_lost_face_is_searched_in_the_next_frame_and_keeps_its_id() -> None:
    def scene(t: float) -> dict[str, tuple[float, float, float]]:
        return {} if 0.99 < t < 2.0 else {"a": (200 + 30 * t, 180, 80)}

    records, detector = follow(scene, 3)
    assert {i for r in records for i in ids(r)} == {0}
    assert 1.04 in [pytest.approx(t) for t in detector.runs]  # lost at 1.00, searched one frame later
    back = [r.stamp.t_ns / 1e9 for r in records if r.stamp.t_ns >= 2e9 and r.faces]
    assert back[0] < 2.35


def test_a_face_that_comes_back_too_late_or_elsewhere_gets_a_new_id() -> None:
    late, _ = follow(lambda t: {} if 1 <= t < 4 else {"a": (200, 180, 80)}, 5)
    assert ids(late[-1]) == [1]
    elsewhere, _ = follow(lambda t: {} if 1 <= t < 1.5 else {"a": (200 if t < 1 else 520, 180, 80)}, 3)
    assert ids(elsewhere[-1]) == [1]


def test_crossing_faces_keep_their_ids() -> None:
    def scene(t: float) -> dict[str, tuple[float, float, float]]:
        return {"a": (150 + 120 * t, 140, 70), "b": (490 - 120 * t, 230, 70)}

    records, _ = follow(scene, 2.5, max_faces=2)
    first = {f.track_id: f.box.xyxy[0] for f in records[0].faces}
    last = {f.track_id: f.box.xyxy[0] for f in records[-1].faces}
    for track_id, left in first.items():
        moved = last[track_id] - left
        assert abs(moved) == pytest.approx(120 * 2.48, abs=5)
    assert set(first) == {0, 1}


def test_the_most_prominent_face_is_number_zero() -> None:
    scene: Scene = lambda t: {"small": (80, 80, 40), "large": (330, 180, 120), "edge": (600, 180, 90)}  # noqa: E731
    one, _ = follow(scene, 0.2)
    assert one[-1].faces[0].box.size_wh[0] == pytest.approx(120)
    three, _ = follow(scene, 0.2, max_faces=3)
    assert [round(f.box.size_wh[0]) for f in three[-1].faces] == [120, 90, 40]
    assert ids(three[-1]) == [0, 1, 2]


def test_a_sure_face_stands_before_a_larger_doubtful_one() -> None:
    def face(side: float, confidence: float) -> Face:
        box = np.array([300 - side / 2, 200 - side / 2, 300 + side / 2, 200 + side / 2], np.float32)
        return Face(Box(box, confidence))

    size_wh = (600, 400)
    assert prominence(face(90, 1.0), size_wh) > prominence(face(100, 0.9), size_wh)
    assert prominence(face(150, 0.97), size_wh) > prominence(face(100, 1.0), size_wh)
    assert prominence(face(100, 0.6), size_wh) > prominence(face(90, 0.6), size_wh)


def test_a_false_finding_uses_up_no_id() -> None:
    def seen_by_landmarks(t: float) -> dict[str, tuple[float, float, float]]:
        return {} if t < 1 else {"a": (300, 180, 80)}

    detector = ScriptedDetector(lambda t: {"cloud": (100, 100, 60)} if t < 1 else {"a": (300, 180, 80)})
    tracker, landmarks = Tracker(detector=detector), ScriptedLandmarks(seen_by_landmarks)
    for i in range(50):
        record = landmarks.step(tracker.step(frame(i, i / 25)))
        tracker.feedback(record)
    assert ids(record) == [0]
    assert len(detector.runs) < 8


def test_behind_a_false_finding_the_next_one_is_tried_in_the_next_frame() -> None:
    """A picture on the wall that the detector takes for a large face does not hide the person before it."""
    detector = ScriptedDetector(lambda t: {"wall": (330, 180, 150), "lamp": (300, 170, 130), "a": (200, 180, 80)})
    tracker, landmarks = Tracker(detector=detector), ScriptedLandmarks(lambda t: {"a": (200, 180, 80)})
    records = []
    for i in range(8):
        records.append(landmarks.step(tracker.step(frame(i, i / 25))))
        tracker.feedback(records[-1])
    assert [ids(r) for r in records] == [[], [], *[[0]] * 6]
    assert detector.runs == [0.0]


def test_two_tracks_on_one_face_become_one() -> None:
    def scene(t: float) -> dict[str, tuple[float, float, float]]:
        other = {} if t > 0.5 else {"b": (330, 180, 80)}
        return {"a": (240, 180, 80), **other}

    records, _ = follow(scene, 1.5, max_faces=2)
    assert ids(records[0]) == [0, 1] or ids(records[0]) == [1, 0]
    assert len(records[-1].faces) == 1


def test_a_scene_cut_is_searched_in_the_same_frame() -> None:
    detector = ScriptedDetector(lambda t: {"a": (200, 180, 80) if t < 1 else (450, 180, 80)})
    tracker, landmarks = Tracker(detector=detector), ScriptedLandmarks(detector.scene)
    for i in range(50):
        record = landmarks.step(tracker.step(frame(i, i / 25, shade=60 if i < 25 else 160)))
        tracker.feedback(record)
        assert len(record.faces) == 1
    assert ids(record) == [1]
    assert detector.runs == [0.0, 1.0]


def test_without_landmarks_the_detector_leads_on_every_frame() -> None:
    detector = ScriptedDetector(lambda t: {} if t > 1 else {"a": (200 + 100 * t, 180, 80)})
    tracker = Tracker(detector=detector)
    for i in range(30):
        record = tracker.step(frame(i, i / 25))
        tracker.feedback(record)
        if i <= 25:
            assert ids(record) == [0]
            assert record.faces[0].box.xyxy[0] == pytest.approx(160 + 4 * i)
    assert record.faces == ()


def test_a_resumed_capture_goes_on_with_its_ids() -> None:
    scene: Scene = lambda t: {"a": (200, 180, 80), "b": (450, 180, 80)}  # noqa: E731
    tracker = Tracker(Options(max_faces=2), detector=ScriptedDetector(scene))
    faces = (
        Face(box_at(200, 180, 80), track_id=3, landmarks=landmarks_at(200, 180, 80)),
        Face(box_at(450, 180, 80), track_id=1, landmarks=landmarks_at(450, 180, 80)),
    )
    before = frame(9, 0.36)
    tracker.feedback(FrameRecord(before.stamp, before.size_wh, None, faces))
    after = tracker.step(frame(10, 0.4))
    assert {f.track_id: round(float(f.box.xyxy[0])) for f in after.faces} == {3: 160, 1: 410}


def test_reset_forgets_and_ids_start_again() -> None:
    scene: Scene = lambda t: {"a": (200, 180, 80)}  # noqa: E731
    tracker, landmarks = Tracker(detector=ScriptedDetector(scene)), ScriptedLandmarks(scene)
    tracker.feedback(landmarks.step(tracker.step(frame(0, 0))))
    tracker.reset()
    assert ids(tracker.step(frame(1, 0.04))) == [0]
    tracker.reset(0)
    assert ids(tracker.step(frame(2, 0.08))) == [1]


def test_ids_of_a_resumed_take_are_never_given_again() -> None:
    """Somebody seen an hour ago is in no tail; a stranger must not become him."""
    scene: Scene = lambda t: {"a": (200, 180, 80)}  # noqa: E731
    tracker, landmarks = Tracker(detector=ScriptedDetector(scene)), ScriptedLandmarks(scene)
    tracker.reserve_ids(frozenset({0, 6, 2}))
    tracker.reserve_ids(())
    assert ids(landmarks.step(tracker.step(frame(0, 0)))) == [7]
    tracker.reset()
    assert ids(tracker.step(frame(1, 0.04))) == [7], "reserved ids outlast a reset"


def test_a_false_finding_gives_back_no_reserved_id() -> None:
    tracker = Tracker(detector=ScriptedDetector(lambda t: {"cloud": (100, 100, 60)}))
    nan = landmarks_at(float("nan"), 0, 60)
    tracker.feedback(FrameRecord(frame(0, 0).stamp, (640, 360), None, (Face(box_at(100, 100, 60), 5, landmarks=nan),)))
    assert ids(tracker.step(frame(1, 0.04))) == [6]


def test_who_is_there_long_after_a_resumed_take_is_somebody_new() -> None:
    scene: Scene = lambda t: {"a": (200, 180, 80)}  # noqa: E731
    tracker = Tracker(detector=ScriptedDetector(scene))
    face = Face(box_at(200, 180, 80), track_id=0, landmarks=landmarks_at(200, 180, 80))
    tracker.feedback(FrameRecord(frame(9, 0.36).stamp, (640, 360), None, (face,)))
    assert ids(tracker.step(frame(10, 900.0))) == [1]


def in_front_of(shades: list[int], size_wh: tuple[int, int] = (640, 360), noise: float = 0.0) -> list[int | None]:
    """Ids of a face that stays in its place while the picture behind it changes."""
    scene: Scene = lambda t: {"a": (200, 180, 80)}  # noqa: E731
    tracker, landmarks = Tracker(detector=ScriptedDetector(scene)), ScriptedLandmarks(scene)
    found = []
    for i, shade in enumerate(shades):
        one = frame(i, i / 25, shade)
        pattern = np.random.default_rng(shade).normal(0, noise, (9, 16, 1)).repeat(40, 0).repeat(40, 1)
        assert one.image is not None
        image = np.clip(one.image + pattern, 0, 255).astype(np.uint8)
        if i >= len(shades) // 2:
            image = np.ascontiguousarray(np.pad(image, ((0, size_wh[1] - 360), (0, size_wh[0] - 640), (0, 0))))
        one = FrameRecord(one.stamp, (image.shape[1], image.shape[0]), image)
        record = landmarks.step(tracker.step(one))
        tracker.feedback(record)
        found += ids(record)
    return found


def test_nobody_keeps_an_id_across_a_cut() -> None:
    assert in_front_of([60] * 5 + [160] * 5) == [0] * 5 + [1] * 5
    assert in_front_of([90] * 5 + [92] * 5) == [0] * 10
    assert in_front_of([90] * 5 + [92] * 5, noise=25) == [0] * 5 + [1] * 5, "as bright, but another picture"
    assert in_front_of([90] * 5 + [92] * 5, noise=4) == [0] * 10, "noise is no cut"
    assert in_front_of([90] * 10, (680, 400)) == [0] * 5 + [1] * 5, "a picture of another size"


def test_the_detector_behind_follows_as_many_as_the_tracker_may() -> None:
    from mien.detect.cascade import Options as DetectorOptions

    (limit,) = (m.le for m in Options.model_fields["max_faces"].metadata if hasattr(m, "le"))
    assert DetectorOptions().max_faces >= limit

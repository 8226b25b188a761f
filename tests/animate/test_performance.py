from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mien.animate.performance import Performance, performance, performances, tracks
from mien.core.geometry import FRONTAL, local_rotation, rotation_from_euler, rotation_from_quaternion
from mien.core.measures import Blendshapes, Box, Gaze, HeadPose
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema

SHAPES = load_schema("arkit52")
STEP_NS = 40_000_000


def face(
    track_id: int | None = 1, jaw: float = 0.5, yaw: float = 20.0, gaze: tuple[float, float] = (10.0, -5.0)
) -> Face:
    weights = np.zeros(52, np.float32)
    weights[SHAPES.index("jawOpen")] = jaw
    confidence = np.isfinite(weights).astype(np.float32)
    return Face(
        Box([0, 0, 10, 10], 1.0),  # type: ignore[arg-type]
        track_id,
        head_pose=HeadPose(rotation_from_euler(yaw, 10.0, -5.0), [0.0, 0.0, 600.0 + yaw], 1.0, 1.0),  # type: ignore[arg-type]
        gaze=Gaze(gaze, gaze, [1, 1]),  # type: ignore[arg-type]
        blendshapes=Blendshapes.of(weights, confidence),
    )


def record(index: int, *faces: Face, t_ns: int | None = None) -> FrameRecord:
    return FrameRecord(Stamp("t", index, index * STEP_NS if t_ns is None else t_ns), (64, 64), faces=faces)


def test_values_and_rotations_arrive() -> None:
    p = performance([record(0, face()), record(1, face(jaw=1.5, yaw=-30.0))])
    assert p.track_id == 1
    assert p.t_ns.tolist() == [0, STEP_NS]
    assert p.weights.shape == (2, 52)
    assert p.weights[:, SHAPES.index("jawOpen")].tolist() == [0.5, 1.0]
    for i, yaw in enumerate((20.0, -30.0)):
        wanted = FRONTAL @ rotation_from_euler(yaw, 10.0, -5.0)
        np.testing.assert_allclose(rotation_from_quaternion(p.head_xyzw[i]), wanted, atol=1e-5)
    np.testing.assert_allclose(rotation_from_quaternion(p.left_eye_xyzw[0]), local_rotation(10.0, -5.0), atol=1e-6)
    assert p.found.all()
    assert p.head_translation_mm[1].tolist() == [0.0, 0.0, 570.0]


def gap(jaw_after: float = 0.5) -> Iterator[FrameRecord]:
    yield record(0)
    yield record(1, face(jaw=0.8))
    for i in range(2, 30):
        yield record(i)
    yield record(30, face(jaw=jaw_after))


def test_gaps_are_held_and_the_time_before_is_neutral() -> None:
    p = performance(gap())
    jaw = p.weights[:, SHAPES.index("jawOpen")]
    assert jaw[0] == 0.0
    assert (jaw[1:30] == np.float32(0.8)).all()
    assert p.head_xyzw[0].tolist() == [0, 0, 0, 1]
    assert np.flatnonzero(p.found).tolist() == [1, 30]
    assert np.isfinite(p.head_translation_mm).all()


def test_gaps_fade_within_half_a_second() -> None:
    p = performance(gap(), lost="fade")
    jaw = p.weights[:, SHAPES.index("jawOpen")]
    assert jaw[1] == np.float32(0.8)
    assert (np.diff(jaw[1:14]) < 0).all()
    assert jaw[1 + 13 :][:10].max() == 0.0  # 13 × 40 ms > 0.5 s
    assert p.head_xyzw[20].tolist() == [0, 0, 0, 1]
    assert jaw[30] == 0.5


def test_unknown_values_inside_a_face_are_held() -> None:
    blind = face(gaze=(np.nan, np.nan))
    weights = np.full(52, np.nan, np.float32)
    nothing = Face(blind.box, 1, blendshapes=Blendshapes.of(weights, np.zeros(52)), gaze=blind.gaze)
    p = performance([record(0, face(jaw=0.7)), record(1, nothing)])
    assert p.found.all()
    np.testing.assert_array_equal(p.weights[0], p.weights[1])
    np.testing.assert_array_equal(p.left_eye_xyzw[0], p.left_eye_xyzw[1])
    np.testing.assert_array_equal(p.head_xyzw[0], p.head_xyzw[1])


def test_a_hidden_eye_follows_the_other() -> None:
    one = Face(face().box, 1, gaze=Gaze([15, 5], [np.nan, np.nan], [1, 0]))  # type: ignore[arg-type]
    p = performance([record(0, one)])
    np.testing.assert_array_equal(p.left_eye_xyzw, p.right_eye_xyzw)
    assert abs(p.right_eye_xyzw[0, 1]) > 0.1


def test_the_main_track_is_the_one_seen_most() -> None:
    records = [record(0, face(3), face(7)), record(1, face(7, jaw=0.1)), record(2, face(None))]
    assert tracks(records) == {7: 2, 0: 1, 3: 1}
    assert performance(records).track_id == 7
    assert performance(records, 3).found.tolist() == [True, False, False]
    assert [p.track_id for p in performances(records)] == [7, 0, 3]


@pytest.mark.parametrize("records", [[], [record(0), record(1)]])
def test_without_a_face_everything_is_neutral(records: list[FrameRecord]) -> None:
    p = performance(records)
    assert p.track_id == -1
    assert len(p) == len(records)
    assert not p.found.any()
    assert not p.weights.any()
    assert np.isnan(p.head_translation_mm).all()
    assert (p.head_xyzw == [0, 0, 0, 1]).all()


def test_an_absent_track_is_neutral() -> None:
    assert performance([record(0, face(1))], 99).track_id == -1


def test_stamps_that_stand_still_are_left_out() -> None:
    p = performance([record(0, face()), record(1, face(), t_ns=0), record(2, face())])
    assert p.t_ns.tolist() == [0, 2 * STEP_NS]


def test_records_are_not_kept() -> None:
    alive = 0

    class Counted(FrameRecord):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def stream() -> Iterator[FrameRecord]:
        nonlocal alive
        for i in range(600):
            alive += 1
            assert alive < 5
            yield Counted(Stamp("t", i, i * STEP_NS), (64, 64), faces=(face(),))

    p: Performance = performance(stream())
    assert len(p) == 600
    np.testing.assert_allclose(np.linalg.norm(p.head_xyzw, axis=1), 1.0, atol=1e-6)

"""The built-in clip: the same bytes every time, motion that is where it says, a face that others find."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.record import FrameRecord
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.pipeline.stage import Source, Span
from mien.sources.portrait import curve_matrix, geometry
from mien.sources.portrait_motion import CHANNELS, PERIOD_S, head_at, landmarks_at, points_at, weights_at
from mien.sources.synthetic import Options, SyntheticSource, portrait

SMALL = Options(size_px=256)
APEX_S = {"eyeBlinkLeft": 0.24, "mouthSmileLeft": 1.1, "browInnerUp": 2.3, "browDownLeft": 3.6, "jawOpen": 4.75}


def frame_at(t_s: float, options: Options = SMALL) -> FrameRecord:
    index = round(t_s * options.frame_rate_hz)
    return next(iter(SyntheticSource(options, span=Span(first_index=index))))


def distance(points: np.ndarray, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a] - points[b]))


def test_portrait_is_the_public_domain_picture() -> None:
    picture = portrait()
    assert picture.shape == (512, 512, 3)
    assert picture.dtype == np.uint8
    assert picture[300:340, 90:120].mean(axis=(0, 1))[0] > 150, "the suit is orange: red comes first"


def test_portrait_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: str) -> Any:
        raise ModuleNotFoundError("skimage")

    monkeypatch.setattr("mien.sources.portrait.files", nowhere)
    with pytest.raises(SourceError, match="scikit-image"):
        portrait()


def test_nothing_reaches_standard_error() -> None:
    code = "from mien.sources.portrait import portrait; portrait()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_is_a_source() -> None:
    source = SyntheticSource(SMALL)
    assert isinstance(source, Source)
    info = source.info
    assert (info.name, info.kind, info.clock, info.live) == ("builtin", "synthetic", "media", False)
    assert info.size_wh == (256, 256)
    assert info.frame_count == 270
    assert info.duration_ns == 9_000_000_000
    records = list(source)
    assert len(records) == info.frame_count
    assert source.warnings == []
    assert all(r.image is not None and r.image.shape == (256, 256, 3) and r.faces == () for r in records)
    assert [r.stamp.index for r in records] == list(range(270))
    with pytest.raises(SourceError, match="once"):
        iter(source)
    source.close()
    source.close()


def test_close_ends_the_iteration() -> None:
    source = SyntheticSource(SMALL)
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []


def test_stamps_are_exact_fractions() -> None:
    span = Span(first_index=200)
    records = list(SyntheticSource(Options(size_px=128, frame_rate_hz=29.97), span=span))
    for r in records:
        assert r.stamp.t_ns == round(r.stamp.index * 100 * 1_000_000_000 / 2997)
    assert records[-1].stamp.t_ns < 9_000_000_000
    assert len(records) == 270 - 200


def test_span_keeps_numbers_and_stamps() -> None:
    records = list(SyntheticSource(SMALL, span=Span(start_ns=1_000_000_000, end_ns=1_200_000_000)))
    assert [r.stamp.index for r in records] == list(range(30, 37))
    third_ns = records[3].stamp.t_ns
    again = list(SyntheticSource(SMALL, span=Span(start_ns=third_ns, end_ns=third_ns)))
    assert [r.stamp.index for r in again] == [33]
    assert np.array_equal(again[0].image, records[3].image)


def test_every_instance_draws_the_same_bytes() -> None:
    def digest() -> str:
        from mien.sources import synthetic

        synthetic._puppet.cache_clear()
        images = [frame_at(t).image for t in (0.0, 0.24, 1.1, 4.75, 5.7)]
        return hashlib.sha256(b"".join(i.tobytes() for i in images if i is not None)).hexdigest()

    assert digest() == digest()


def test_loops_repeat_the_performance_and_end_where_they_begin() -> None:
    source = SyntheticSource(Options(size_px=256, loops=200))
    assert source.info.frame_count == 54_000
    assert np.array_equal(source.truth(300), source.truth(30))
    assert source.truth_weights(270 * 199 + 33) == source.truth_weights(33)
    late = next(iter(SyntheticSource(Options(size_px=256, loops=200), span=Span(first_index=53_823))))
    assert np.array_equal(late.image, frame_at(3.1).image)
    step = np.abs(source.truth(270) - source.truth(269)).max()
    assert step < 0.2, "no jump where the loop closes"


@given(st.sampled_from([24.0, 25.0, 30.0, 50.0, 59.94, 200.0]), st.floats(0, 8.9))
@settings(max_examples=25, deadline=None)
def test_motion_does_not_depend_on_the_frame_rate(rate_hz: float, t_s: float) -> None:
    source = SyntheticSource(Options(size_px=256, frame_rate_hz=rate_hz))
    index = int(t_s * rate_hz)
    assert source.truth_weights(index) == pytest.approx(weights_at(index / rate_hz), abs=1e-9)
    assert source.truth_head_deg(index) == pytest.approx(head_at(index / rate_hz), abs=1e-9)


def test_truth_outside_the_clip_is_refused() -> None:
    source = SyntheticSource(SMALL)
    for index in (-1, 270):
        with pytest.raises(IndexError, match="270"):
            source.truth(index)


def test_weights_are_arkit_names_within_range() -> None:
    names = load_schema("arkit52").names
    assert set(CHANNELS) <= set(names)
    for t in np.linspace(0, PERIOD_S, 100):
        assert all(0 <= w <= 1 for w in weights_at(float(t)).values())
    assert set(weights_at(0.0).values()) == {0.0}


@given(
    st.dictionaries(st.sampled_from(CHANNELS), st.floats(0, 1)),
    st.tuples(st.floats(-16, 16), st.floats(-8, 8), st.floats(-5, 5)),
)
@settings(max_examples=60, deadline=None)
def test_lids_and_lips_never_cross(weights: dict[str, float], head_deg: tuple[float, float, float]) -> None:
    flat = points_at(weights)
    for upper, lower in ((62, 66), (70, 74), (61, 67), (90, 94), (89, 95), (91, 93)):
        assert flat[upper, 1] <= flat[lower, 1] + 1e-9
    assert np.isfinite(landmarks_at(weights, head_deg, 640)).all()


def test_curves_pass_through_their_points() -> None:
    points = np.random.default_rng(0).normal(size=(5, 2))
    assert np.allclose((curve_matrix() @ points)[::4], points)
    assert np.allclose(curve_matrix().sum(axis=1), 1)


def test_table_has_every_landmark() -> None:
    g = geometry()
    assert len(g.points) == len(load_schema("wflw98"))
    assert all(s.shape == (len(g.points) + len(g.extras), 2) for s in g.shapes.values())


@pytest.mark.parametrize(
    ("name", "pair", "grows"),
    [
        ("eyeBlinkLeft", (70, 74), False),
        ("mouthSmileLeft", (76, 82), True),
        ("browInnerUp", (38, 64), True),
        ("browDownLeft", (38, 50), False),
        ("jawOpen", (90, 94), True),
    ],
)
def test_truth_moves_as_the_weights_say(name: str, pair: tuple[int, int], grows: bool) -> None:
    source = SyntheticSource(SMALL)
    at_apex, at_rest = round(APEX_S[name] * 30), 0
    assert source.truth_weights(at_apex)[name] > 0.95
    ratio = distance(source.truth(at_apex), *pair) / max(distance(source.truth(at_rest), *pair), 0.1)
    assert ratio > 1.15 if grows else ratio < 0.85


def test_turned_head_moves_the_nose_to_the_side_of_the_turn() -> None:
    source = SyntheticSource(SMALL)
    offsets = {}
    for t in (0.0, 5.7, 6.55):
        points = source.truth(round(t * 30))
        offsets[t] = float(points[54, 0] - points[[60, 72], 0].mean()) / distance(points, 60, 72)
    assert source.truth_head_deg(171)[0] > 14
    assert offsets[5.7] - offsets[0.0] > 0.06, "yaw + turns to the subject's left, the right of the image"
    assert offsets[6.55] - offsets[0.0] < -0.06


def patch_at(image: np.ndarray, xy: np.ndarray, size: int) -> np.ndarray:
    return cv2.getRectSubPix(image, (size, size), (float(xy[0]), float(xy[1]))).astype(float)


def test_pixels_follow_the_landmarks() -> None:
    """Optical flow from rest to a lifted brow and a turned head agrees with the truth."""
    options = Options(size_px=640)
    source = SyntheticSource(options)
    visible = (35, 44, 54, 56, 57, 60, 64, 68, 72, 76, 82, 96, 97)
    for a, b in ((57, 61), (160, 163), (190, 193)):
        first, second = (cv2.cvtColor(frame_at(i / 30, options).image, cv2.COLOR_RGB2GRAY) for i in (a, b))
        points = source.truth(a)[list(visible)]
        found, ok, _ = cv2.calcOpticalFlowPyrLK(first, second, points[:, None], None, winSize=(25, 25))
        error = np.linalg.norm(found[:, 0] - source.truth(b)[list(visible)], axis=1)
        moved = np.linalg.norm(source.truth(b) - source.truth(a), axis=1).max()
        assert ok.all()
        assert moved > 4
        assert np.median(error) < 0.6, (a, b, error)


def test_blink_hides_the_white_of_the_eye_and_jaw_shows_the_dark_of_the_mouth() -> None:
    options = Options(size_px=640)
    source = SyntheticSource(options)
    rest, blink, jaw = (frame_at(t, options) for t in (0.0, 0.2333, 4.75))
    for pupil in (96, 97):
        opened = patch_at(rest.image, source.truth(0)[pupil], 31)
        closed = patch_at(blink.image, source.truth(blink.stamp.index)[pupil], 31)
        assert closed.mean() > opened.mean() + 15, "lid skin is brighter than the iris"
    mouth = source.truth(jaw.stamp.index)[[90, 94]].mean(axis=0)
    assert patch_at(jaw.image, mouth, 9).mean() < 60
    assert patch_at(rest.image, source.truth(0)[94] + [0, 10], 9).mean() > 110


@pytest.fixture(scope="module")
def face_mesh() -> Iterator[Any]:
    mediapipe = pytest.importorskip("mediapipe")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MediaPipe's own deprecations
        mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
    yield mesh
    mesh.close()


MEDIAPIPE = {
    64: 133,
    68: 362,
    62: 159,
    66: 145,
    70: 386,
    74: 374,
    76: 61,
    82: 291,
    90: 13,
    94: 14,
    54: 4,
    96: 468,
    97: 473,
}


@pytest.mark.parametrize("t_s", [0.0, 0.2333, 1.1, 2.3, 3.6, 4.75, 5.7, 6.55, 7.4, 8.0667])
def test_another_face_finder_sees_the_same_face(face_mesh: Any, t_s: float) -> None:
    options = Options(size_px=640)
    record = frame_at(t_s, options)
    truth = SyntheticSource(options).truth(record.stamp.index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = face_mesh.process(np.array(record.image))
    assert result.multi_face_landmarks, "no face found"
    seen = np.array([[p.x * 640 - 0.5, p.y * 640 - 0.5] for p in result.multi_face_landmarks[0].landmark])
    error = np.linalg.norm(seen[list(MEDIAPIPE.values())] - truth[list(MEDIAPIPE)], axis=1) / distance(truth, 60, 72)
    assert error.mean() < 0.03
    assert error.max() < 0.09

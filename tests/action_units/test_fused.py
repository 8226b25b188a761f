"""Landmarks and pixels together, with a small untrained reader: what holds whatever the network says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mien.action_units.exclusive import PAIRS
from mien.action_units.features import features, front_view
from mien.action_units.fused import FusedSolver, Options
from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.neutral import PARTS
from mien.action_units.pixel_reader import AtRest, PixelReader, Reading
from mien.action_units.profile import Profile
from mien.action_units.visibility import look_shapes
from mien.core.arrays import Float32, UInt8
from mien.core.geometry import rotation_from_euler
from mien.core.measures import Box, Gaze, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import ConfigError, ModelError
from mien.lab.models.shape_reader import ShapeReader, ShapeReaderSpec
from mien.lab.train.shape_export import Mixture, export_reader
from mien.runtime.card import TrainingCard

W, A = load_schema("wflw98"), load_schema("arkit52")
TINY = ShapeReaderSpec(stem=4, widths=(4, 6, 8), squeezed=4, features=8, hidden=12, points=(8,))
SIZE = 320


def written(folder: Path, share: float) -> Path:
    """A model folder of an untrained reader."""
    torch.manual_seed(3)
    same = np.full(52, share, np.float32)
    net = ShapeReader(TINY)
    with torch.no_grad():
        net.answers.weight *= 30.0
    export_reader(net, Mixture(same, same * 0 + 0.9, same, same), folder, 10, TrainingCard(command="none", data=()))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("half") / "half", 0.5)


@pytest.fixture
def solver(model: Path) -> Iterator[FusedSolver]:
    made = FusedSolver(Options(pixels=str(model)))
    yield made
    made.close()


def picture(seed: int = 1) -> UInt8:
    """Something with coarse structure."""
    coarse = np.random.default_rng(seed).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((SIZE // 16, SIZE // 16, 1), np.uint8))


def face(reference: Float32, jaw: float = 0.0, confidence: float = 1.0) -> Face:
    xy = np.stack([SIZE / 2 + 110 * reference[:, 0], 130 - 110 * reference[:, 1]], axis=1)
    xy[[*range(84, 88), *range(92, 96)], 1] += 110 * jaw
    return Face(
        box=Box(np.array([60, 40, 260, 300], np.float32), 1.0),
        track_id=1,
        landmarks=Landmarks(xy, np.full(98, confidence), W),
        head_pose=HeadPose(rotation_from_euler(0.0, 0.0, 0.0), np.array([0, 0, 900.0]), 0.5, 1.0),
        gaze=Gaze(np.array([3.0, 2.0]), np.array([3.0, 2.0]), np.ones(2)),
    )


def mirrored(one: Face) -> Face:
    assert one.landmarks is not None
    assert one.gaze is not None
    assert one.head_pose is not None
    flip = np.array([-1, 1], np.float32)
    xy = one.landmarks.xy[W.mirror] * flip + np.array([SIZE - 1, 0], np.float32)
    side = np.diag([-1.0, 1.0, 1.0])
    pose = one.head_pose
    turned = replace(pose, rotation=side @ pose.rotation @ side, translation_mm=pose.translation_mm * [-1, 1, 1])
    gaze = Gaze(one.gaze.right_yaw_pitch_deg * flip, one.gaze.left_yaw_pitch_deg * flip, one.gaze.confidence[::-1])
    return replace(one, landmarks=Landmarks(xy, one.landmarks.confidence[W.mirror], W), head_pose=turned, gaze=gaze)


def solved(solver: LandmarkSolver, one: Face, image: UInt8 | None, k: int = 0) -> tuple[Float32, Float32]:
    """Weights and confidences."""
    out = solver.step(FrameRecord(Stamp("test", k, k * 40_000_000), (SIZE, SIZE), image, faces=(one,))).faces[0]
    assert out.blendshapes is not None
    return out.blendshapes.values, out.blendshapes.confidence


def test_without_a_picture_it_is_the_landmark_solver(solver: FusedSolver) -> None:
    alone = LandmarkSolver()
    for k, jaw in enumerate((0.0, 0.0, 0.15)):
        one = face(solver.reference, jaw)
        np.testing.assert_array_equal(solved(solver, one, None, k), solved(alone, one, None, k))
    alone.close()


def test_the_picture_counts_as_much_as_its_share(solver: FusedSolver) -> None:
    one = face(solver.reference)
    assert one.landmarks is not None
    alone = LandmarkSolver()
    landmarks = solved(alone, one, None)[0]
    fused = solved(solver, one, picture())[0]
    alone.close()
    turn = -solver.turn_offset[None]
    front = front_view(one.landmarks.xy[None], turn, solver.reference)
    rows = np.repeat(features(front, None, turn, solver.reference), 2, axis=0)
    reading = solver._reader.read(picture(), one.landmarks.xy, turn, solver.reference, rows)
    assert reading is not None
    pixels = reading.weights(None)
    free = [A.index(n) for n in ("cheekPuff", "mouthPucker", "mouthFunnel", "noseSneerLeft", "mouthRollLower")]
    np.testing.assert_allclose(fused[free], (landmarks[free] + pixels[free]) / 2, atol=1e-4)


def test_what_only_pixels_show_is_measured_where_they_alone_count(tmp_path: Path) -> None:
    with_all = FusedSolver(Options(pixels=str(written(tmp_path / "all", 1.0))))
    values, sure = solved(with_all, face(with_all.reference), picture())
    with_all.close()
    assert np.isfinite(values[A.index("tongueOut")])
    assert sure[A.index("tongueOut")] > 0


def test_mirrored_input_gives_mirrored_output(model: Path) -> None:
    pair = [FusedSolver(Options(pixels=str(model))) for _ in range(2)]
    for k, jaw in enumerate((0.0, 0.0, 0.0, 0.2)):
        one, image = face(pair[0].reference, jaw), picture(k)
        one = replace(one, gaze=Gaze(np.array([5.0, 2.0]), np.array([4.0, 2.0]), np.ones(2)))
        a = solved(pair[0], one, image, k)[0]
        b = solved(pair[1], mirrored(one), np.ascontiguousarray(image[:, ::-1]), k)[0]
        assert np.nanmax(np.abs(a - b[A.mirror])) < 0.02
    for made in pair:
        made.close()


def test_exclusive_pairs_and_range(solver: FusedSolver) -> None:
    for k in range(6):
        values, sure = solved(solver, face(solver.reference, 0.05 * k), picture(k), k)
        known = np.isfinite(values)
        assert ((values[known] >= 0) & (values[known] <= 1)).all()
        assert ((sure > 0) == known).all()
        for one, other in PAIRS:
            assert min(values[A.index(one)], values[A.index(other)]) == 0


def test_hidden_regions_stay_nan(solver: FusedSolver) -> None:
    values, sure = solved(solver, face(solver.reference, confidence=0.1), picture())
    measured = np.isfinite(values)
    assert not measured[[i for i, n in enumerate(A.names) if n.startswith(("mouth", "brow", "jaw"))]].any()
    assert (sure[~measured] == 0).all()


def test_gaze_and_shapes_say_the_same(solver: FusedSolver) -> None:
    record = FrameRecord(Stamp("test", 0, 0), (SIZE, SIZE), picture(), faces=(face(solver.reference),))
    out = solver.step(record).faces[0]
    assert out.gaze is not None
    assert out.blendshapes is not None
    shapes, sure = look_shapes(out.gaze)
    looks = sure > 0
    assert looks.any()
    np.testing.assert_allclose(shapes[looks], out.blendshapes.values[looks], atol=1e-4)


def test_the_resting_face_is_learnt_and_forgotten(solver: FusedSolver) -> None:
    for k in range(60):
        solved(solver, face(solver.reference), picture(), k)
    known = solver._rests[1].known
    assert known.min() > 0.5
    solver.reset(1)
    assert 1 not in solver._rests


def test_a_shut_eye_looks_where_it_looked_also_after_a_resume(
    solver: FusedSolver, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blinks = [A.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    looks = [k for k, name in enumerate(A.names) if name.startswith("eyeLook")]
    resumed = FusedSolver(Options(pixels=str(model)))
    one, image = face(solver.reference), picture()
    first = solver.step(FrameRecord(Stamp("test", 0, 0), (SIZE, SIZE), image, faces=(one,)))
    before = first.faces[0].blendshapes
    assert before is not None
    assert (before.values[blinks] < 0.6).all()
    solver.feedback(first)
    resumed.feedback(first)
    monkeypatch.setattr("mien.action_units.landmark_solver.together", lambda *_: np.ones(2, np.float32))
    for k, again in enumerate((solver, resumed), 1):
        shut = again.step(FrameRecord(Stamp("test", k, k), (SIZE, SIZE), picture(2), faces=(one,))).faces[0]
        assert shut.blendshapes is not None and shut.gaze is not None and one.gaze is not None  # noqa: PT018
        np.testing.assert_array_equal(shut.blendshapes.values[looks], before.values[looks])
        assert (shut.blendshapes.confidence[looks] < 0.6 * before.confidence[looks]).all()
        np.testing.assert_allclose(shut.gaze.confidence, one.gaze.confidence / 2)
    solver.reset()
    assert (solved(solver, one, picture(2), 3)[0][looks] != before.values[looks]).any()
    resumed.close()


def test_at_rest_the_reader_reads_the_familiar_answer() -> None:
    rest = AtRest()
    rng = np.random.default_rng(0)
    one = Reading(*rng.normal(size=(3, 52)).astype(np.float32))
    np.testing.assert_allclose(one.weights(rest), one.weights(None))
    for k in range(200):
        rest.learn(k * 40_000_000, one.own, np.zeros((98, 2), np.float32), dict.fromkeys(PARTS, 0.0), 1.0)
    np.testing.assert_allclose(rest.own, one.own, atol=1e-4)
    wanted = 1 / (1 + np.exp(-(one.familiar - one.own)))
    np.testing.assert_allclose(one.weights(rest), wanted, atol=0.02)


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match="is no pixel reader of shapes"):
        PixelReader("immtcnn-p")


def mouth_between(one: Face, inside: tuple[int, int, int]) -> UInt8:
    """A plain face with lips, and something between them."""
    assert one.landmarks is not None
    image = np.full((SIZE, SIZE, 3), (205, 160, 135), np.uint8)
    for group, colour in (("outer_lip", (165, 100, 95)), ("inner_lip", inside)):
        outline = one.landmarks.xy[list(W.groups[group])].round().astype(np.int32)
        cv2.fillPoly(image, [outline], colour)
    return image


def test_teeth_that_fill_the_mouth_close_the_jaw_and_part_the_lips(
    solver: FusedSolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.action_units.teeth._TONGUE_SHOWS", (1.0, 2.0))  # untaught weights see one everywhere
    one = face(solver.reference, 0.14)
    jaw, lower, units = A.index("jawOpen"), A.index("mouthLowerDownLeft"), load_schema("facs")
    read = {}
    for what, colour in {"teeth": (225, 215, 195), "gap": (25, 12, 12)}.items():
        image = mouth_between(one, colour)
        out = solver.step(FrameRecord(Stamp(what, 0, 0), (SIZE, SIZE), image, faces=(one,))).faces[0]
        assert out.blendshapes is not None
        assert out.action_units is not None
        read[what] = out.blendshapes.values
        assert out.action_units.presence[units.index("AU25")]
        assert out.action_units.presence[units.index("AU26")] == (what == "gap")
        solver.reset()
    assert read["gap"][jaw] > 0.2
    assert read["teeth"][jaw] < 0.08
    assert read["teeth"][lower] > read["gap"][lower] + 0.2


def profile_of(solver: FusedSolver, *, pictures: bool) -> Profile:
    """Everything below a half is rest; the face at rest is the mean face, and looks to the pixel reader as it does."""
    solver_sees = solver.reference[:, :2] / np.ptp(solver.reference[[60, 72], 0])
    half, double = np.full(52, 0.5, np.float32), np.full(52, 2.0, np.float32)
    by = solver.calibrates(pictures=pictures)
    return Profile(by, solver_sees, half, double, {}, {}, (), np.full(52, 0.3, np.float32) if pictures else None)


@pytest.mark.parametrize("pictures", [True, False])
def test_a_profile_changes_what_it_was_fitted_to(model: Path, pictures: bool) -> None:
    with (
        closing(FusedSolver(Options(pixels=str(model)))) as plain,
        closing(FusedSolver(Options(pixels=str(model)))) as calibrated,
    ):
        ranged = profile_of(calibrated, pictures=pictures)
        calibrated.use(ranged)
        assert bool(calibrated.caution) != pictures
        same = replace(ranged, offset=np.zeros(52), gain=np.ones(52))
        plain.use(same)
        for image in (picture(), None):
            record = FrameRecord(Stamp("t", 0, 0), (SIZE, SIZE), image, (face(plain.reference, 0.3),))
            before, after = (s.step(record).faces[0].blendshapes for s in (plain, calibrated))
            assert before is not None
            assert after is not None
            moved = np.nanmax(np.abs(before.values - after.values))
            assert (moved > 0.05) == ((image is not None) == pictures)


def test_a_profile_gives_the_pixel_reader_the_face_at_rest(model: Path) -> None:
    with closing(FusedSolver(Options(pixels=str(model)))) as solver:
        assert solver.at_rest(1) is None
        record = FrameRecord(Stamp("t", 0, 0), (SIZE, SIZE), picture(), (face(solver.reference),))
        stranger = solver.step(record).faces[0].blendshapes
        for k in range(60):
            solver.step(replace(record, stamp=Stamp("t", k, k * 100_000_000)))
        learnt = solver.at_rest(1)
        assert learnt is not None
        flat = replace(profile_of(solver, pictures=True), offset=np.zeros(52), gain=np.ones(52))
        solver.reset()
        assert solver.at_rest(1) is None
        if np.isfinite(learnt).all():
            flat = replace(flat, own=learnt)
        solver.use(flat)
        familiar = solver.step(record).faces[0].blendshapes
        assert stranger is not None
        assert familiar is not None
        assert np.nanmax(np.abs(stranger.values - familiar.values)) > 0.02
        other = replace(flat, model="another-1, shape-pixels-9")
        with pytest.raises(ConfigError, match="calibrate again"):
            solver.use(other)

"""The portrait performs the guide with less than its full range; the profile gives the range back, blinks above all."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.action_units.calibration import Calibration, fit
from mien.action_units.guide import GUIDE, Step, guide_seconds, reached_shapes, step_at
from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.options import Options
from mien.action_units.profile import Leak, Profile, read_profile, write_profile
from mien.action_units.ranges import blink_peaks, ranges_of
from mien.core.geometry import rotation_from_euler
from mien.core.measures import Box, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import ConfigError, RequestError, SinkError
from mien.lab.synth.exercise import performed
from mien.recorder.calibration_picture import picture, write_picture
from mien.sources.portrait_motion import landmarks_at

NAMES = load_schema("arkit52").names
W = load_schema("wflw98")
CAN = {"eyeBlink", "browInnerUp", "browOuterUp", "mouthSmile", "mouthFrown", "jawOpen", "browDown"}
SHORT = [replace(s, seconds=3.0) for s in GUIDE if not s.reaches or set(s.reaches) <= CAN]
FPS = 12.0


def face_of(weights: Mapping[str, float], track_id: int | None = 1) -> Face:
    xy = landmarks_at(weights, (0.0, 0.0, 0.0), 640)
    solver = _solver_constants()
    upright = rotation_from_euler(0.0, float(np.degrees(solver)), 0.0)
    box = np.concatenate([xy.min(axis=0), xy.max(axis=0)]).astype(np.float32)
    pose = HeadPose(upright, np.array([0, 0, 5000.0]), 0.5, 1.0)
    return Face(Box(box, 1.0), track_id, landmarks=Landmarks(xy, np.ones(98), W), head_pose=pose)


@cache
def _solver_constants() -> float:
    made = LandmarkSolver()
    pitch = float(made._turn_offset[1])
    made.close()
    return pitch


@cache
def guided(share: float) -> tuple[tuple[int, Face], ...]:
    """The portrait follows the short guide, but only to a share of every shape (lids close)."""
    clip = performed(5, [(s.reaches, s.seconds) for s in SHORT], FPS)
    frames = []
    for t, row in zip(clip.times_ns.tolist(), clip.shapes, strict=True):
        done = {n: float(w) * (1 if n.startswith("eyeBlink") else share) for n, w in zip(NAMES, row, strict=True)}
        frames.append((t, face_of({n: w for n, w in done.items() if w > 0 and not n.startswith("eyeLook")})))
    return read(frames)


def read(frames: list[tuple[int, Face]]) -> tuple[tuple[int, Face], ...]:
    """As a capture without a profile reads them."""
    with contextlib.closing(LandmarkSolver()) as solver:
        return tuple(
            (t, solver.step(FrameRecord(Stamp("t", k, t), (640, 640), faces=(face,))).faces[0])
            for k, (t, face) in enumerate(frames)
        )


def fitted(frames: Sequence[tuple[int, Face]], guide: Sequence[Step] | None = None) -> Calibration:
    with contextlib.closing(LandmarkSolver()) as solver:
        return fit(frames, solver, {"source": "portrait", "guided": guide is not None}, guide)


@cache
def calibrated() -> Calibration:
    return fitted(guided(0.5), SHORT)


def test_what_was_asked_for_reaches_its_full_range_and_rest_stays_at_rest() -> None:
    found = calibrated()
    numbers = found.numbers()
    for name in ("mouthSmileLeft", "browInnerUp", "browOuterUpRight", "jawOpen"):
        assert numbers[name]["reach_after"] > 0.85
        assert numbers[name]["reach_after"] > numbers[name]["reach_before"] - 0.01
    for name in ("browOuterUpLeft", "jawOpen"):  # what the solver reads too small
        assert numbers[name]["reach_after"] > numbers[name]["reach_before"] + 0.1
    still = found.step == 0
    assert np.nanmean(found.after[still]) < 0.02
    assert np.nanmean(found.after[still]) <= np.nanmean(found.before[still])
    assert {"mouthSmileLeft", "jawOpen"} <= set(found.profile.seen)
    assert "cheekPuff" not in found.profile.seen
    assert found.profile.gain[NAMES.index("cheekPuff")] < 1.3


def test_a_blink_never_stops_short_of_closed() -> None:
    blinks = calibrated().blinks()
    assert blinks["count_after"] >= 1
    assert blinks["peak_after"] >= 0.99
    assert blinks["peak_after"] >= blinks["peak_before"]


@given(st.floats(0.0, 0.5), st.floats(0.0, 1.0))
def test_a_profile_that_would_shorten_a_shape_cannot_be_made(offset: float, more: float) -> None:
    full = 1.0 / (1.0 - offset)
    make = lambda gain: Profile("m", np.zeros((98, 2)), np.full(52, offset), np.full(52, gain), {}, {})  # noqa: E731
    profile = make(full * (1 + more))
    assert (profile.applied(np.ones(52, np.float32)) >= 0.999).all()
    rising = np.stack([profile.applied(np.full(52, w, np.float32)) for w in np.linspace(0, 1, 11)])
    assert (np.diff(rising, axis=0) >= 0).all()
    with pytest.raises(ValueError, match="stop short"):
        make(full * 0.98)


def test_without_a_guide_little_is_stretched_and_silence_is_not() -> None:
    found = fitted(guided(0.5))
    assert (found.step == -1).all()
    full = 1 / (1 - found.profile.offset)
    assert (found.profile.gain / full).max() <= 2.6
    i = NAMES.index("mouthPucker")
    assert found.profile.gain[i] == pytest.approx(full[i], abs=1e-3)
    assert found.numbers()["mouthSmileLeft"]["reach_after"] >= found.numbers()["mouthSmileLeft"]["reach_before"] - 0.05
    assert found.blinks()["peak_after"] >= 0.9


def test_too_little_of_a_face_is_refused() -> None:
    with pytest.raises(RequestError, match="needs 30"):
        fitted(guided(0.5)[:12])
    hidden = []
    for t, face in guided(0.5)[:60]:
        assert face.landmarks is not None
        confidence = face.landmarks.confidence.copy()
        confidence[76:96] = 0.0
        hidden.append((t, replace(face, landmarks=Landmarks(face.landmarks.xy, confidence, W))))
    with pytest.raises(RequestError, match="mouth were not seen"):
        fitted(read(hidden))


def test_a_profile_reads_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    profile = replace(calibrated().profile, facts={"source": 'a "b" \\ c\n', "guided": True, "frames": 12.0})
    write_profile(profile, path)
    again = read_profile(path)
    np.testing.assert_allclose(again.offset, profile.offset, atol=1e-6)
    np.testing.assert_allclose(again.gain, profile.gain, atol=1e-4)
    np.testing.assert_allclose(again.neutral, profile.neutral, atol=1e-5)
    assert again.facts["source"] == 'a "b" \\ c?'
    assert again.seen.keys() == profile.seen.keys()
    with pytest.raises(SinkError, match="cannot be written"):
        write_profile(profile, tmp_path / "no" / "p.toml")


def test_damaged_profiles_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    write_profile(calibrated().profile, path)
    text = path.read_text(encoding="utf-8")
    cases = {
        "cannot be read: Exceeds": text.replace("offset = ", f"offset = {'9' * 5000} # ", 1),
        "cannot be read": "format = ",
        "is of format 7": text.replace("format = 3", "format = 7"),
        "model is missing": text.replace("model = ", "# model = "),
        "no shape jawOpn": text.replace("[shapes.jawOpen]", "[shapes.jawOpn]"),
        "gain is missing": text.replace("gain = ", "# gain = ", 1),
        "stop short of 1": text.replace("gain = ", "gain = 0.5 # ", 1),
        "'list' object": "shapes = []\n" + re.sub(r"(?s)\[shapes\..*?(?=\[neutral\])", "", text),
        "unknown key": text + "\n[more]\n",
        "Profile.neutral": text[: text.index("xy = [")] + "xy = [[0, 0]]\n",
    }
    for message, content in cases.items():
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            read_profile(path)
    with pytest.raises(ConfigError, match=r"none\.toml"):
        read_profile(tmp_path / "none.toml")


def test_small_smiles_survive_the_profile_and_rest_is_what_the_settled_face_reads() -> None:
    found = calibrated()
    i = NAMES.index("mouthSmileLeft")
    assert found.profile.offset[i] < 0.1
    by_profile = LandmarkSolver()
    by_profile.use(found.profile)
    record = FrameRecord(
        Stamp("t", 0, 0), (640, 640), faces=(face_of({"mouthSmileLeft": 0.12, "mouthSmileRight": 0.12}),)
    )
    shapes = by_profile.step(record).faces[0].blendshapes
    by_profile.close()
    assert shapes is not None
    assert shapes["mouthSmileLeft"] > 0.1


def test_a_gesture_that_is_hidden_takes_nothing_off_what_is_seen() -> None:
    leak = Leak("smile", ("mouthSmileLeft", "mouthSmileRight"), {"browInnerUp": 0.6})
    leaking = replace(calibrated().profile, leaks=(leak,), offset=np.zeros(52), gain=np.ones(52))
    read = []
    for profile, hidden in ((leaking, False), (leaking, True), (replace(leaking, leaks=()), True)):
        face = face_of({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "browInnerUp": 0.2})
        assert face.landmarks is not None
        confidence = face.landmarks.confidence.copy()
        confidence[76:96] = 0.15 if hidden else 1.0
        face = replace(face, landmarks=Landmarks(face.landmarks.xy, confidence, W))
        with contextlib.closing(LandmarkSolver()) as solver:
            solver.use(profile)
            shapes = solver.step(FrameRecord(Stamp("t", 0, 0), (640, 640), faces=(face,))).faces[0].blendshapes
        assert shapes is not None
        assert np.isnan(shapes["mouthSmileLeft"]) == hidden
        read.append(shapes["browInnerUp"])
    assert read[0] < read[2] - 0.1
    assert read[1] == pytest.approx(read[2])


@given(st.data())
def test_whatever_was_read_gives_a_profile(data: st.DataObject) -> None:
    step = np.repeat([0, 1], [30, 40])
    level = data.draw(st.lists(st.sampled_from([0.0, 0.2, 0.45, 0.64, 1.0, np.nan]), min_size=4, max_size=4))
    read = np.full((70, 52), 0.1, np.float32)
    for name, value in zip(("mouthSmileLeft", "eyeBlinkLeft"), (level[:2], level[2:]), strict=True):
        read[:30, NAMES.index(name)], read[30:, NAMES.index(name)] = value
    guide = [replace(GUIDE[0], seconds=3.0), replace(GUIDE[6], seconds=4.0)]
    reliability = np.full(52, data.draw(st.floats(0, 1)), np.float32)
    offset, gain, seen = ranges_of(np.arange(70) * 100_000_000, read, step, guide, reliability)
    Profile("m", np.zeros((98, 2)), offset, gain, {}, seen)


def test_the_stage_measures_by_the_profile(tmp_path: Path) -> None:
    write_profile(calibrated().profile, tmp_path / "p.toml")
    by_profile, plain = LandmarkSolver(Options(profile=str(tmp_path / "p.toml"))), LandmarkSolver()
    face = face_of({f"mouthSmile{s}": 0.45 for s in ("Left", "Right")}, track_id=None)
    record = FrameRecord(Stamp("t", 0, 0), (640, 640), faces=(face,))
    own, stranger = (s.step(record).faces[0].blendshapes for s in (by_profile, plain))
    assert own is not None
    assert stranger is not None
    assert own["mouthSmileLeft"] == pytest.approx(0.85, abs=0.16)
    assert by_profile.neutral_known(9) > 0.99
    other = replace(calibrated().profile, model="another-1")
    with pytest.raises(ConfigError, match="calibrated with another-1"):
        plain.use(other)
    by_profile.close()
    plain.close()


def test_the_guide_covers_the_issue_and_ends() -> None:
    assert guide_seconds(GUIDE) <= 120
    assert step_at(GUIDE, -1) is None
    assert step_at(GUIDE, 0) == 0
    assert step_at(GUIDE, int(11e9)) == 1
    assert step_at(GUIDE, int(1e12)) is None
    assert all(set(reached_shapes(s)) <= set(NAMES) for s in GUIDE)
    asked = {s.name for s in GUIDE}
    assert {"neutral", "blink", "wide", "brows up", "smile", "frown", "pucker", "jaw", "puff"} <= asked


@settings(max_examples=30)
@given(st.lists(st.integers(2, 6), min_size=1, max_size=6))
def test_every_blink_is_counted_once(gaps: list[int]) -> None:
    curve = [0.0]
    for gap in gaps:
        curve += [0.5, 0.9, 0.9, 0.5, *[0.0] * gap]
    t = np.arange(len(curve)) * 40_000_000
    assert len(blink_peaks(t, np.array(curve))) == len(gaps)


def test_the_picture_shows_every_measured_shape(tmp_path: Path) -> None:
    found = calibrated()
    image = picture(found)
    assert image.size[1] > 18 * len(found.numbers())
    write_picture(found, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 5000
    with pytest.raises(SinkError, match="no"):
        write_picture(found, tmp_path / "no" / "p.png")


def test_a_key_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.toml"
    write_profile(calibrated().profile, path)
    text = path.read_text()
    path.write_text(text.replace("[shapes.eyeBlinkLeft]", "[shapes.eyeBlinkLeft]\nofset = 1.0"))
    assert path.read_text() != text
    with pytest.raises(ConfigError, match="ofset of eyeBlinkLeft"):
        read_profile(path)

"""With and without a person's profile, from the same frames."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from test_studio_live import gather

from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.options import Options
from mien.action_units.profile import Profile, write_profile
from mien.animate.live import LiveFace
from mien.core.geometry import default_camera
from mien.core.measures import Landmarks
from mien.core.record import Event, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import ConfigError
from mien.landmarks.metric_face import load_metric_face
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.sinks.parquet import ParquetSink
from mien.studio import frame_packer
from mien.studio.frame_packer import FramePacker
from mien.studio.judge import LiveJudge
from mien.studio.marks import MarkList
from mien.studio.studio import Studio
from mien.studio.unprofiled import Unprofiled
from mien.studio.wire import FACE_FLOATS, PLAIN, SIGNAL_FLOATS
from small_takes import STEP_NS, face, weights_at

WS = "ws://127.0.0.1:8300/ws"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile that takes everything weak for rest and doubles the remainder."""
    solver = LandmarkSolver()
    neutral = solver.reference[:, :2] / np.ptp(solver.reference[[60, 72], 0])
    path = tmp_path_factory.mktemp("profiles") / "somebody.toml"
    half, double = np.full(52, 0.4, np.float32), np.full(52, 2.0, np.float32)
    write_profile(Profile(solver.models[0], neutral, half, double, {"source": "test"}, {}), path)
    solver.close()
    return path


def records(count: int) -> list[FrameRecord]:
    """The mean face straight before the camera, its mouth opening."""
    solver, metric = LandmarkSolver(), load_metric_face()
    flat = np.column_stack([solver.reference[:, :2], np.ones(98)])
    solver.close()
    seen = (metric.xyz_mm * [1, -1, -1] + [0, 0, 600]) @ default_camera((640, 480)).T
    indices = list(metric.indices)
    fitted = np.linalg.lstsq(flat[indices], seen[:, :2] / seen[:, 2:], rcond=None)[0]
    mean = flat @ fitted
    mean[indices] = seen[:, :2] / seen[:, 2:]
    out = []
    for k in range(count):
        xy = mean.copy()
        xy[85:87, 1] += 2.0 * k
        points = Landmarks(xy, np.full(98, 0.9), load_schema("wflw98"))
        one = replace(face(weights_at(0, 25)), landmarks=points, blendshapes=None, action_units=None)
        out.append(FrameRecord(Stamp("c", k, k * STEP_NS), (640, 480), None, (one,)))
    return out


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take of these frames with an expression decided at the tenth."""
    folder = tmp_path_factory.mktemp("faces")
    sink = ParquetSink(folder=folder)
    sink.open(TakeHeader(SourceInfo("clip.mp4", "video", (640, 480)), created_utc="2026-01-02T03:04:05Z"))
    for record in records(15):
        t = record.stamp.t_ns
        events = (Event("micro", 1, t - 9 * STEP_NS, t - 8 * STEP_NS, t - 6 * STEP_NS, 0.7, ("AU12",)),)
        sink.write(replace(record, events=events if record.stamp.index == 10 else ()))
    sink.close(TakeSummary("complete", 15))
    return folder / "take.parquet"


def test_the_same_frames_are_read_as_a_run_without_the_profile_reads_them(profile: Path) -> None:
    bare, own = LandmarkSolver(), LandmarkSolver(Options(profile=str(profile)))
    with Unprofiled("balanced", calm=False) as plain:
        for record in records(6):
            profiled = own.step(record)
            expected = bare.step(record).faces[0].blendshapes
            assert expected is not None
            known = np.isfinite(expected.values)
            read = plain.weights(profiled)
            assert known.sum() > 20
            assert read[known] == pytest.approx(expected.values[known], abs=1e-6)
            with_profile = profiled.faces[0].blendshapes
            assert with_profile is not None
            assert np.nansum(np.abs(with_profile.values - expected.values)) > 0.5, "the profile changes something"
    for solver in (bare, own):
        solver.close()


def test_a_preset_without_a_solver_has_nothing_to_compare(tmp_path: Path) -> None:
    preset = tmp_path / "bare.toml"
    preset.write_text('description = "no solver"\nstages = ["detect"]\noutputs = []\n[detect]\nuse = "detect/track"\n')
    with pytest.raises(ConfigError, match="a profile changes nothing"):
        Unprofiled(str(preset), calm=True)


def test_both_readings_come_with_every_frame(client: TestClient, studio: Studio, take: Path, profile: Path) -> None:
    folder = studio.session.profiles
    folder.mkdir(parents=True)
    (folder / "somebody.toml").write_bytes(profile.read_bytes())
    with client.websocket_connect(WS) as page:
        page.send_json({"type": "start", "source": str(take), "profile": "somebody", "compare": True, "smooth": False})
        frames, texts = gather(page, "ended")
        assert frames
        for frame in frames:
            assert frame[5] & PLAIN
            plain = np.frombuffer(frame, "<f4", 52, 48 + 4 * (SIGNAL_FLOATS + FACE_FLOATS))
            assert np.isfinite(plain).all()
            assert np.abs(plain - np.frombuffer(frame, "<f4", 52, 48)).max() > 0.05
        marks = [t for t in texts if t["type"] == "marks"][-1]
        assert [m["action_units"] for m in marks["newest"]] == [["AU12"]], "the take's own event, as it is played"
        assert marks["newest"][0]["offset_ms"] == pytest.approx(marks["began_ms"] + 160, abs=300)


def test_an_error_while_frames_are_packed_ends_the_run_with_words(
    client: TestClient, studio: Studio, take: Path, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("the solver is upset")

    monkeypatch.setattr(Unprofiled, "weights", broken)
    studio.session.profiles.mkdir(parents=True)
    (studio.session.profiles / "somebody.toml").write_bytes(profile.read_bytes())
    with client.websocket_connect(WS) as page:
        page.send_json({"type": "start", "source": str(take), "profile": "somebody", "compare": True})
        frames, texts = gather(page, "failed")
        assert not frames
        assert texts[-1]["problem"] == "ValueError: the solver is upset"
        page.send_json({"type": "start", "source": str(take)})
        assert gather(page, "ended")[0], "the next run shows frames"


def test_other_work_is_told_that_its_frames_cannot_be_shown(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no frame of this kind")

    monkeypatch.setattr(frame_packer, "pack_frame", broken)
    studio.hub.pages.add(object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no frame of this kind"), studio.session.showing() as show:
        for record in records(100):
            show(record)
            time.sleep(0.02)


class Slow:
    """Reads for as long as it is let."""

    def __init__(self) -> None:
        self.reading, self.leave = threading.Event(), threading.Event()
        self.closed_while_reading: bool | None = None
        self._busy = False

    def weights(self, record: FrameRecord) -> np.ndarray:
        self._busy = True
        self.reading.set()
        assert self.leave.wait(30)
        self._busy = False
        return np.zeros(52, np.float32)

    def close(self) -> None:
        self.closed_while_reading = self._busy


def test_a_solver_is_closed_only_when_nobody_reads_with_it(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_packer, "_END_S", 0.05)
    slow, published = Slow(), []
    monkeypatch.setattr(studio.session, "give", lambda frame, **_: published.append(frame))
    studio.hub.pages.add(object())  # type: ignore[arg-type]
    packer = FramePacker(studio.session, LiveJudge(), MarkList(watched=False), slow)  # type: ignore[arg-type]
    (record,) = records(1)
    packer.show(record, LiveFace().signal(record))
    assert slow.reading.wait(30)
    packer.close()
    assert slow.closed_while_reading is None, "the frame that is being read keeps it open"
    slow.leave.set()
    deadline = time.monotonic() + 30
    while slow.closed_while_reading is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert slow.closed_while_reading is False
    assert not published, "a frame of a run that has ended is not shown"

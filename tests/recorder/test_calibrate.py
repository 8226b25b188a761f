"""A take of somebody who follows the guide becomes a profile, and the profile is what captures then measure by."""

from __future__ import annotations

import json
import threading
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mien.action_units.guide import GUIDE
from mien.action_units.profile import read_profile
from mien.cli.main import app
from mien.core.geometry import rotation_from_euler
from mien.core.measures import Box, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import ConfigError, RequestError, SourceError
from mien.lab.synth.exercise import performed
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.recorder import Request, capture_to_folder
from mien.recorder.calibrate import CalibrationRequest, calibrate
from mien.recorder.request import resolve
from mien.sinks.parquet import ParquetSink
from mien.sources.portrait_motion import landmarks_at
from mien.take.reader import load_take

NAMES = load_schema("arkit52").names
STEPS = [replace(s, seconds=2.5) for s in GUIDE if s.name in ("neutral", "blink", "smile", "jaw")]
UPRIGHT = np.array([0, 0, 5000.0])


def write_take(folder: Path, *, faces: bool = True) -> Path:
    clip = performed(2, [(s.reaches, s.seconds) for s in STEPS], 10.0)
    sink = ParquetSink(folder=folder)
    sink.open(TakeHeader(SourceInfo("clip.mp4", "video", (640, 640)), created_utc="2026-01-02T03:04:05+00:00"))
    for k, (t, row) in enumerate(zip(clip.times_ns.tolist(), clip.shapes, strict=True)):
        weights = {n: 0.6 * float(w) for n, w in zip(NAMES, row, strict=True) if w > 0 and not n.startswith("eyeLook")}
        xy = landmarks_at(weights, (0.0, 0.0, 0.0), 640)
        box = Box(np.concatenate([xy.min(axis=0), xy.max(axis=0)]).astype(np.float32), 1.0)
        pose = HeadPose(rotation_from_euler(0.0, 0.0, 0.0), UPRIGHT, 0.5, 1.0)
        face = Face(box, 4, landmarks=Landmarks(xy, np.ones(98), load_schema("wflw98")), head_pose=pose)
        sink.write(FrameRecord(Stamp("clip.mp4", k, t), (640, 640), None, (face,) if faces else ()))
    sink.close(TakeSummary("complete", len(clip)))
    return folder


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_take(tmp_path_factory.mktemp("take"))


def test_from_a_take_by_the_command_line_to_a_capture(take: Path, tmp_path: Path) -> None:
    profile, out = tmp_path / "me.toml", tmp_path / "out"
    ran = CliRunner().invoke(app, ["calibrate", str(take / "take.parquet"), "--out", str(profile), "--json"])
    assert ran.exit_code == 0, ran.output
    facts = json.loads(ran.stdout)
    assert facts["frames"] == 100
    assert [Path(p).name for p in facts["outputs"]] == ["me.toml", "me.png"]
    assert facts["shapes"]["jawOpen"]["reach_after"] >= facts["shapes"]["jawOpen"]["reach_before"] - 0.05
    assert tomllib.loads(profile.read_text(encoding="utf-8"))["facts"]["source"] == "clip.mp4"
    options = ["--profile", str(profile), "--set", 'outputs=["parquet"]', "--out", str(out)]
    ran = CliRunner().invoke(app, ["capture", str(take / "take.parquet"), *options])
    assert ran.exit_code == 0, ran.output
    made = load_take(out)
    assert made.header.config["action_units"]["profile"] == "me.toml"
    smiles = [r.faces[0].blendshapes["mouthSmileLeft"] for r in made.records() if r.faces[0].blendshapes is not None]
    assert max(smiles) > 0.5


def test_the_guide_is_followed_from_the_first_frame(take: Path, tmp_path: Path) -> None:
    request = CalibrationRequest(str(take / "take.parquet"), tmp_path / "p.toml", guided=True, guide=STEPS)
    found, files = calibrate(request)
    assert all(f.stat().st_size > 1000 for f in files)
    assert found.profile.facts["guided"] is True
    assert set(found.step.tolist()) == {0, 1, 2, 3}
    assert {"mouthSmileLeft", "mouthSmileRight", "jawOpen"} <= set(found.profile.seen)
    assert found.numbers()["jawOpen"]["reach_after"] > 0.85
    assert found.blinks()["peak_after"] > 0.9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": Path("p.json")}, "is a .toml file"),
        ({"overrides": ('stages=["quality"]',)}, "nothing to calibrate"),
        ({"overrides": ('action_units.profile="x.toml"',)}, "starts without one"),
        ({"overrides": ("action_units.profil=3",)}, "profil"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_runs(
    take: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    request = CalibrationRequest(str(take / "take.parquet"), tmp_path / "p.toml")
    with pytest.raises((RequestError, ConfigError), match=message):
        calibrate(replace(request, **changes))  # type: ignore[arg-type]


def test_without_a_face_or_a_source_nothing_is_written(tmp_path: Path) -> None:
    empty = write_take(tmp_path / "empty", faces=False)
    request = CalibrationRequest(str(empty / "take.parquet"), tmp_path / "p.toml")
    with pytest.raises(RequestError, match="no face was found"):
        calibrate(request)
    with pytest.raises(SourceError):
        calibrate(replace(request, source=str(tmp_path / "none.mp4")))
    assert not (tmp_path / "p.toml").exists()


def test_a_file_that_is_no_profile_is_never_replaced(take: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("mine = true\n", encoding="utf-8")
    with pytest.raises(RequestError, match="is no profile"):
        calibrate(CalibrationRequest(str(take / "take.parquet"), settings))
    assert settings.read_text(encoding="utf-8") == "mine = true\n"


def test_a_profile_that_is_missing_is_said_before_networks_are_loaded(tmp_path: Path) -> None:
    changed = (f'action_units.profile="{(tmp_path / "none.toml").as_posix()}"',)
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        resolve(Request("demo", tmp_path / "out", overrides=changed))


def test_a_profile_of_an_older_format_is_replaced(take: Path, tmp_path: Path) -> None:
    old = tmp_path / "me.toml"
    old.write_text('format = 1\nmodel = "landmarks/older"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="make it anew with mien calibrate"):
        read_profile(old)
    calibrate(CalibrationRequest(str(take / "take.parquet"), old, guided=True, guide=STEPS))
    assert read_profile(old).facts["source"] == "clip.mp4"


@pytest.mark.parametrize(
    "text", ["format = 1\n", "format = true\nmodel = 'a'\n", "format = '1'\nmodel = 'a'\n", "= ", "\0"]
)
def test_what_only_resembles_a_profile_is_not_replaced(take: Path, tmp_path: Path, text: str) -> None:
    other = tmp_path / "other.toml"
    other.write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match="is no profile"):
        calibrate(CalibrationRequest(str(take / "take.parquet"), other))
    assert other.read_text(encoding="utf-8") == text


def test_a_capture_is_not_resumed_with_a_profile_that_was_calibrated_anew(take: Path, tmp_path: Path) -> None:
    profile, out, stop = tmp_path / "me.toml", tmp_path / "out", threading.Event()
    calibrate(CalibrationRequest(str(take / "take.parquet"), profile, guided=True, guide=STEPS))

    class Stopping:
        def started(self, *_: object) -> None: ...

        def frame(self, record: FrameRecord) -> None:
            stop.set()

    told = ('outputs=["parquet"]', f"action_units.profile={json.dumps(str(profile))}")
    request = Request(str(take / "take.parquet"), out, overrides=told)
    assert capture_to_folder(request, stop=stop, watcher=Stopping()).summary.state == "interrupted"  # type: ignore[arg-type]
    before = profile.read_bytes()
    calibrate(CalibrationRequest(str(take / "take.parquet"), profile))
    with pytest.raises(ConfigError, match="another profile of the same name"):
        capture_to_folder(replace(request, resume=True))
    profile.write_bytes(before)
    assert capture_to_folder(replace(request, resume=True)).summary.state == "complete"
    assert len(load_take(out)) == 100


def test_smiles_are_taken_as_they_are_while_watching(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide asks for smiles; a solver that believes them only as far as the mood allows would lose them."""
    asked: list[Any] = []

    def refusing(config: Any, info: object) -> None:
        asked.append(config)
        raise ConfigError("seen enough")

    monkeypatch.setattr("mien.recorder.calibrate.compose", refusing)
    told = ("action_units.mood=true", "action_units.max_yaw_deg=50")
    with pytest.raises(ConfigError, match="seen enough"):
        calibrate(CalibrationRequest(str(take / "take.parquet"), tmp_path / "p.toml", overrides=told))
    assert asked[0]["action_units"]["mood"] is False
    assert asked[0]["action_units"]["max_yaw_deg"] == 50

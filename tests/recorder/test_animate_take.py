"""`mien animate` and `mien render` from end to end; receiving nothing, reaching nobody."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mien.cli.main import main
from mien.pipeline.registry import EXPORTERS
from mien.recorder.export_take import ExportRequest, export_take
from mien.take.reader import load_take

SAID = "surprise 0.8 at 0.1, micro fear 0.4 at 0.6, then neutral"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    def call(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, arguments)])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return call


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mien.animate.script import parse_say
    from mien.recorder.animate import AnimateRequest, animate

    folder = tmp_path_factory.mktemp("acted") / "take"
    animate(AnimateRequest(parse_say(SAID, seed=2, fps=12.0), "said", folder))
    return folder


def test_a_performance_is_a_take_that_every_exporter_takes(take: Path, tmp_path: Path) -> None:
    whole = load_take(take)
    assert whole.summary.state == "complete"
    assert whole.header.models[0].startswith("expression-graph-")
    assert whole.header.config["script"]["seed"] == 2
    emotions = {e.emotion for r in whole.records() for e in r.events if e.kind != "blink"}
    assert emotions == {"surprise", "fear"}
    names = [n for n in EXPORTERS if n != "usd"]
    made = export_take(ExportRequest(take, names, tmp_path))
    assert len(made) >= len(names)
    assert all(p.stat().st_size > 100 for p in made)


def test_laid_over_a_take_and_what_is_in_the_way(run, take: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "over"
    assert run("animate", "--say", "AU12 0.8 at 0.2 for 0.6", "--over", take, "--out", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    before, after = load_take(take), load_take(out)
    assert told["frames"] == len(before) == len(after)
    smile = [r.faces[0].blendshapes["mouthSmileLeft"] for r in after.records()]  # type: ignore[index]
    assert max(smile) > 0.3
    assert run("animate", "--say", "happy", "--out", out) == 2
    assert "--resume" not in capsys.readouterr().err
    assert run("animate", "--say", "happy", "--over", out, "--out", out, "--overwrite") == 2
    assert run("animate", "--say", "happy", "--over", take, "--face", 9, "--out", tmp_path / "x") == 2
    assert "faces: 1" in capsys.readouterr().err
    assert run("animate", "--out", tmp_path / "x") == 2
    assert run("animate", "--say", "happy") == 2
    assert not (tmp_path / "x").exists()


def test_the_folder_may_be_called_as_what_was_said(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("animate", "--say", "happy", "--seconds", 0.5, "--fps", 12, "--out", "said") == 0
    (tmp_path / "take.parquet").write_text("seconds = 0.5\nfps = 12.0\n[[event]]\nexpression = 'happiness'\n")
    assert run("animate", "take.parquet", "--out", ".") == 2, "a script is not overwritten"
    (tmp_path / "take.parquet").rename(tmp_path / "said.toml")
    assert run("animate", "said.toml", "--out", "other") == 0
    assert {len(load_take(tmp_path / name)) for name in ("said", "other")} == {6}


def test_a_video_a_still_and_what_is_in_the_way(run, take: Path, tmp_path: Path, capsys) -> None:
    video, still = tmp_path / "v.mp4", tmp_path / "s.png"
    assert run("render", take, "--out", video, "--size", "96x97", "--json") == 0
    frames = len(load_take(take))
    assert json.loads(capsys.readouterr().out)["frames"] == frames
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (96, 96)
        times = [float(f.time) for f in container.decode(stream)]
    stamps = [r.stamp.t_ns / 1e9 for r in load_take(take).records()]
    np.testing.assert_allclose(times[:frames], stamps, atol=1e-3)
    assert run("render", take, "-o", still, "--at", 0.5, "--size", "128x128") == 0
    with Image.open(still) as picture:
        assert picture.size == (128, 128)
        assert np.asarray(picture).std() > 20
    for wrong in (
        (take, "-o", video),
        (take, "-o", tmp_path / "v.avi"),
        (take, "-o", tmp_path / "n.png"),
        (take, "-o", tmp_path / "n.mp4", "--size", "9x9"),
        (take, "-o", tmp_path / "n.mp4", "--size", "big"),
        (take, "-o", tmp_path / "n.mp4", "--face", "8"),
        (take, "-o", tmp_path / "n.mp4", "--profile", "p.toml"),
    ):
        assert run("render", *wrong) == 2, wrong
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.png", "v.mp4"]


def test_receiving_nothing_is_an_error_and_leaves_no_take(run, tmp_path: Path, capsys) -> None:
    from mien.sinks.live.udp import port_of, udp_socket

    with udp_socket("127.0.0.1", 0, listen=True) as probe:
        port = port_of(probe)
    out = tmp_path / "phone"
    assert run("receive", f"livelink://127.0.0.1:{port}", "--out", out, "--seconds", 0.3) == 1
    assert "nothing came" in capsys.readouterr().err
    assert not (out / "take.parquet").exists()
    assert run("receive", f"livelink://127.0.0.1:{port}", "--out", out, "--seconds", 0.3) == 1, "it can be tried again"


def test_receive_never_suggests_to_resume(run, take: Path, capsys) -> None:
    assert run("receive", "livelink://127.0.0.1:0", "--out", take) == 2
    assert run("receive", "livelink://127.0.0.1:41997", "--out", take, "--seconds", 0.3) == 2
    err = capsys.readouterr().err
    assert "--overwrite" in err
    assert "--resume" not in err


def test_a_live_run_that_reaches_nobody_fails(run, take: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "plain.toml").write_text('description = "nothing"\nstages = []\noutputs = []\n')
    monkeypatch.chdir(tmp_path)
    from mien.sinks.live.udp import port_of, udp_socket

    with udp_socket("127.0.0.1", 0, listen=True) as probe:
        port = port_of(probe)
    address = f"ws://127.0.0.1:{port}"
    assert run("live", take / "take.parquet", "--to", address, "--preset", "plain.toml", "--seconds", 0.4) == 1
    assert "no receiver got a single frame" in capsys.readouterr().err

"""What long work says where standard error is no terminal: something at once, and a line every few seconds."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mien.cli.main import app
from mien.cli.steps import StepProgress
from mien.recorder import render


def test_it_speaks_before_the_first_step_and_on_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    with StepProgress("Drawing a.mp4", "frames", every_s=0.0) as progress:
        progress.opening("reading the take")
        for done in (1, 2, 3):
            progress.reached(done, 3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Drawing a.mp4: reading the take ..."
    assert lines[1] == "Drawing a.mp4: 3 frames"
    assert [line.split(",")[0] for line in lines[2:]] == ["  1/3 frames", "  2/3 frames", "  3/3 frames"]


def test_render_tells_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(request: object, stop: object, told: object) -> int:
        for done in (1, 2):
            told(done, 2)  # type: ignore[operator]
        return 2

    monkeypatch.setattr(render, "render", slow)
    monkeypatch.setattr("mien.cli.render._EVERY_S", 0.0)
    said = CliRunner().invoke(app, ["render", str(tmp_path), "-o", "o.mp4"]).stderr
    assert "1/2 frames" in said
    assert "2/2 frames" in said


def test_receive_says_that_it_connects_where_it_does(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["receive", "ws://127.0.0.1:9", "--out", str(tmp_path / "o")]).stderr
    assert said.startswith("Connecting to ws://127.0.0.1:9")
    assert "Listening" not in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("command", [["capture", "gone.mp4", "--out", "o"], ["live", "gone.mp4", "--to", "vmc://"]])
def test_what_loads_networks_says_so_before_anything_else(command: list[str], tmp_path: Path) -> None:
    command = [str(tmp_path / "o") if word == "o" else word for word in command]
    assert CliRunner().invoke(app, command).stderr.startswith("Loading networks ...\n")

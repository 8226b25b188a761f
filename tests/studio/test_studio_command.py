"""`mien studio` before the server runs: which folder, which take, and what is said when it cannot start."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from mien.cli import studio as command
from mien.cli.main import main
from mien.errors import RequestError, SinkError
from mien.studio import page as page_module
from mien.studio.serve import ServeRequest, room_of, serve


def test_a_take_opens_in_the_folder_it_lies_in(takes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = command._places
    assert places(takes) == (takes, None)
    assert places(takes / "one") == (takes, takes / "one")
    assert places(takes / "one" / "take.parquet") == (takes, takes / "one")
    monkeypatch.chdir(tmp_path)
    assert places(None) == (Path(), None)
    (tmp_path / "out").mkdir()
    assert places(None) == (Path("out"), None)
    with pytest.raises(RequestError, match="no such take"):
        places(tmp_path / "nothing")


def test_a_studio_of_a_take_opens_in_the_editor(tmp_path: Path) -> None:
    assert room_of(ServeRequest(tmp_path)) == ""
    assert room_of(ServeRequest(tmp_path, tmp_path / "my take" / "ä")) == "#/takes/my%20take%2F%C3%A4"
    assert room_of(ServeRequest(tmp_path, tmp_path)) == "#/takes/."
    assert room_of(ServeRequest(tmp_path / "one", tmp_path)) == ""


def test_pages_that_are_not_built_are_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "files", lambda _: tmp_path)
    with pytest.raises(RequestError, match="make viewer"):
        serve(ServeRequest(tmp_path), lambda _: None)


def test_a_port_that_is_taken_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<html></html>")
    monkeypatch.setattr(page_module, "files", lambda _: tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SinkError, match=f"{port} cannot be listened at"):
            serve(ServeRequest(tmp_path, port=port), lambda _: None)


def test_live_in_the_studio_takes_no_options_that_the_page_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mien", "live", "demo", "--studio", "--seconds", "3"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "choose everything else in the page" in capsys.readouterr().err

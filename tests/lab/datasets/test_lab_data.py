"""`mien lab data` from the command line: what is printed, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_copies import BUILDERS, picture
from typer.testing import CliRunner

from mien.cli.lab import lab
from mien.errors import RequestError
from mien.lab.datasets.catalogue import catalogue


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(lab, [str(a) for a in arguments])
    if isinstance(result.exception, RequestError):
        raise result.exception  # which `main` turns into exit code 2
    return result.exit_code, result.stdout


def test_list() -> None:
    code, out = run("data", "list")
    assert code == 0
    assert "casme-ii: CASME II" in out
    assert f"{len(catalogue())} datasets" in out
    table = json.loads(run("data", "list", "--json")[1])
    assert {d["name"] for d in table["datasets"]} == set(catalogue())


def test_a_sound_copy(tmp_path: Path) -> None:
    BUILDERS["folder"](tmp_path)
    code, out = run("data", "check", "folder", tmp_path)
    assert code == 0
    assert "folder: 3 samples" in out
    assert "No problems found." in out
    assert out.splitlines()[1].split() == ["class", "train", "val"]


def test_a_copy_with_problems(tmp_path: Path) -> None:
    BUILDERS["samm"](tmp_path)
    code, out = run("data", "check", "samm", tmp_path)
    assert code == 1
    assert "problem: wrong count (2 times): total: expected 159, found 2 (-157); subjects: expected 29" in out
    code, out = run("data", "check", "SAMM", tmp_path, "--json")
    assert code == 1
    report = json.loads(out)
    assert report["ok"] is False
    assert report["counts"] == {"all": {"anger": 1, "others": 1}}
    assert report["findings"][0]["state"] == "problem"


def test_action_units_are_counted(tmp_path: Path) -> None:
    BUILDERS["bp4d"](tmp_path)
    out = run("data", "check", "bp4d", tmp_path)[1]
    rows = [line.split() for line in out.splitlines()]
    place = rows.index(["unit", "present", "in", "fold1", "fold2"])
    assert rows[place + 1 : place + 4] == [["AU2", "8", "8"], ["AU6", "8", "8"], ["AU12", "8", "8"]]
    report = json.loads(run("data", "check", "bp4d", tmp_path, "--json")[1])
    assert report["action_units"]["fold1"] == {"AU2": 8, "AU6": 8, "AU12": 8}


def test_a_wrong_request(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no dataset"):
        run("data", "check", "nonsense", tmp_path)
    with pytest.raises(RequestError, match="No such file"):
        run("data", "check", "samm", tmp_path / "nothing")


def test_images_says_how_many_are_decoded(tmp_path: Path) -> None:
    for i in range(70):
        picture(tmp_path / f"happy/{i}.png")
    assert json.loads(run("data", "check", "folder", tmp_path, "--json")[1])["decoded"] == 64
    for wanted, decoded in ((0, 70), (5, 5)):
        out = run("data", "check", "folder", tmp_path, "--json", "--images", wanted)[1]
        assert json.loads(out)["decoded"] == decoded


def test_the_command_does_not_import_the_laboratory() -> None:
    code = "import mien.cli.lab, sys; print([m for m in sys.modules if m.startswith('mien.lab') or m == 'torch'])"
    run_it = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run_it.stdout.strip() == "[]"

"""`make` finds out by itself what is wrong with a Python or an environment, and says or mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    variables = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *args], cwd=folder, env=variables, capture_output=True, text=True, check=False)


def old_python(folder: Path, version: str) -> Path:
    """A program that answers as a Python of that version would: no to the question whether it fits."""
    path = folder / "python-of-another-time"
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}" && exit 0\nexit 1\n')
    path.chmod(0o755)
    return path


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    run = make(tmp_path, "venv", "PYTHON=/nonexistent")
    assert run.returncode != 0
    assert "PYTHON=/nonexistent: there is no such program" in run.stderr


@pytest.mark.parametrize("version", ["3.10.14", "3.13.1"])
def test_a_python_of_another_version_is_refused(tmp_path: Path, version: str) -> None:
    run = make(tmp_path, "venv", f"PYTHON={old_python(tmp_path, version)}")
    assert run.returncode != 0
    assert f"is Python {version}" in run.stderr
    assert "3.11 or 3.12" in run.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_half_made_environment_is_made_anew_and_a_whole_one_is_kept(tmp_path: Path) -> None:
    """Without pip it is as an interrupted `python -m venv` leaves it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    (tmp_path / ".venv" / "half").touch()
    run = make(tmp_path, "venv", f"PYTHON={sys.executable}")
    assert run.returncode == 0, run.stderr
    assert "making .venv" in run.stdout
    assert not (tmp_path / ".venv" / "half").exists()
    (tmp_path / ".venv" / "whole").touch()
    assert make(tmp_path, "venv").stdout == ""
    assert (tmp_path / ".venv" / "whole").exists()
    python = tmp_path / ".venv" / "bin" / "python"
    python.unlink()
    shutil.move(old_python(tmp_path, "3.13.1"), python)
    assert make(tmp_path, "venv", f"PYTHON={sys.executable}").returncode == 0
    assert not (tmp_path / ".venv" / "whole").exists()

"""One capture at a time in a folder, and a lock that dies with its process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mien.errors import RequestError
from mien.take import folder_lock
from mien.take.folder_lock import LOCK_FILE, locked

HOLD = "import sys, pathlib\nfrom mien.take.folder_lock import locked\nwith locked(pathlib.Path(sys.argv[1])):\n"


def held_elsewhere(folder: Path, then: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD + then, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    process = held_elsewhere(tmp_path, "    print('held', flush=True); input()")
    with (
        pytest.raises(RequestError, match=rf"process {process.pid}\) is writing into .*{tmp_path.name}"),
        locked(tmp_path),
    ):
        pytest.fail("two hold it")
    process.communicate("\n")
    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"
        with pytest.raises(RequestError, match="another capture"), locked(tmp_path):
            pytest.fail("two in one process hold it")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_left_by_a_killed_process_is_nobodys(tmp_path: Path) -> None:
    process = held_elsewhere(tmp_path, "    print('held', flush=True); input()")
    process.kill()
    process.communicate()
    assert (tmp_path / LOCK_FILE).exists()
    with locked(tmp_path):
        pass


def test_an_error_inside_releases_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass


def test_where_files_cannot_be_locked_the_process_number_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(handle: int) -> None:
        raise OSError(folder_lock.errno.ENOLCK, "no locks here")

    monkeypatch.setattr(folder_lock, "_lock", unsupported)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / LOCK_FILE).write_text(f"{dead.pid}\n")
    with locked(tmp_path), pytest.raises(RequestError, match=f"process {os.getpid()}"), locked(tmp_path):
        pytest.fail("two hold it")

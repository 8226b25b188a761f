"""What the tests in a real Chromium share: a studio of their own, and the scripts of viewer/tests."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mien.errors import RequestError
from mien.studio.page import page_folder

ROOT = Path(__file__).parents[2]


def missing() -> str | None:
    """Why a test in a browser cannot run here."""
    try:
        page_folder()
    except RequestError as error:
        return str(error)
    if shutil.which("node") is None or not (ROOT / "viewer" / "node_modules" / "playwright-core").is_dir():
        return "Node.js or playwright-core is missing: run `make viewer`"
    return None if chromium() else "there is no Chromium: install it (Debian: apt-get install chromium)"


def chromium() -> str | None:
    """A browser that is there already; nothing is downloaded."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def served(takes: Path) -> Iterator[str]:
    """The address of a studio over a folder of takes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mien.cli.main", "studio", str(takes), "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not _listens(port):
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(30)


def played(script: str, *arguments: str) -> dict[str, Any]:
    """What a script of viewer/tests saw; it must have come to its end without an error of the page."""
    done = subprocess.run(
        ["node", str(ROOT / "viewer" / "tests" / script), *arguments],
        capture_output=True, text=True, timeout=570, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert seen["failure"] is None, seen["failure"]
    assert seen["errors"] == []
    return seen


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0

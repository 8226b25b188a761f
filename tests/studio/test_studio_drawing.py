"""How often and how finely the pages draw, and morph targets that the page plays: tests of viewer/tests, in Node.js."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

VIEWER = Path(__file__).parents[2] / "viewer"


@pytest.mark.skipif(
    shutil.which("node") is None or not (VIEWER / "node_modules" / "vite").is_dir(),
    reason="Node.js or Vite is missing: run `make viewer`",
)
def test_drawing() -> None:
    done = subprocess.run(
        ["node", "--test", "tests/drawing.test.mjs"],
        cwd=VIEWER, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

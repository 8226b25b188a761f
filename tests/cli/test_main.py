"""The entry point, before any command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SAYS = """
import os, sys
import mien.cli.main as entry
assert "numpy" not in sys.modules
entry.app = lambda: print(os.environ.get("OPENBLAS_NUM_THREADS"))
entry.main()
"""


@pytest.mark.parametrize(
    ("words", "before", "after"), [(["studio"], None, "1"), (["live"], "2", "2"), (["lab", "train"], None, "None")]
)
def test_one_thread_multiplies_small_matrices(words: list[str], before: str | None, after: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    if before is not None:
        environment["OPENBLAS_NUM_THREADS"] = before
    done = subprocess.run(
        [sys.executable, "-c", _SAYS, *words], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == after

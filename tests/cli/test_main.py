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


_ALL = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")


@pytest.mark.parametrize(
    ("words", "said", "after"),
    [
        (["studio"], {}, "1"),
        (["live"], {"OPENBLAS_NUM_THREADS": "2"}, "2"),
        (["live"], {"GOTO_NUM_THREADS": "2"}, "None"),
        (["live"], {"OMP_NUM_THREADS": "2"}, "None"),
        (["lab", "train"], {}, "None"),
    ],
)
def test_one_thread_multiplies_small_matrices_unless_the_user_says_otherwise(
    words: list[str], said: dict[str, str], after: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in _ALL} | said
    done = subprocess.run(
        [sys.executable, "-c", _SAYS, *words], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == after

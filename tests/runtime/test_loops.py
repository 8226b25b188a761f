"""Loops compiled by Numba work where nothing can be kept, and load nothing that others may have written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import caching

from mien.runtime.loops import loop

_FINDER = vars(caching).get("CacheImpl") or vars(caching)["_CacheImpl"]  # Numba has renamed it
_NOWHERE = """
from numba.core import caching
(vars(caching).get("CacheImpl") or vars(caching)["_CacheImpl"])._locator_classes = []
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def _twice(values: np.ndarray) -> None:
    for i in range(len(values)):
        values[i] *= 2


def _works(options: dict[str, bool]) -> object:
    made, values = loop(**options)(_twice), np.ones(3)
    made(values)
    assert values.tolist() == [2, 2, 2]
    return made._cache


def test_where_nothing_can_be_kept_it_is_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_FINDER, "_locator_classes", [])
    assert isinstance(_works({"nogil": True}), caching.NullCache)


def test_the_built_in_clip_and_the_preview_open_where_nothing_can_be_kept() -> None:
    modules = ["mien.sources.portrait_render", "mien.avatar.raster"]
    environment = {**os.environ, "NUMBA_CACHE_LOCATOR_CLASSES": ""}
    subprocess.run([sys.executable, "-c", _NOWHERE, *modules], env=environment, check=True)


def test_all_loops_are_made_here() -> None:
    import mien

    root = Path(mien.__file__).parent
    users = [p for p in root.rglob("*.py") if "njit" in p.read_text(encoding="utf-8")]
    assert [p.relative_to(root).as_posix() for p in users] == ["runtime/loops.py"]


@pytest.mark.skipif(
    os.name != "posix", reason="only POSIX has modes that say who may write; elsewhere nothing is checked"
)
@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_a_folder_that_others_may_write_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    monkeypatch.setattr(caching.config, "CACHE_DIR", str(tmp_path))
    _works({})
    (folder,) = tmp_path.iterdir()
    folder.chmod(mode)
    assert isinstance(_works({}), caching.NullCache) == (mode == 0o777)

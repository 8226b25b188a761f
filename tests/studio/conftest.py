"""A studio with two takes and without pages, and a client that speaks to it as its own page does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from small_takes import write_take

pytest.importorskip("fastapi", reason="the extra studio is not installed")
pytest.importorskip("httpx2", reason="the extra dev is not installed")

from starlette.testclient import TestClient

from mien.studio.app import create_app
from mien.studio.guard import Rules
from mien.studio.studio import Studio

ADDRESS = "http://127.0.0.1:8300"


@pytest.fixture(scope="session")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the takes "one" and "deep/two"; for reading."""
    folder = tmp_path_factory.mktemp("takes")
    write_take(folder / "one", 25)
    write_take(folder / "deep" / "two", 12, gaps=(3,))
    return folder


@pytest.fixture
def studio(takes: Path, tmp_path: Path) -> Studio:
    """A studio in a folder of its own with the take "one"."""
    import shutil

    shutil.copytree(takes / "one", tmp_path / "one")
    return Studio(tmp_path)


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    with TestClient(create_app(studio, Rules(), None), base_url=ADDRESS) as one:
        yield one

"""Fixtures: the tiny model, and folders that hold it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_model import facts, tiny_onnx


@pytest.fixture(scope="session")
def tiny_model() -> bytes:
    return tiny_onnx()


@pytest.fixture
def make_folder(tmp_path: Path, tiny_model: bytes) -> Callable[..., Path]:
    """A function that makes a model folder with a valid card."""

    def make(name: str = "tiny", **changes: Any) -> Path:
        from mien.runtime.store import write_card

        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.onnx").write_bytes(tiny_model)
        write_card(folder, facts(name=name, **changes))
        return folder

    return make

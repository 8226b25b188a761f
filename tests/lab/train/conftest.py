"""Data that several training tests learn from."""

from pathlib import Path

import pytest
from made_up_expressions import write_faces


@pytest.fixture(scope="module")
def striped_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of made-up faces for `folder:` datasets."""
    root = tmp_path_factory.mktemp("faces")
    write_faces(root)
    return root


@pytest.fixture
def recipe(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The `RECIPE` of the module that asks, as a file of its own."""
    path = tmp_path / "recipe.toml"
    path.write_text(request.module.RECIPE)
    return path

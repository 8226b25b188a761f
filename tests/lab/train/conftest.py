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

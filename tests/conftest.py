"""Fixtures for all rooms."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("mien", deadline=None)  # how long an example takes is the machine's matter
settings.load_profile("mien")
# Compiled networks are the tests' own, and tests that start programs find those of the tests before.
os.environ.setdefault("MIEN_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "networks"))


@pytest.fixture(scope="session")
def disc_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the networks of `disc_networks`."""
    from disc_networks import write_all

    return write_all(tmp_path_factory.mktemp("disc_models"))

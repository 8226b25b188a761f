"""Fixtures for all rooms."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("mien", deadline=None)  # how long an example takes is the machine's matter
settings.load_profile("mien")


@pytest.fixture(scope="session")
def disc_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the networks of `disc_networks`."""
    from disc_networks import write_all

    return write_all(tmp_path_factory.mktemp("disc_models"))

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conda_channel import write_small_channel, write_subset


@pytest.fixture(scope="session")
def subset(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a channel with the metadata of real packages."""
    return write_subset(tmp_path_factory.mktemp("subset")).as_uri()


@pytest.fixture(scope="session")
def small_channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel with archives. Not to be changed."""
    return write_small_channel(tmp_path_factory.mktemp("small"))

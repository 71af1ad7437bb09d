from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.domain.resolver import Context
from tests.resolve.mixed.mixing import write_channel
from tests.resolve.pypi.resolving import context
from tests.support.index_server import IndexServer


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of the channel."""
    return write_channel(tmp_path_factory.mktemp("channel") / "conda-forge")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Context:
    """On a machine of linux-64, and trusted: nothing is built all the same."""
    return context(tmp_path, local_arch="linux-64", trusted=True)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.resolve.conda import access
from tests.support.conda_channel import (
    PYTHON,
    ChannelServer,
    package,
    repodata_of,
    write_repodata,
    write_small_channel,
    write_subset,
)


@pytest.fixture(scope="session")
def subset(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a channel with the metadata of real packages."""
    return write_subset(tmp_path_factory.mktemp("subset")).as_uri()


@pytest.fixture(scope="session")
def small_channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel with archives. Not to be changed."""
    return write_small_channel(tmp_path_factory.mktemp("small"))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ChannelServer]:
    """With one channel, `team`, which is the test's own to change."""
    write_repodata(tmp_path / "channels" / "team", repodata_of(package("a", "1"), *PYTHON), compressed=True)
    with ChannelServer(tmp_path / "channels") as server:
        yield server


@pytest.fixture
def channel(served: ChannelServer) -> str:
    return f"{served.url}/team"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's error is not waited out."""
    monkeypatch.setattr(access, "_ATTEMPTS_AGAIN", 0)

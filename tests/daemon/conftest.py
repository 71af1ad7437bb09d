from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mfenvd.daemon.journal import Journal
from tests.daemon.harness import Daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Not started yet."""
    one = Daemon(tmp_path / "home")
    yield one
    one.end()


@pytest.fixture
def running(daemon: Daemon) -> Daemon:
    assert daemon.start() == f"ok {daemon.pid}"
    return daemon


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder.resolve()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    one = Journal(tmp_path / "journal.sqlite")
    await one.open()
    yield one
    await one.close()

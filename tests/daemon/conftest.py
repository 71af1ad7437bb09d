from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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

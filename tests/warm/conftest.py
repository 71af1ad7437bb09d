from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.metaflow_world import World, metaflow_world
from tests.warm.releases import RELEASES, python_with_metaflow


@pytest.fixture(scope="session", params=("installed", *RELEASES))
def metaflow_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with each release of Metaflow in turn."""
    if request.param == "installed":
        return sys.executable
    # Shared by the processes of one test run, and kept by uv's cache for the next.
    return python_with_metaflow(request.param, tmp_path_factory.getbasetemp().parent)


@pytest.fixture(scope="package")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One channel and one index for all tests of the room."""
    with metaflow_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def world(shared_world: World, tmp_path: Path) -> World:
    """A machine of its own, with the shared channel and index."""
    return World(tmp_path, shared_world.channel, shared_world.index)

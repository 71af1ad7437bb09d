from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.warm.building import extracted_folder
from tests.support.conda_python import python_archive
from tests.support.metaflow_world import LOCAL, World, metaflow_world
from tests.support.real_daemon import RealDaemon, real_daemon
from tests.warm.laid_out import conda_package, environments
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


@pytest.fixture(scope="package")
def extracted_python(shared_world: World) -> Path:
    """mfenv's folder of extracted conda packages with python, the largest of them by far."""
    python = conda_package(f"{shared_world.channel.url}/{LOCAL}/{python_archive(LOCAL).filename}")
    environments(shared_world).fetch(LOCAL, (python,), ())
    return extracted_folder(shared_world.root / "cache")


@pytest.fixture
def world(shared_world: World, extracted_python: Path, tmp_path: Path) -> World:
    """A machine of its own, with the shared channel and index, where python was extracted before."""
    shutil.copytree(extracted_python, extracted_folder(tmp_path / "cache"), symlinks=True, copy_function=_linked)
    return World(tmp_path, shared_world.channel, shared_world.index)


@pytest.fixture
def mfenvd(world: World, tmp_path: Path) -> Iterator[RealDaemon]:
    """A daemon that runs, and a project with nothing in it."""
    world.forget()
    for path in world.project.glob("*.*"):
        path.unlink()
    with real_daemon(tmp_path / "mfenv") as one:
        yield one


def _linked(source: str, target: str) -> None:
    """Links what stays as it is, and copies what says how a package is used."""
    copy = shutil.copy2 if source.endswith(".lock") else os.link
    copy(source, target)

"""Projects in temporary folders, read on pretended machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.host import Host
from mfenvd.flows.project_reader import ProjectReader
from mfenvd.paths import Paths, find_paths
from tests.flows.project.projects import Open

LINUX = Host(Arch.LINUX_64, "3.11.7", glibc="2.36")
MAC = Host(Arch.OSX_ARM64, "3.11.7", macos="14.5")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> Paths:
    return find_paths({"MFENV_HOME": str(tmp_path / "mfenv")})


@pytest.fixture
def linux() -> Host:
    return LINUX


@pytest.fixture
def mac() -> Host:
    return MAC


@pytest.fixture
def shell(root: Path, tmp_path: Path) -> Surroundings:
    return Surroundings(cwd=str(root), environ={"HOME": str(tmp_path / "home")}, python="3.11.7")


@pytest.fixture
def open_project(root: Path, shell: Surroundings, folders: Paths) -> Open:
    def open_(host: Host = MAC, **options: object) -> ProjectReader:
        return ProjectReader(root, shell, folders, host=host, **options)  # type: ignore[arg-type]

    return open_

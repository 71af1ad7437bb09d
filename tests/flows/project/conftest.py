"""Projects in temporary folders, read on pretended machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.flows.host import Host
from mfenvd.paths import Paths, find_paths

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

"""The matrix behind `mfenv wheels`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.specifiers import InvalidSpecifier

from mfenvd.domain.arch import Arch
from mfenvd.domain.availability import Cell, PythonWheel
from mfenvd.resolve.index.client import IndexClient
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.errors import NoSuchPackage
from mfenvd.resolve.wheels import availability
from tests.support.index_server import IndexServer
from tests.support.wheels import sdist, wheel


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add(
            wheel("demo", "1.0", requires_python=">=3.9,<3.13"),
            wheel("demo", "2.0", "cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64"),
            wheel("demo", "2.0", "cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64"),
            wheel("demo", "2.0", "cp311-cp311-manylinux_2_34_x86_64"),
            wheel("demo", "2.0", "cp311-cp311-musllinux_1_2_aarch64"),
            wheel("demo", "2.0", "cp313-cp313t-macosx_11_0_universal2"),
            wheel("demo", "2.0", "cp312-abi3-macosx_14_0_arm64"),
            wheel("demo", "2.0", "cp37-cp37m-win_amd64"),
            sdist("demo", "2.0"),
            sdist("demo", "3.0rc1"),
        )
        server.add(wheel("demo", "1.5"), yanked="broken")
        yield server


@pytest.fixture
def client(index: IndexServer, tmp_path: Path) -> Iterator[IndexClient]:
    with IndexClient(IndexConfiguration(index.url), tmp_path) as made:
        yield made


def test_rows_are_versions_newest_first(client: IndexClient) -> None:
    found = availability("Demo", None, client)
    assert found.name == "demo"
    assert [row.version for row in found.rows] == ["3.0rc1", "2.0", "1.5", "1.0"]
    assert [row.sdist for row in found.rows] == [True, True, False, False]
    assert [row.pure for row in found.rows] == [False, False, True, True]
    assert [row.prerelease for row in found.rows] == [True, False, False, False]
    assert [row.yanked for row in found.rows] == [None, None, "broken", None]
    assert [row.requires_python for row in found.rows] == [None, None, None, ">=3.9,<3.13"]


def test_cells_say_for_each_python_what_its_wheels_ask_for(client: IndexClient) -> None:
    (row,) = availability("demo", "==2.0", client).rows
    assert row.cells == (
        Cell(Arch.LINUX_64, (PythonWheel("3.10", "2.17"), PythonWheel("3.11", "2.27")), glibc="2.17"),
        Cell(Arch.LINUX_AARCH64),
        Cell(Arch.OSX_64, (PythonWheel("3.13t", macos="11.0"),), macos="11.0"),
        Cell(
            Arch.OSX_ARM64,
            (
                PythonWheel("3.12", macos="14.0"),
                PythonWheel("3.13", macos="14.0"),
                PythonWheel("3.13t", macos="11.0"),
                PythonWheel("3.14", macos="14.0"),
            ),
            macos="11.0",
        ),
        Cell(Arch.WIN_64, (PythonWheel("3.7"),)),
    )


def test_a_pure_wheel_serves_every_arch_for_the_pythons_that_it_admits(client: IndexClient) -> None:
    (row,) = availability("demo", "==1.0", client).rows
    pythons = tuple(PythonWheel(python) for python in ("3.9", "3.10", "3.11", "3.12"))
    assert row.cells == tuple(Cell(arch, pythons) for arch in Arch)


def test_rows_are_limited_and_the_rest_is_counted(client: IndexClient) -> None:
    found = availability("demo", ">=1.0", client, limit=2)
    assert [row.version for row in found.rows] == ["3.0rc1", "2.0"]
    assert found.versions == 4
    assert len(availability("demo", None, client, limit=None).rows) == 4
    assert availability("demo", "==9", client).rows == ()


def test_what_cannot_be_asked_for_is_an_error(client: IndexClient) -> None:
    with pytest.raises(InvalidSpecifier):
        availability("demo", "2.0", client)
    with pytest.raises(NoSuchPackage):
        availability("missing", None, client)

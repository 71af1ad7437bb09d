"""The same answers from the default package index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from requests import Response

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Indexes
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.resolve.explain import Axis, archs_with_wheels, nearest_version, rejections
from mfenvd.resolve.index.client import IndexClient
from mfenvd.resolve.index.configuration import configuration
from mfenvd.resolve.index.errors import NoSuchPackage
from mfenvd.resolve.index.transport import LateTransport
from mfenvd.resolve.wheels import availability

pytestmark = pytest.mark.real_index


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexClient]:
    """As this machine's pip is configured: that is how the default index is reached here."""
    cwd = Path.cwd()
    surroundings = Surroundings(cwd=str(cwd), environ=Surroundings.relevant(os.environ))
    config = configuration(Indexes(), surroundings, cwd)
    with IndexClient(config, tmp_path_factory.mktemp("cache"), surroundings.environ) as made:
        yield made


def test_six_has_a_wheel_for_everything(client: IndexClient) -> None:
    files = client.files("six")
    newest = max(file.parsed_version for file in files)
    assert archs_with_wheels(file for file in files if file.parsed_version == newest) == tuple(Arch)
    wheel = next(file for file in files if file.filename == "six-1.16.0-py2.py3-none-any.whl")
    assert wheel.sha256 == "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
    metadata = client.metadata(wheel)
    assert (metadata.name, metadata.version, metadata.requires) == ("six", "1.16.0", ())


def test_torch_left_the_intel_mac_at_2_2_2(client: IndexClient) -> None:
    target = Target(Arch.OSX_64, "3.11", macos="13.0")
    files = client.files("torch")
    assert nearest_version(files, None, target) == "2.2.2"
    assert nearest_version(files, ">=2.3", target) == "2.2.2"
    reasons = rejections((file for file in files if file.version == "2.4.0"), target)
    assert {Axis.ARCH, Axis.OS} <= {axis for reason in reasons for axis in reason.axes}


def test_numpy_needs_a_newer_glibc_than_amazon_linux_2_has(client: IndexClient) -> None:
    target = Target(Arch.LINUX_64, "3.11", glibc="2.26")
    assert nearest_version(client.files("numpy"), None, target) == "2.2.6"
    (row,) = availability("numpy", "==2.3.0", client).rows
    cells = {cell.arch: cell for cell in row.cells}
    assert cells[Arch.LINUX_64].glibc == "2.28"
    assert "3.11" in [wheel.python for wheel in cells[Arch.OSX_ARM64].pythons]


def test_a_wheels_metadata_comes_without_the_wheel(client: IndexClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Response] = []
    get = LateTransport.get

    def noted(transport: LateTransport, url: str, **options: Any) -> Response:
        answers.append(get(transport, url, **options))
        return answers[-1]

    wheel = next(
        file
        for file in client.files("torch")
        if file.version == "2.2.2" and file.filename.endswith("cp311-cp311-manylinux1_x86_64.whl")
    )
    monkeypatch.setattr(LateTransport, "get", noted)
    requires = client.metadata(wheel).requires
    assert any(entry.startswith("nvidia-cublas-cu12") for entry in requires)
    assert answers
    assert all(answer.status_code == 206 or answer.url.endswith(".metadata") for answer in answers)


def test_a_name_that_nobody_uses_does_not_exist(client: IndexClient) -> None:
    with pytest.raises(NoSuchPackage):
        client.files("mfenv-has-no-such-package-for-tests")

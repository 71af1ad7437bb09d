"""The indexes as one target sees them."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.version import Version

from mfenvd.domain.request import PypiPart
from mfenvd.domain.resolver import Context
from mfenvd.resolve.index.client import IndexClient
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.mixed.target_index import TargetIndex
from mfenvd.resolve.pypi.asked import asked_on
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.standins import Installed
from tests.resolve.mixed.mixing import LINUX
from tests.support.index_server import IndexServer
from tests.support.wheels import sdist, wheel


@contextmanager
def seen(server: IndexServer, project: Context, part: PypiPart, installed: dict[str, str]) -> Iterator[TargetIndex]:
    there = {name: Installed(Version(version), name) for name, version in installed.items()}
    asked = asked_on(part, LINUX, there)
    rules = Rules(LINUX, LINUX, asked.hashes)
    config = IndexConfiguration(index_url=server.url)

    def client(fresh_for: float) -> IndexClient:
        return IndexClient(config, Path(project.cache_dir), {}, fresh_for=fresh_for)

    with Catalog(client) as catalog, TargetIndex(asked, rules, catalog, there) as index:
        yield index


def get(url: str) -> str:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - on loopback
        return str(answer.read().decode())


def test_of_each_version_there_is_what_the_target_gets_under_a_name_that_anybody_takes(
    index: IndexServer, project: Context
) -> None:
    best = wheel("demo", "1.0", "cp311-cp311-manylinux_2_28_x86_64")
    index.add(wheel("demo", "1.0"), best, wheel("demo", "1.1", "cp311-cp311-win_amd64"), sdist("demo", "1.2"))
    index.add(wheel("demo", "0.9"), yanked="old")
    with seen(index, project, PypiPart(("demo",), ("demo<9",)), {"numpy": "1.26.4"}) as target_index:
        page = get(f"{target_index.url}/demo/")
        assert page.count("<a ") == 2
        assert f"/files/demo/1.0/demo-1.0-py3-none-any.whl#sha256={best.sha256}" in page
        assert 'data-yanked="old"' in page
        assert target_index.file("demo", Version("1.0")).filename == best.filename
        assert get(f"{target_index.url}/numpy/").count("numpy-1.26.4-py3-none-any.whl</a>") == 1
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{target_index.url}/nowhere/")
        assert target_index.problem is None


def test_constraints_and_hashes_hold(index: IndexServer, project: Context) -> None:
    index.add(wheel("demo", "1.0"), wheel("demo", "2.0"), wheel("safe", "1.0"), wheel("safe", "2.0"))
    part = PypiPart(("demo", "safe"), ("demo<2",), hashes={"safe": (f"sha256:{wheel('safe', '1.0').sha256}",)})
    with seen(index, project, part, {}) as target_index:
        assert "demo-2.0" not in get(f"{target_index.url}/demo/")
        assert "safe-2.0" not in get(f"{target_index.url}/safe/")


def test_metadata_says_what_holds_on_the_target_and_no_other_marker_than_extras(
    index: IndexServer, project: Context
) -> None:
    requires = ["a>=1", "b; sys_platform == 'win32'", "c; platform_machine == 'x86_64' and extra == 'x'"]
    index.add(wheel("demo", "1.0", requires=requires, extras=["x"]))
    with seen(index, project, PypiPart(("demo",)), {}) as target_index:
        text = get(f"{target_index.url.removesuffix('/simple')}/files/demo/1.0/demo-1.0-py3-none-any.whl.metadata")
    assert text.splitlines()[1:] == [
        "Name: demo", "Version: 1.0", "Provides-Extra: x", "Requires-Dist: a>=1", "Requires-Dist: c ; extra == 'x'",
    ]  # fmt: skip


def test_of_what_is_installed_only_extras_need_anything(index: IndexServer, project: Context) -> None:
    index.add(wheel("dask", "2.0", requires=["base", "frame; extra == 'frame'"], extras=["frame"]))
    with seen(index, project, PypiPart(("demo",)), {"dask": "2.0"}) as target_index:
        text = get(f"{target_index.url.removesuffix('/simple')}/files/dask/2.0/dask-2.0-py3-none-any.whl.metadata")
    assert text.splitlines()[1:] == [
        "Name: dask", "Version: 2.0", "Provides-Extra: frame", "Requires-Dist: frame ; extra == 'frame'",
    ]  # fmt: skip

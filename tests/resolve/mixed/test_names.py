"""What conda packages are called on the index, with and without network."""

from __future__ import annotations

import os
import re
import time
from importlib import resources
from pathlib import Path

import msgspec
import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Context
from mfenvd.resolve.mixed.beside import brought, python_version
from mfenvd.resolve.mixed.fresh_names import FRESH_FOR, due_in, parse_names
from mfenvd.resolve.mixed.names import Names, known_names, own_names, stored_names
from mfenvd.resolve.mixed.resolver import MixedResolver
from mfenvd.resolve.pypi.standins import Installed
from tests.resolve.mixed.mixing import LINUX, request
from tests.resolve.mixed.test_refusals import NeverAsked
from tests.support.conda_channel import ChannelServer, subset_repodata
from tests.support.index_server import IndexServer

TABLE = {
    "torch": {"conda_name": "pytorch", "import_name": "torch", "pypi_name": "torch"},
    "requests": {"conda_name": "requests", "import_name": "requests", "pypi_name": "requests"},
    "Fancy_Name": {"conda_name": "python-fancy", "import_name": "fancy", "pypi_name": "Fancy_Name"},
    "requests-extra": {"conda_name": "requests", "import_name": "x", "pypi_name": "requests-extra"},
}


def conda(name: str, version: str, *requires: str) -> LockedPackage:
    return LockedPackage(
        name, version, f"{name}.conda", f"https://c.example/{name}", requires=requires, kind=Kind.CONDA
    )


def test_names_that_differ_are_known_without_network() -> None:
    names = own_names()
    assert names.on_index("pytorch") == ("torch",)
    assert names.on_index("matplotlib-base") == names.on_index("matplotlib") == ("matplotlib",)
    assert names.on_index("py-opencv") == ("opencv-python", "opencv-python-headless")
    assert names.on_index("python") == names.on_index("google-api-core-grpc") == ()
    assert names.on_index("typing_extensions") == ("typing-extensions",)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", names.date)


def test_the_table_has_each_conda_name_once_and_canonical_names_that_differ() -> None:
    text = resources.files("mfenvd.resolve.mixed").joinpath("names.txt").read_text("utf-8")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert len({row[0] for row in rows}) == len(rows) == len(own_names().table)
    for conda_name, *names in rows:
        assert names == ["-"] or all(name == canonicalize_name(name) for name in names)
        assert names != [canonicalize_name(conda_name)]


def test_of_a_real_channel_every_name_that_the_table_has_needs_python() -> None:
    needs_python: dict[str, bool] = {}
    for content in subset_repodata().values():
        for record in (content.get("packages", {}) | content.get("packages.conda", {})).values():
            depends = {spec.split()[0] for spec in record["depends"]}
            name = record["name"]
            needs_python[name] = needs_python.get(name, False) or bool(depends & {"python", "python_abi"})
    known = own_names().table.keys() & needs_python.keys()
    assert known
    assert {name for name in known if not needs_python[name] and own_names().on_index(name)} == set()


def test_only_python_packages_bring_anything_and_the_core_goes_before_what_gathers_it() -> None:
    found = brought(
        [
            conda("dask", "2.0", "dask-core", "python"),
            conda("dask-core", "2.0", "python"),
            conda("numpy", "1.26.4", "python_abi"),
            conda("pytorch", "2.1.0", "numpy", "python"),
            conda("xxhash", "0.8.2"),
            conda("python", "3.11.9"),
            LockedPackage("wheel-only", "1.0", "w.whl", "https://i.example/w.whl", requires=("python",)),
        ],
        own_names(),
    )
    assert found == {
        "dask": Installed(Version("2.0"), "dask-core"),
        "numpy": Installed(Version("1.26.4"), "numpy"),
        "torch": Installed(Version("2.1.0"), "pytorch"),
    }


@pytest.mark.parametrize(
    ("conda_version", "expected"),
    [("1.2.post3", "1.2.post3"), ("2024a", "2024a0"), ("1.1.1w", "1.1.1"), ("9e", "9"), ("x", "0")],
)
def test_a_version_that_only_conda_has_is_cut_to_its_numbers(conda_version: str, expected: str) -> None:
    assert python_version(conda_version) == Version(expected)


def test_a_fetched_table_adds_what_is_not_known_and_overrules_nothing(tmp_path: Path) -> None:
    newer = parse_names(TABLE, "2030-01-02")
    assert newer == Names({"pytorch": ("torch",), "python-fancy": ("fancy-name",)}, "2030-01-02")
    merged = own_names().updated(msgspec.structs.replace(newer, table={**newer.table, "py-opencv": ("wrong",)}))
    assert merged.on_index("python-fancy") == ("fancy-name",)
    assert merged.on_index("py-opencv") == ("opencv-python", "opencv-python-headless")
    assert merged.date == "2030-01-02"


@pytest.mark.parametrize(
    "document", [[], {"a": 1}, {"a": {"pypi_name": "a"}}, {"a": {"pypi_name": "a", "conda_name": 1}}]
)
def test_what_is_no_table_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="no table"):
        parse_names(document, "2030-01-02")


def test_the_table_is_fetched_when_it_is_due_and_used_from_then_on(
    tmp_path: Path, index: IndexServer, channel: str, project: Context
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "names.json").write_bytes(msgspec.json.encode(TABLE))
    work = [(request(channel, index, [("numpy", "")], ["app"]), LINUX)]
    cache_dir = Path(project.cache_dir)
    assert due_in(cache_dir) <= 0
    with ChannelServer(tmp_path / "web") as web:
        resolver = MixedResolver(NeverAsked(), f"{web.url}/names.json")
        assert FRESH_FOR - 60 < resolver.refresh(work, project) <= FRESH_FOR
        assert known_names(cache_dir).on_index("python-fancy") == ("fancy-name",)

        resolver.refresh(work, project)
        assert len(web.asked) == 1

        week_ago = time.time() - FRESH_FOR
        os.utime(stored_names(cache_dir), (week_ago, week_ago))
        resolver.refresh(work, project)
        assert len(web.asked) == 2


def test_where_nobody_answers_the_names_stay_as_they_are(index: IndexServer, channel: str, project: Context) -> None:
    work = [(request(channel, index, [("numpy", "")], ["app"]), LINUX)]
    assert MixedResolver(NeverAsked(), "http://127.0.0.1:9/names.json").refresh(work, project) == 3600
    assert known_names(Path(project.cache_dir)) == own_names()

"""uv runs in surroundings of its own: nothing of the user's reaches it but what says where to look."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.request import Indexes
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from tests.resolve.pypi.resolving import filenames, resolve
from tests.support.index_server import IndexServer, Style
from tests.support.wheels import wheel

LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.28")


def surrounded(project: Context, **variables: str) -> Context:
    surroundings = project.surroundings
    changed = msgspec.structs.replace(surroundings, environ={**surroundings.environ, **variables})
    return msgspec.structs.replace(project, surroundings=changed)


def test_settings_that_steer_uv_elsewhere_change_nothing(index: IndexServer, project: Context, tmp_path: Path) -> None:
    index.add(wheel("demo", "1.0"), wheel("demo", "2.0"), wheel("demo", "3.0a1"))
    (tmp_path / "uv.toml").write_text('resolution = "lowest"\nprerelease = "allow"\n')
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\noverride-dependencies = ["demo==1.0"]\n')
    (tmp_path / "overrides.txt").write_text("demo==1.0\n")
    changed = surrounded(
        project,
        UV_RESOLUTION="lowest",
        UV_PRERELEASE="allow",
        UV_OVERRIDE=str(tmp_path / "overrides.txt"),
        UV_EXCLUDE_NEWER="2000-01-01",
        UV_PYTHON="3.6",
        UV_OFFLINE="1",
        VIRTUAL_ENV=str(tmp_path / "nowhere"),
    )

    assert filenames(resolve(index, ["demo"], LINUX, changed)) == ["demo-2.0-py3-none-any.whl"]


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("metadata", [True, False])
def test_every_kind_of_index_will_do_and_a_warm_one_is_not_asked(
    project: Context, style: Style, metadata: bool
) -> None:
    with IndexServer(style=style, metadata=metadata, max_age=None, etags=False) as index:
        index.add(wheel("app", "1.0", requires=["lib"], padding=200_000), wheel("lib", "1.0"))

        first = resolve(index, ["app"], LINUX, project)
        index.log.clear()
        second = resolve(index, ["app", "lib"], LINUX, project)

        assert filenames(first) == filenames(second) == ["app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"]
        assert index.log.paths() == []


def test_a_folder_of_wheels_will_do_without_any_index(project: Context, tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for archive in (
        wheel("app", "1.0", requires=["lib"]),
        wheel("lib", "2.0", requires_python="<3.11"),
        wheel("lib", "1.0"),
    ):
        (folder / archive.filename).write_bytes(archive.content)

    with IndexServer() as unused:
        indexes = Indexes(find_links=(str(folder),), no_index=True)
        outcome = resolve(unused, ["app"], LINUX, project, indexes=indexes)
        newer = wheel("lib", "1.5")
        (folder / newer.filename).write_bytes(newer.content)
        again = resolve(unused, ["app"], LINUX, project, indexes=indexes)

    assert filenames(outcome) == ["app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"]
    assert filenames(again) == ["app-1.0-py3-none-any.whl", "lib-1.5-py3-none-any.whl"]
    assert outcome.resolution is not None
    assert outcome.resolution.packages[0].url.startswith("file:")


def test_without_uv_it_says_what_is_missing(
    index: IndexServer, project: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(wheel("demo", "1.0"))
    monkeypatch.setattr("mfenvd.resolve.pypi.uv._executable", lambda: os.devnull)

    outcome = resolve(index, ["demo"], LINUX, project)

    assert outcome.failed
    assert [finding.code for finding in outcome.findings] == [Code.TOOL_MISSING]


def test_a_cache_that_cannot_be_written_is_said(index: IndexServer, project: Context, tmp_path: Path) -> None:
    index.add(wheel("demo", "1.0"))
    (tmp_path / "file").write_text("in the way")

    outcome = resolve(index, ["demo"], LINUX, msgspec.structs.replace(project, cache_dir=str(tmp_path / "file")))

    assert outcome.failed
    assert [finding.code for finding in outcome.findings] == [Code.INTERNAL_ERROR]

"""Channels, indexes and addresses that only a project names, and what is not sent to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.request import CondaPart, Indexes, Kind, PypiPart, Request
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.resolve.foreign import foreign_places, secret_withheld
from mfenvd.resolve.resolvers import resolvers

EVIL = "https://evil.example/simple"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def context(project: Path, *, trusted: bool = False, used: tuple[str, ...] = (), **environ: str) -> Context:
    variables = {"HOME": str(project.parent), "PIP_CONFIG_FILE": "/dev/null", **environ}
    surroundings = Surroundings(str(project), environ=variables, used=used)
    return Context(str(project.parent / "cache"), surroundings, str(project), "linux-64", trusted)


def conda(*channels: str) -> Request:
    return Request(Kind.CONDA, "3.11", conda=CondaPart((("numpy", ""),), channels))


def wheels(*requirements: str, **indexes: object) -> Request:
    return Request(Kind.PYPI, "3.11", PypiPart(requirements, indexes=Indexes(**indexes)))  # type: ignore[arg-type]


def test_a_channel_is_the_users_by_name_url_or_place(project: Path) -> None:
    (project.parent / ".condarc").write_text(
        "channels: [conda-forge, 'https://corp.example/conda/main']\ncustom_channels: {team: 'https://corp.example'}\n"
    )
    known = ("conda-forge", "https://corp.example/conda/main", "https://me:pw@corp.example/conda/main")
    assert foreign_places([conda(*known, "https://corp.example/team")], context(project)) == ()
    asked = conda("conda-forge", "https://x:y@evil.example/t/tk-1-a/ch", "pytorch")
    assert foreign_places([asked], context(project)) == ("https://evil.example/ch", "pytorch")


def test_without_configuration_conda_forge_and_the_default_index_are_the_users(project: Path) -> None:
    assert foreign_places([conda("conda-forge"), wheels("six")], context(project)) == ()


def test_an_index_is_the_users_where_pip_or_uv_is_configured_to_it(project: Path) -> None:
    asked = wheels("six", extra_index_urls=("https://corp.example/simple/", EVIL))
    known = context(project, PIP_EXTRA_INDEX_URL="https://me:pw@corp.example/simple")
    assert foreign_places([asked], known) == (EVIL,)
    assert foreign_places([asked], context(project)) == ("https://corp.example/simple", EVIL)


def test_what_uv_is_told_in_the_project_is_the_projects(project: Path) -> None:
    (project / "uv.toml").write_text(f'[[index]]\nname = "corp"\nurl = "{EVIL}"\n')
    assert foreign_places([wheels("six")], context(project)) == (EVIL,)


def test_a_direct_reference_is_foreign_unless_it_is_below_a_known_place(project: Path) -> None:
    asked = wheels(
        "a @ https://corp.example/wheels/a-1-py3-none-any.whl", "b @ https://evil.example/b-1-py3-none-any.whl"
    )
    known = context(project, PIP_FIND_LINKS="https://corp.example/wheels")
    assert foreign_places([asked], known) == ("https://evil.example/b-1-py3-none-any.whl",)


@pytest.mark.parametrize("kind", [Kind.PYPI, Kind.MIXED])
@pytest.mark.parametrize("url", ["https://evil.example/s3cr3t/simple", "https://me:s3cr3t@evil.example/simple"])
def test_a_secret_is_not_sent_where_only_the_project_wants_it(project: Path, url: str, kind: Kind) -> None:
    request = Request(kind, "3.11", PypiPart(("six",), indexes=Indexes(index_url=url)))
    around = context(project, used=("MINE",), MINE="s3cr3t")
    outcome = resolvers()[kind].resolve(request, Target(Arch.LINUX_64, "3.11", glibc="2.28"), around, lambda _: None)
    (finding,) = outcome.findings
    assert finding.code == Code.SECRET_WITHHELD
    assert "s3cr3t" not in repr(finding)
    assert "MINE" in finding.message
    assert secret_withheld(request, context(project, trusted=True, used=("MINE",), MINE="s3cr3t")) is None


def test_uvs_credentials_do_not_go_to_an_index_that_a_project_gives_their_name(project: Path) -> None:
    (project / "pyproject.toml").write_text(f'[[tool.uv.index]]\nname = "corp"\nurl = "{EVIL}"\n')
    around = context(project, UV_INDEX_CORP_USERNAME="me", UV_INDEX_CORP_PASSWORD="s3cr3t")
    finding = secret_withheld(wheels("six"), around)
    assert finding is not None
    assert "s3cr3t" not in repr(finding)


def test_a_secret_goes_where_the_user_says(project: Path) -> None:
    asked = wheels("six", extra_index_urls=("https://me:s3cr3t@corp.example/simple",))
    around = context(project, used=("MINE",), MINE="s3cr3t", PIP_EXTRA_INDEX_URL="https://corp.example/simple")
    assert secret_withheld(asked, around) is None

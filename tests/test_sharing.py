"""What was resolved gets its names, or nothing is written at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfenvd.domain.alias import parse_alias
from mfenvd.domain.codes import Code
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.sharing import Asked, AskedEnvironment, Extended, Worded
from mfenvd.shared_environments import AliasTakenError
from mfenvd.sharing import NotSharedWithTeamError, Shared, Team, share
from mfenvd.warm.netflixext.manifest import EnvId, read

REQUEST = "a" * 40
ARCHS = ("linux-64", "osx-64")


def resolved(
    folder: Path,
    version: str,
    *aliases: str,
    datastore: str = "local",
    extends: bool = False,
    extended: Extended | None = None,
    is_default: bool = True,
) -> Shared:
    """An environment of one wheel, resolved for two archs and shared."""
    filename = f"six-{version}-py3-none-any.whl"
    wheel = LockedPackage("six", version, filename, f"https://files.example/{filename}", sha256="ab" * 32)
    worded = Worded({"pypi": ("six",)})
    environments = tuple(
        AskedEnvironment(arch, REQUEST, "pypi-only", worded, worded.deps, extends=extends) for arch in ARCHS
    )
    root = "s3://bucket/conda_env" if datastore == "s3" else str(folder / "conda_env")
    begun = (extended,) if extended is not None else ()
    asked = Asked("", datastore, root, str(folder / "conda_v2.cnd"), environments, extended=begun)
    names = [parse_alias(alias) for alias in aliases]
    return share(
        asked,
        dict.fromkeys(ARCHS, (wheel,)),
        names,
        is_default=is_default,
        user="ana",
        cache_dir=folder / "cache",
        team=unreachable,
    )


def unreachable() -> Team:
    raise NotSharedWithTeamError("it does not answer")


def test_a_name_that_is_given_once_stays_and_nothing_of_the_second_is_written(tmp_path: Path) -> None:
    first = resolved(tmp_path, "1.0", "team/env:v1", "team/env")
    assert (first.request, first.archs, first.aliases) == (REQUEST, ARCHS, ("team/env:v1", "team/env:latest"))
    before = (tmp_path / "conda_v2.cnd").read_bytes()
    with pytest.raises(AliasTakenError, match="team/env:v1"):
        resolved(tmp_path, "2.0", "team/env:v1", "team/env")
    assert (tmp_path / "conda_v2.cnd").read_bytes() == before
    assert resolved(tmp_path, "1.0", "team/env:v1") == Shared(REQUEST, first.full_id, ARCHS, ("team/env:v1",))


def test_a_name_that_moves_leads_to_the_newest_in_the_manifest_and_in_the_datastore(tmp_path: Path) -> None:
    resolved(tmp_path, "1.0", "team/env")
    second = resolved(tmp_path, "2.0", "team/env")
    manifest = read(tmp_path / "conda_v2.cnd")
    assert manifest.named("team/env/latest") == (REQUEST, second.full_id)
    assert manifest.default("linux-64", REQUEST) == EnvId("linux-64", REQUEST, second.full_id)
    file = tmp_path / "conda_env" / "envs" / "aliases" / "generic" / "team" / "env" / "latest"
    assert json.loads(file.read_text()) == [REQUEST, second.full_id]
    resolved(tmp_path, "3.0", is_default=False)
    assert read(tmp_path / "conda_v2.cnd").default("linux-64", REQUEST) == EnvId("linux-64", REQUEST, second.full_id)


def test_a_bucket_that_has_not_got_it_is_a_finding(tmp_path: Path) -> None:
    assert resolved(tmp_path / "here", "1.0", "team/env:v1").findings == ()
    assert resolved(tmp_path / "nameless", "1.0", datastore="s3").findings == ()
    (finding,) = resolved(tmp_path, "1.0", "team/env:v1", datastore="s3").findings
    assert finding.code is Code.SHARED_HERE_ONLY
    assert "s3://bucket/conda_env does not have it: it does not answer" in finding.message
    assert read(tmp_path / "conda_v2.cnd").named("team/env/v1") is not None
    assert not (tmp_path / "conda_env").exists()


def test_the_packages_of_an_extended_environment_are_not_those_of_its_requirements(tmp_path: Path) -> None:
    for version, extends in (("1.0", False), ("2.0", True)):
        full_id = resolved(tmp_path, version, extends=extends).full_id
        entry = read(tmp_path / "conda_v2.cnd").entry(EnvId("osx-64", REQUEST, full_id))
        assert entry is not None
        assert (entry["accurate_source"], entry["resolved_by"]) == (not extends, "ana")


def test_what_was_begun_with_is_written_down_and_takes_nobodys_name(tmp_path: Path) -> None:
    other = resolved(tmp_path, "1.0", "team/other:v1")
    base = EnvId("osx-64", "c" * 40, "d" * 40)
    names = ("team/base/v1", "team/base/latest", "team/other/v1")
    extended = Extended(base.arch, base.req, base.full, {"packages": []}, names)
    resolved(tmp_path, "2.0", extended=extended)
    manifest = read(tmp_path / "conda_v2.cnd")
    assert manifest.entry(base) == {"packages": []}
    assert manifest.default(base.arch, base.req) is None
    assert [manifest.named(name) for name in names] == [(base.req, base.full)] * 2 + [(REQUEST, other.full_id)]

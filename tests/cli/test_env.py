"""`mfenv env`: what metaflow-netflixext's manifest holds, looked at, named and written down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mfenvd.cli.completing import complete_alias
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.sharing import Worded
from mfenvd.warm.netflixext.entries import Origin, entry, full_id
from mfenvd.warm.netflixext.manifest import EnvId, Wanted, read, write
from tests.cli.conftest import Run

# conda-lock's own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

REQ = "a" * 40
CHANNEL = "https://channel.example/conda-forge"
Share = Callable[..., str]


def python(arch: str) -> LockedPackage:
    filename = "python-3.11.9-h1_0.conda"
    url = f"{CHANNEL}/{arch}/{filename}"
    return LockedPackage("python", "3.11.9", filename, url, kind=Kind.CONDA, build="h1_0", md5="0" * 32)


def wheel(version: str) -> LockedPackage:
    filename = f"idna-{version}-py3-none-any.whl"
    return LockedPackage("idna", version, filename, f"https://files.example/{filename}", sha256="1" * 64)


@pytest.fixture
def share(project: Path, monkeypatch: pytest.MonkeyPatch) -> Share:
    """Puts an environment into the project's manifest; its two ids."""
    for name in ("METAFLOW_DATASTORE_SYSROOT_LOCAL", "METAFLOW_CONDA_LOCALROOT", "METAFLOW_DEFAULT_DATASTORE"):
        monkeypatch.delenv(name, raising=False)
    (project / ".metaflow").mkdir()

    def put(version: str, *aliases: str, archs: tuple[str, ...] = ("linux-64", "osx-arm64")) -> str:
        asked = Worded({"pypi": (f"idna=={version}",), "conda": ("python==3.11.*",)})
        origin = Origin("2026-03-01T10:20:30", "ana", archs)
        entries = {arch: entry(asked, [wheel(version), python(arch)], Kind.PYPI, origin) for arch in archs}
        full = full_id(entries)
        wanted = [Wanted(EnvId(arch, REQ, full), made, aliases=aliases) for arch, made in entries.items()]
        write(project / ".metaflow" / "conda_v2.cnd", wanted)
        return f"{REQ}:{full}"

    return put


def test_metaflows_configuration_says_where_the_manifest_is(
    mfenv: Run, share: Share, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share("3.7", "team/env/v1")
    home, sysroot = tmp_path / "configuration", tmp_path / "sysroot"
    for folder in (home, sysroot):
        folder.mkdir()
    (project / ".metaflow").rename(sysroot / ".metaflow")
    (home / "config.json").write_text(json.dumps({"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(sysroot)}))
    assert mfenv("env", "show", "team/env:v1").code == 1
    monkeypatch.setenv("METAFLOW_HOME", str(home))
    assert mfenv("env", "show", "team/env:v1").code == 0


def test_all_are_listed_those_of_the_configuration_too(mfenv: Run, share: Share, project: Path) -> None:
    share("3.7", "team/env/v1", "team/env/latest")
    share("3.6", archs=("linux-64",))
    (project / "mfenv.toml").write_text('[envs.serving]\nalias = "team/serving:v2"\npackages = ["idna"]\n')
    told = msgspec.json.decode(mfenv("env", "list", "--json").out)
    first, second = told["environments"]
    assert first["aliases"] == ["team/env:latest", "team/env:v1"]
    assert (first["archs"], first["python"], first["packages"]) == (["linux-64", "osx-arm64"], "3.11.9", 2)
    assert (second["aliases"], second["archs"], second["resolved_by"]) == ([], ["linux-64"], "ana")
    assert [(one["name"], one["alias"]) for one in told["configured"]] == [("serving", "team/serving:v2")]
    shown = mfenv("env", "list").out
    assert "team/env:v1" in shown
    assert "serving (team/serving:v2)" in shown


def test_nothing_shared_says_where_it_was_looked_for(mfenv: Run, project: Path) -> None:
    ended = mfenv("env", "list")
    assert ended.code == 0
    assert str(Path(".metaflow", "conda_v2.cnd")) in ended.out


def test_an_environment_is_found_by_every_name(mfenv: Run, share: Share, project: Path) -> None:
    ids = share("3.7", "team/env/latest")
    path = project / ".metaflow" / "conda_v2.cnd"
    content = json.loads(path.read_text())
    content["mappings"]["TrainFlow/17/start"] = ids.split(":")
    path.write_text(json.dumps(content))
    for name in ("team/env", "team/env:latest", ids, *ids.split(":"), "step:TrainFlow/17/start/4"):
        told = msgspec.json.decode(mfenv("env", "show", name, "--json").out)
        assert f"{told['environment']['request']}:{told['environment']['full_id']}" == ids
        assert [package["name"] for package in told["packages"]["osx-arm64"]] == ["idna", "python"]
    shown = mfenv("env", "show", "team/env", "--arch", "linux-64").out
    assert ids in shown
    assert "3.11.9 h1_0" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "team/evn:v1"), 1, "Did you mean `team/env:v1`"),
        (("show", "Team/env"), 2, "Write it as `team/env`."),
        (("show", "team/env:v1", "--arch", "win-64"), 1, "It is for linux-64, osx-arm64."),
        (("alias", "team/env:v1", "step:F/1/s"), 2, "Write a name"),
        (("alias", "team/other:v1", "team/env:v1"), 1, "Choose another tag"),
    ],
)
def test_what_there_is_not_names_what_there_is(
    mfenv: Run, share: Share, arguments: tuple[str, ...], code: int, said: str
) -> None:
    share("3.7", "team/env/v1")
    share("3.6", "team/other/v1")
    ended = mfenv("env", *arguments)
    assert ended.code == code
    assert said in ended.err


def test_a_tag_that_moves_is_given_again(mfenv: Run, share: Share, project: Path) -> None:
    old, new = share("3.6", "team/env/v1"), share("3.7", "team/env/v2")
    for version, ids in (("v1", old), ("v2", new)):
        assert mfenv("env", "alias", f"team/env:{version}", "team/env:stable").code == 0
        assert read(project / ".metaflow" / "conda_v2.cnd").named("team/env/stable") == tuple(ids.split(":"))
    assert mfenv("env", "alias", "team/env:v1", "team/env:v1").code == 0


def test_an_alias_stands_in_a_datastore_of_this_machine_too(
    mfenv: Run, share: Share, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = share("3.7", "team/env/v1")
    monkeypatch.setenv("METAFLOW_CONDA_LOCALROOT", str(tmp_path / "conda_env"))
    assert mfenv("env", "alias", "team/env:v1", "team/env:stable").code == 0
    names = tmp_path / "conda_env" / "envs" / "aliases" / "generic" / "team"
    assert json.loads((names / "env" / "stable").read_text()) == ids.split(":")
    (names / "env" / "v2").write_text(json.dumps(["0" * 40, "1" * 40]))
    ended = mfenv("env", "alias", "team/env:v1", "team/env:v2")
    assert (ended.code, "Choose another tag" in ended.err) == (1, True), "somebody else's, whom the manifest has not"
    assert read(project / ".metaflow" / "conda_v2.cnd").named("team/env/v2") is None


@pytest.mark.parametrize("by_ids", [False, True])
def test_what_only_a_datastore_of_this_machine_has_is_taken_from_there(  # noqa: PLR0917 - fixtures
    mfenv: Run, share: Share, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_ids: bool
) -> None:
    ids = share("3.7", "team/env/v1")
    manifest = project / ".metaflow" / "conda_v2.cnd"
    monkeypatch.setenv("METAFLOW_CONDA_LOCALROOT", str(tmp_path / "conda_env"))
    request, full = ids.split(":")
    for arch in ("linux-64", "osx-arm64"):
        file = tmp_path / "conda_env" / "envs" / arch / request / full / "env"
        file.parent.mkdir(parents=True)
        file.write_bytes(msgspec.json.encode(read(manifest).entry(EnvId(arch, request, full))))
    alias = tmp_path / "conda_env" / "envs" / "aliases" / "generic" / "team" / "env" / "v1"
    alias.parent.mkdir(parents=True)
    alias.write_text(json.dumps([request, full]))
    manifest.unlink()
    name = ids if by_ids else "team/env:v1"
    for command in ("create", "show", "get"):
        assert mfenv("env", command, name, "--local-only").code == 1
    shown = json.loads(mfenv("env", "show", name, "--json").out)
    assert (shown["environment"]["full_id"], shown["environment"]["archs"]) == (full, ["linux-64", "osx-arm64"])
    assert read(manifest).named("team/env/v1") == (None if by_ids else (request, full))
    file.write_text("[]")
    manifest.unlink()
    assert json.loads(mfenv("env", "show", name, "--json").out)["environment"]["archs"] == ["linux-64"]


def test_a_lock_is_written_for_other_tools(mfenv: Run, share: Share, project: Path) -> None:
    share("3.7", "team/env/v1")
    printed = mfenv("env", "get", "team/env:v1", "--format", "pylock").out
    assert "idna-3.7-py3-none-any.whl" in printed
    assert mfenv("env", "get", "team/env:v1", "-o", "conda-lock.yml").code == 0
    assert "python-3.11.9-h1_0.conda" in (project / "conda-lock.yml").read_text()


def test_a_broken_manifest_is_said(mfenv: Run, share: Share, project: Path) -> None:
    (project / ".metaflow" / "conda_v2.cnd").write_text("{")
    ended = mfenv("env", "list")
    assert ended.code == 3
    assert "cannot be used" in ended.err


@pytest.mark.parametrize(("force", "code"), [((), 2), (("--force",), 1)])
def test_a_folder_is_emptied_for_no_environment_that_is_not_there(
    mfenv: Run, share: Share, tmp_path: Path, force: tuple[str, ...], code: int
) -> None:
    share("3.7", "team/env/v1")
    kept = tmp_path / "work" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("years of work")
    ended = mfenv("env", "create", "team/absent", "--into-dir", str(kept.parent), *force)
    assert ended.code == code, ended.err
    assert kept.read_text() == "years of work"


def test_the_shell_completes_aliases(share: Share) -> None:
    share("3.7", "team/env/v1", "other/env/v1")
    assert complete_alias("team/") == ["team/env:v1"]


BASH = """\
eval "$(_MFENV_COMPLETE=source_bash mfenv)"
complete -p mfenv > /dev/null || exit 1
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mfenv_completion mfenv; echo "${COMPREPLY[*]}"; }
ask mfenv env show team/env :
ask mfenv resolve --using team/env : v1 --from other/en
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_aliases_beyond_their_colon(share: Share, project: Path) -> None:
    """As bash calls it: a colon is a word of its own, and what is before it stays on the line."""
    share("3.7", "team/env/v1", "team/env/stable", "other/env/v2")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH], cwd=project, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert [sorted(line.split()) for line in done.stdout.splitlines()] == [
        ["stable", "v1"], ["other/env:v2"],
    ]  # fmt: skip

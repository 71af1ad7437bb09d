"""What is exported is read back by the tools it is for."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
import pytest
import yaml
from packaging.pylock import Pylock
from rattler import Subdir
from rattler.explicit_environment import ExplicitEnvironmentSpec

from mfenvd.cli.errors import (
    AmbiguousEnvironmentError,
    CannotExportError,
    NotResolvedError,
    OtherArchError,
    UnknownEnvironmentError,
)
from mfenvd.cli.export import Format, write_lock
from mfenvd.cli.exports.conda_lock import conda_lock
from mfenvd.cli.exports.explicit import explicit
from mfenvd.cli.exports.ordering import dependencies_first
from mfenvd.cli.exports.pylock import pylock
from mfenvd.cli.exports.requirements import requirements
from mfenvd.cli.exports.selection import Exported, exported
from mfenvd.domain.arch import Arch
from mfenvd.domain.markers import marker_environment
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from tests.cli.conftest import Run
from tests.support.conda_channel import write_small_channel
from tests.support.index_server import IndexServer
from tests.support.micromamba import install_micromamba
from tests.support.wheels import wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Of conda-lock, while it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add(
            wheel("app", "1.0", requires=["fast"]),
            wheel("fast", "2.0", tags="cp311-cp311-manylinux_2_17_x86_64"),
            wheel("fast", "1.0", tags="cp311-cp311-manylinux_2_17_x86_64"),
            wheel("fast", "1.0", tags="cp311-cp311-macosx_11_0_arm64"),
        )
        yield server


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_channel(tmp_path_factory.mktemp("channels") / "small")


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, index: IndexServer) -> None:
    for name in [name for name in os.environ if name.startswith(("CONDA", "MAMBA", "PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)


def run(*arguments: str | Path) -> str:
    done = subprocess.run([str(each) for each in arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def wheels(project: Path) -> Path:
    file = project / "requirements.txt"
    file.write_text("app\n")
    (project / "mfenv.toml").write_text('python = "3.11"\n[targets.linux-64]\nglibc = "2.28"\n')
    return file


BOTH = ("--arch", "linux-64", "--arch", "osx-arm64")


def test_pylock_is_read_by_packaging_for_each_arch(mfenv: Run, wheels: Path) -> None:
    ended = mfenv("export", wheels.name, *BOTH)
    assert ended.code == 0, ended.err
    read = Pylock.from_dict(tomllib.loads(ended.out))
    chosen = {}
    for target in (Target(Arch.LINUX_64, "3.11", glibc="2.28"), Target(Arch.OSX_ARM64, "3.11", macos="13.0")):
        environment = marker_environment(target)
        packages = [p for p in read.packages if p.marker is None or p.marker.evaluate(dict(environment))]  # type: ignore[arg-type]
        chosen[target.arch] = {package.name: str(package.version) for package in packages}
    assert chosen == {Arch.LINUX_64: {"app": "1.0", "fast": "2.0"}, Arch.OSX_ARM64: {"app": "1.0", "fast": "1.0"}}


@pytest.mark.parametrize("kind", ["pylock", "requirements"])
def test_uv_would_install_what_is_exported(
    mfenv: Run, wheels: Path, tmp_path: Path, index: IndexServer, kind: str
) -> None:
    if kind == "pylock" and sys.version_info[:2] != (3, 11):
        pytest.skip("uv holds the file's Python, 3.11, against the interpreter, whatever --python-version says")
    file = tmp_path / ("pylock.toml" if kind == "pylock" else "locked.txt")
    assert mfenv("export", wheels.name, "--arch", "linux-64", "--format", kind, "-o", str(file)).code == 0
    told = run(
        SCRIPTS / "uv", "pip", "sync", file, "--dry-run", "--target", tmp_path / "there", "--python", sys.executable,
        "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--require-hashes", "--no-config",
        "--index-url", index.url, "--cache-dir", tmp_path / "cache", "--only-binary", ":all:",
    )  # fmt: skip
    assert {"+ app==1.0", "+ fast==2.0"} <= {line.strip() for line in told.splitlines()}


def test_pip_would_install_what_is_exported(mfenv: Run, wheels: Path, tmp_path: Path, index: IndexServer) -> None:
    file = tmp_path / "locked.txt"
    assert mfenv("export", wheels.name, "--arch", "linux-64", "--format", "requirements", "-o", str(file)).code == 0
    assert "--hash=sha256:" in file.read_text()
    told = run(
        sys.executable, "-m", "pip", "install", "--dry-run", "--require-hashes", "-r", file, "--index-url", index.url,
        "--target", tmp_path / "there", "--only-binary", ":all:", "--python-version", "3.11",
        "--platform", "manylinux_2_17_x86_64", "--disable-pip-version-check", "--no-cache-dir",
    )  # fmt: skip
    assert "Would install app-1.0 fast-2.0" in told


@pytest.fixture
def environment_yml(project: Path, channel: Path) -> Path:
    file = project / "environment.yml"
    file.write_text(f"channels: ['{channel.as_uri()}']\ndependencies: [python=3.11, app]\n")
    return file


def test_conda_lock_reads_what_is_exported(mfenv: Run, environment_yml: Path, tmp_path: Path) -> None:
    lock = tmp_path / "conda-lock.yml"
    ended = mfenv("export", environment_yml.name, *BOTH, "-o", str(lock))
    assert (ended.code, ended.out) == (0, ""), ended.err
    rendered = tmp_path / "linux.lock"
    run(
        SCRIPTS / "conda-lock", "render", "--kind", "explicit", "--platform", "linux-64",
        "--filename-template", rendered.with_suffix(""), lock,
    )  # fmt: skip
    theirs = ExplicitEnvironmentSpec.from_path(next(tmp_path.glob("linux*")))
    ours = mfenv("export", environment_yml.name, "--arch", "linux-64", "--format", "explicit")
    assert {package.url for package in theirs.packages} == {
        package.url for package in ExplicitEnvironmentSpec.from_str(ours.out).packages
    }


def test_conda_lock_and_micromamba_make_what_is_exported(
    mfenv: Run, environment_yml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = ("--arch", str(Subdir.current()))
    lock, explicit_file = tmp_path / "conda-lock.yml", tmp_path / "explicit.txt"
    assert mfenv("export", environment_yml.name, *local, "-o", str(lock)).code == 0
    assert mfenv("export", environment_yml.name, *local, "--format", "explicit", "-o", str(explicit_file)).code == 0
    calls = install_micromamba(tmp_path / "bin")
    micromamba = tmp_path / "bin" / "micromamba"
    monkeypatch.setenv("MAMBA_ROOT_PREFIX", str(tmp_path / "mamba"))

    run(SCRIPTS / "conda-lock", "install", "--micromamba", "--conda", micromamba, "--prefix", tmp_path / "locked", lock)
    run(micromamba, "create", "--yes", "--prefix", tmp_path / "explicit", "--file", explicit_file)

    assert len(calls.of("create")) == 2
    made = [{file.name for file in (tmp_path / name / "conda-meta").glob("*.json")} for name in ("locked", "explicit")]
    assert made[0] == made[1]
    assert sorted(name.split("-")[0] for name in made[0]) == ["app", "core", "pip", "python"]


def test_an_explicit_file_is_read_by_rattler_and_its_hashes_are_the_files(mfenv: Run, environment_yml: Path) -> None:
    ended = mfenv("export", environment_yml.name, "--arch", "osx-arm64", "--format", "explicit")
    read = ExplicitEnvironmentSpec.from_str(ended.out)
    assert str(read.platform) == "osx-arm64"
    names = []
    for package in read.packages:
        url, _, md5 = package.url.partition("#")
        content = Path(url2pathname(urlsplit(url).path)).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
        names.append(url.rpartition("/")[2].split("-")[0])
    assert sorted(names) == ["app", "core", "pip", "python"]
    assert names.index("core") < names.index("app")
    assert names.index("python") < names.index("pip")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("environment.yml", "--format", "pylock"), 2, "has no wheels"),
        (("environment.yml", "--format", "explicit", *BOTH), 2, "for one arch"),
        (("environment.yml", "--arch", "win-64"), 1, "not resolved for win-64"),
        (("requirements.txt", "--format", "conda-lock"), 2, "no conda packages"),
        (("requirements.txt", "--format", "explicit"), 2, "no conda packages"),
        (("requirements.txt", "-o", "nowhere/x.toml"), 3, "nowhere"),
    ],
)
@pytest.mark.usefixtures("environment_yml")
def test_what_cannot_be_exported_is_said(
    mfenv: Run, wheels: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    arguments = arguments if "--arch" in arguments else (*arguments, "--arch", "linux-64")
    ended = mfenv("export", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert not list(wheels.parent.glob(".x.toml*"))


# Which environment


def package(name: str, *requires: str, kind: Kind = Kind.CONDA, **more: object) -> LockedPackage:
    filename = f"{name}-1-0.conda" if kind is Kind.CONDA else f"{name}-1-py3-none-any.whl"
    made = LockedPackage(
        name, "1", filename, f"https://repo.example/c/noarch/{filename}", sha256="b" * 64, requires=requires, kind=kind,
    )  # fmt: skip
    if kind is Kind.CONDA:
        made = msgspec.structs.replace(made, md5="a" * 32, build="0", subdir="noarch", channel="https://repo.example/c")
    return msgspec.structs.replace(made, **more)


def verdict(arch: Arch = Arch.LINUX_64, *packages: LockedPackage, **more: object) -> Verdict:
    known: dict[str, Any] = {"source": "/p/flow.py", "flow": "F", "step": "start", "env": "abcdef123456", **more}
    known.setdefault("request", "r" * 64)
    return Verdict(
        target=Target(arch, "3.11", glibc="2.28"), reasons=(), packages=packages,
        state=State.RESOLVED if packages else State.QUEUED, **known,
    )  # fmt: skip


def mixed(*archs: Arch) -> Exported:
    packages = (package("python"), package("six", "python", kind=Kind.PYPI))
    return Exported("F/start", tuple(verdict(arch, *packages) for arch in archs))


@pytest.mark.parametrize("name", ["F/start", "start", "F", "abcdef123456", "abcdef"])
def test_an_environment_is_found_by_what_people_call_it(name: str) -> None:
    told = [verdict(Arch.OSX_ARM64, package("x")), verdict(Arch.LINUX_64, package("x"))]
    assert exported(name, told, []).archs == (Arch.LINUX_64, Arch.OSX_ARM64)
    assert exported(name, told, [Arch.OSX_ARM64]).archs == (Arch.OSX_ARM64,)


def test_steps_that_share_an_environment_are_one_and_others_must_be_told_apart() -> None:
    one, other = verdict(Arch.LINUX_64, package("x")), verdict(Arch.LINUX_64, package("x"), step="end")
    assert len(exported("F", [one, other], []).verdicts) == 1
    with pytest.raises(AmbiguousEnvironmentError, match="more than one") as caught:
        exported("F", [one, msgspec.structs.replace(other, request="s" * 64)], [])
    assert caught.value.fix == "Say which: F/end, F/start."


def test_what_is_not_there_is_said_with_what_is() -> None:
    told = [verdict(Arch.LINUX_64, package("x")), verdict(Arch.WIN_64)]
    with pytest.raises(UnknownEnvironmentError) as unknown:
        exported("F/strat", told, [])
    assert unknown.value.fix == "Did you mean `F/start`?"
    with pytest.raises(OtherArchError) as other:
        exported("F/start", told, [Arch.OSX_64])
    assert "linux-64, win-64" in str(other.value.fix)
    with pytest.raises(NotResolvedError):
        exported("F/start", told, [Arch.WIN_64])
    assert exported("F/start", told, []).archs == (Arch.LINUX_64,)


# What formats have room for


def test_an_explicit_file_has_wheels_as_comments_that_conda_lock_reads() -> None:
    text = explicit(mixed(Arch.LINUX_64))
    assert "\n# pip six @ https://repo.example/c/noarch/six-1-py3-none-any.whl#sha256=" in text
    assert [package.url for package in ExplicitEnvironmentSpec.from_str(text).packages] == [
        f"https://repo.example/c/noarch/python-1-0.conda#{'a' * 32}"
    ]


def test_a_mixed_lock_has_both_sides() -> None:
    text = conda_lock(mixed(Arch.LINUX_64, Arch.OSX_ARM64))
    assert text.count("manager: conda") == text.count("manager: pip") == 2


def test_wheels_in_a_mixed_lock_need_what_the_index_calls_it() -> None:
    wheel = package("accelerate", "numpy", "pytorch", kind=Kind.PYPI)
    packages = (package("numpy"), package("python"), package("pytorch", "numpy"), wheel)
    content = yaml.safe_load(conda_lock(Exported("e", (verdict(Arch.LINUX_64, *packages),))))
    needs = {entry["name"]: list(entry["dependencies"]) for entry in content["package"]}
    assert needs["accelerate"] == ["numpy", "torch"]
    assert needs["pytorch"] == ["numpy"]


def test_what_a_format_has_no_room_for_is_refused() -> None:
    bare = Exported("e", (verdict(Arch.LINUX_64, package("x", md5=None)),))
    with pytest.raises(CannotExportError, match="md5"):
        conda_lock(bare)
    assert "#sha256:" in explicit(bare)
    built = package("x", kind=Kind.PYPI, built=True)
    with pytest.raises(CannotExportError, match="built from source"):
        conda_lock(Exported("e", (verdict(Arch.LINUX_64, package("python"), built),)))
    with pytest.raises(CannotExportError, match="built from source"):
        pylock(Exported("e", (verdict(Arch.LINUX_64, built),)))
    with pytest.raises(CannotExportError, match="no hash"):
        pylock(Exported("e", (verdict(Arch.LINUX_64, package("x", kind=Kind.PYPI, sha256=None)),)))


def test_what_is_built_from_git_stays_a_reference_and_pip_gets_no_hashes() -> None:
    git = package("clip", kind=Kind.PYPI, built=True, url=f"git+https://code.example/clip.git@{'c' * 40}")
    environment = Exported("e", (verdict(Arch.LINUX_64, git, package("six", kind=Kind.PYPI)),))
    assert requirements(environment).splitlines()[2:] == [
        f"clip @ git+https://code.example/clip.git@{'c' * 40}", "six==1",
    ]  # fmt: skip
    read = Pylock.from_dict(tomllib.loads(pylock(environment)))
    assert read.packages[0].vcs is not None
    assert read.packages[0].vcs.commit_id == "c" * 40


def test_packages_come_after_what_they_need_also_where_they_need_each_other() -> None:
    ordered = dependencies_first([package("a", "b"), package("b", "c", "gone"), package("c", "a"), package("d", "a")])
    names = [each.name for each in ordered]
    assert sorted(names) == ["a", "b", "c", "d"]
    assert names.index("a") < names.index("d")
    long = [package(f"p{i}", f"p{i + 1}") for i in range(3000)]
    assert dependencies_first(long)[0].name == "p2999"


SIX = Exported("e", (verdict(Arch.LINUX_64, package("six", kind=Kind.PYPI)),))


def test_a_file_that_a_link_leads_to_is_replaced_with_its_permissions(tmp_path: Path) -> None:
    lock, link = tmp_path / "locked.txt", tmp_path / "link.txt"
    lock.write_text("before")
    lock.chmod(0o640)
    link.symlink_to(lock)
    write_lock(SIX, Format.REQUIREMENTS, link, archs=[])
    assert link.is_symlink()
    assert "six==1 " in lock.read_text()
    assert lock.stat().st_mode & 0o777 == 0o640
    assert sorted(tmp_path.iterdir()) == [link, lock]


def test_a_pipe_stays_one_and_gets_all_of_it(tmp_path: Path) -> None:
    pipe, lock = tmp_path / "pipe", tmp_path / "locked.txt"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    write_lock(SIX, Format.REQUIREMENTS, pipe, archs=[])
    write_lock(SIX, Format.REQUIREMENTS, lock, archs=[])
    assert pipe.is_fifo()
    assert os.read(reader, 10_000) == lock.read_bytes()
    os.close(reader)

"""For this machine's own arch, packages that are not wheels are built into wheels, in trusted projects."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from tests.resolve.pypi.resolving import packages, resolve
from tests.support.index_server import IndexServer
from tests.support.wheels import sdist, wheel

PYTHON = ".".join(map(str, sys.version_info[:3]))
HERE = Target(Arch.LINUX_64, PYTHON, glibc="2.35")


@pytest.fixture
def trusted(project: Context) -> Context:
    return msgspec.structs.replace(project, local_arch="linux-64", trusted=True)


def checkout(folder: Path, name: str, version: str = "1.0", requires: str = "", *, failure: str = "") -> Path:
    """A project that builds with nothing but Python, as sources on disk."""
    archive = sdist(name, version, requires=[requires] if requires else [], failure=failure)
    with tarfile.open(fileobj=io.BytesIO(archive.content)) as content:
        content.extractall(folder, filter="data")
    return folder / f"{name}-{version}"


def test_without_trust_nothing_is_built_and_it_says_how_to_trust(index: IndexServer, trusted: Context) -> None:
    index.add(sdist("outlier", "0.3"))

    outcome = resolve(index, ["outlier"], HERE, msgspec.structs.replace(trusted, trusted=False))

    assert outcome.resolution is None
    assert [finding.code for finding in outcome.findings] == [Code.BUILD_NEEDS_TRUST]
    assert (
        outcome.findings[0].fix
        == "Run `mfenv trust` in the project (for one command: add `--trust`), once you trust it."
    )


def test_a_source_only_package_is_built_with_its_dependencies(index: IndexServer, trusted: Context) -> None:
    source = sdist("outlier", "0.3", requires=["lib>=1"])
    index.add(source, sdist("outlier", "0.2"), wheel("lib", "1.0"))

    outcome = resolve(index, ["outlier"], HERE, trusted)

    lib, outlier = packages(outcome)
    assert (outlier.version, outlier.filename, outlier.built) == ("0.3", "outlier-0.3-py3-none-any.whl", True)
    assert (outlier.url, outlier.sha256) == (
        f"{index.url.removesuffix('/simple')}/files/{source.filename}",
        source.sha256,
    )
    assert outlier.requires == ("lib",)
    assert not lib.built


def test_a_dependency_that_has_only_sources_is_built_too(index: IndexServer, trusted: Context) -> None:
    index.add(wheel("app", "1.0", requires=["legacy<2"]), sdist("legacy", "1.5"), sdist("legacy", "2.0"))

    outcome = resolve(index, ["app"], HERE, trusted)

    assert [(p.name, p.version, p.built, p.requested) for p in packages(outcome)] == [
        ("app", "1.0", False, True),
        ("legacy", "1.5", True, False),
    ]


def test_a_folder_of_this_machine_is_built(index: IndexServer, trusted: Context, tmp_path: Path) -> None:
    index.add(wheel("lib", "1.0"))
    folder = checkout(tmp_path / "sources", "mine", requires="lib")

    by_url = resolve(index, [f"mine @ {folder.as_uri()}"], HERE, trusted)

    assert [(p.name, p.built, p.requires, p.url) for p in packages(by_url)] == [
        ("lib", False, (), f"{index.url.removesuffix('/simple')}/files/lib-1.0-py3-none-any.whl"),
        ("mine", True, ("lib",), folder.as_uri()),
    ]


def test_a_git_requirement_is_built_and_pinned_to_its_commit(
    index: IndexServer, trusted: Context, tmp_path: Path
) -> None:
    folder = checkout(tmp_path / "sources", "mine")
    commands = ["init -q -b main", "add .", "-c user.name=a -c user.email=a@b commit -q -m one", "tag v1"]
    for command in commands:
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)

    def url(ref: str) -> str:
        outcome = resolve(index, [f"mine @ git+{folder.as_uri()}{ref}"], HERE, trusted)
        (mine,) = packages(outcome)
        assert mine.built
        assert mine.filename == "mine-1.0-py3-none-any.whl"
        return mine.url

    sha = commit.stdout.strip()
    assert {url(""), url("@main"), url("@v1"), url(f"@{sha}"), url(f"@{sha[:8]}")} == {f"git+{folder.as_uri()}@{sha}"}


def test_an_archive_is_checked_and_built(index: IndexServer, trusted: Context) -> None:
    source = sdist("demo", "1.0")
    index.add(source)
    address = f"{index.url.removesuffix('/simple')}/files/{source.filename}"

    right = resolve(index, [f"demo @ {address}#sha256={source.sha256}"], HERE, trusted)
    wrong = resolve(index, [f"demo @ {address}#sha256={'0' * 64}"], HERE, trusted)

    assert [(p.url, p.sha256, p.built) for p in packages(right)] == [(address, source.sha256, True)]
    assert [finding.code for finding in wrong.findings] == [Code.BUILD_FAILED]
    assert "sha256" in wrong.findings[0].message


def test_a_build_that_fails_shows_its_last_words(index: IndexServer, trusted: Context) -> None:
    index.add(sdist("demo", "1.0", failure="no compiler at https://user:secret@example.org/cc"))

    outcome = resolve(index, ["demo"], HERE, trusted)

    (finding,) = outcome.findings
    assert finding.code == Code.BUILD_FAILED
    assert finding.package == "demo"
    assert any("no compiler at" in line for line in finding.detail)
    assert "Failed to build" in finding.message
    assert "secret" not in str(finding)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("git+file:///does/not/exist", "git fetch failed"),
        ("file:///does/not/exist", "does not exist"),
        ("hg+https://example.org/x", "with git, not with hg"),
    ],
)
def test_sources_that_cannot_be_had(index: IndexServer, trusted: Context, address: str, reason: str) -> None:
    (finding,) = resolve(index, [f"demo @ {address}"], HERE, trusted).findings

    assert finding.code == Code.BUILD_FAILED
    assert reason in finding.message


def test_a_wheel_of_this_machine_is_used_as_it_is_and_needs_no_trust(
    index: IndexServer, trusted: Context, tmp_path: Path
) -> None:
    untrusted = msgspec.structs.replace(trusted, trusted=False)
    archive = wheel("mine", "1.0")
    path = tmp_path / archive.filename
    path.write_bytes(archive.content)

    outcome = resolve(index, [f"mine @ {path.as_uri()}"], HERE, untrusted)

    assert [(p.filename, p.url, p.built) for p in packages(outcome)] == [(archive.filename, path.as_uri(), False)]


def test_a_wheel_of_another_name_or_version_is_no_use(index: IndexServer, trusted: Context, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "sources", "mine")
    wrong = sdist("demo", "2.0")
    index.add(msgspec.structs.replace(wrong, filename="demo-1.0.tar.gz"))

    (name,) = resolve(index, [f"yours @ {folder.as_uri()}"], HERE, trusted).findings
    (version,) = resolve(index, ["demo==1.0"], HERE, trusted).findings

    assert (name.code, version.code) == (Code.BUILD_FAILED, Code.BUILD_FAILED)
    assert "mine-1.0-py3-none-any.whl is not a wheel of yours" in name.message
    assert any("version 2.0" in line for line in version.detail)


def test_a_wheel_is_built_once(index: IndexServer, trusted: Context) -> None:
    index.add(sdist("demo", "1.0"))

    first = resolve(index, ["demo"], HERE, trusted)
    built = sorted(Path(trusted.cache_dir, "built").glob("*/*.whl"))
    stamp = built[0].stat().st_mtime_ns
    again = resolve(index, ["demo"], HERE, trusted)

    assert again.resolution == first.resolution
    assert [path.stat().st_mtime_ns for path in built] == [stamp]
    assert not list(Path(trusted.cache_dir, "built").glob("tmp-*"))

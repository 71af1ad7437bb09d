"""Entries of the manifest are as Metaflow writes them, and can be read back into packages."""

from __future__ import annotations

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target
from mfenvd.warm.core.entries import entry, resolution_of, same_packages
from mfenvd.warm.lines import NotAnEntryError, filename_of, wheel_of

TARGET = Target(Arch.LINUX_64, "3.11", glibc="2.26")
COMMIT = "8c9a0b8a3a7d2c1f0e9d8c7b6a5f4e3d2c1b0a99"
SIX = LockedPackage(
    "six", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", "https://files/packages/d9/six-1.16.0-py2.py3-none-any.whl"
)
LOCAL_VERSION = LockedPackage("torch", "2.2+cpu", "torch-2.2+cpu-cp311-cp311-linux_x86_64.whl",
                              "https://files/torch-2.2%2Bcpu-cp311-cp311-linux_x86_64.whl")  # fmt: skip
CLIP = LockedPackage(
    "clip", "1.0", "clip-1.0-py3-none-any.whl", f"git+https://host/openai/CLIP.git@{COMMIT}", built=True
)


def conda(name: str, *requires: str) -> LockedPackage:
    filename = f"{name}-1.0-h123_0.conda"
    return LockedPackage(
        name, "1.0", filename, f"https://channel/conda-forge/linux-64/{filename}", requires=requires, kind=Kind.CONDA,
        build="h123_0", subdir="linux-64", channel="https://channel/conda-forge",
    )  # fmt: skip


def resolution(*packages: LockedPackage) -> Resolution:
    return Resolution("request", TARGET, packages)


def test_wheels_say_that_they_need_no_building_and_git_packages_at_which_commit_they_are() -> None:
    assert entry(resolution(CLIP, SIX)) == [
        {"url": CLIP.url, "require_build": True, "hash": COMMIT},
        {"url": SIX.url, "require_build": False},
    ]


def test_conda_packages_come_after_what_they_need() -> None:
    packages = [conda("app", "lib", "python"), conda("lib", "python"), conda("python", "pip"), conda("pip", "python")]
    names = [line["url"].rpartition("/")[2].partition("-")[0] for line in entry(resolution(*packages))]
    assert set(names) == {"app", "lib", "python", "pip"}
    assert names.index("lib") < names.index("app")
    assert names.index("python") < names.index("lib")
    assert names.index("python") < names.index("pip")
    assert entry(resolution(*packages)) == entry(resolution(*reversed(packages)))


def test_only_what_is_confirmed_has_a_path() -> None:
    lines = entry(resolution(SIX, CLIP, conda("lib")), {SIX.url, CLIP.url})
    paths = {line["url"]: line.get("path") for line in lines}
    assert paths == {
        SIX.url: "files/packages/d9/six-1.16.0-py2.py3-none-any.whl",
        CLIP.url: f"host/openai/{COMMIT}/clip-1.0-py3-none-any.whl",
        conda("lib").url: None,
    }


def test_a_package_from_a_folder_has_no_entry() -> None:
    folder = LockedPackage("mine", "1.0", "mine-1.0-py3-none-any.whl", "file:///home/me/mine", built=True)
    with pytest.raises(NotAnEntryError, match="mine is built here"):
        entry(resolution(folder))


def test_the_same_files_are_the_same_entry() -> None:
    lines = entry(resolution(SIX, CLIP))
    assert same_packages(lines, [{"url": SIX.url, "path": "x"}, {"url": CLIP.url}])
    assert not same_packages(lines, [{"url": SIX.url}])


def test_what_somebody_else_wrote_is_read_back() -> None:
    read = resolution_of(entry(resolution(SIX, LOCAL_VERSION, CLIP)), Kind.PYPI, TARGET, "request")
    assert {(package.name, package.version, package.filename, package.built) for package in read.packages} == {
        ("six", "1.16.0", SIX.filename, False),
        ("torch", "2.2+cpu", LOCAL_VERSION.filename, False),
        ("CLIP", COMMIT, "", True),
    }
    (package,) = resolution_of(entry(resolution(conda("my-lib"))), Kind.CONDA, TARGET, "request").packages
    assert package == conda("my-lib")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ({}, Kind.CONDA),
        ({"url": "https://c/linux-64/x.conda"}, Kind.CONDA),
        ({"url": "https://c/x-1-0.zip"}, Kind.CONDA),
        ({"url": "https://files/six.tar.gz", "require_build": False}, Kind.PYPI),
        ({"url": 1}, Kind.PYPI),
    ],
)
def test_what_names_no_package_is_not_guessed(line: dict[str, object], kind: Kind) -> None:
    with pytest.raises(NotAnEntryError):
        resolution_of([line], kind, TARGET, "request")


@pytest.mark.parametrize("behind", ["%2F..%2F..%2Fevil.whl", "/../../evil.whl"])
def test_a_wheel_is_called_by_its_name_and_never_by_a_path(behind: str) -> None:
    url = f"https://files/six-1.16.0-py3-none-any{behind}"
    with pytest.raises(NotAnEntryError):
        resolution_of([{"url": url}], Kind.PYPI, TARGET, "request")
    with pytest.raises(NotAnEntryError):
        wheel_of(url, "six-1.16.0-py3-none-any/../evil.whl")
    assert filename_of("https://files/a%2Fsix-1.16.0-py3-none-any.whl") == "six-1.16.0-py3-none-any.whl"

"""What Metaflow resolved, as mfenv's own resolutions, and a store that has the files."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from packaging.utils import parse_wheel_filename

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.store.archives import ArchiveStore
from mfenvd.store.errors import DownloadError, StoreProblem
from mfenvd.store.findings import finding_of
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.micromamba import read_micromamba_settings
from mfenvd.warm.plan import Archives, LocalEnvironment, NotMadeError
from tests.support.conda_python import PYTHON_VERSION, installed_as_conda
from tests.support.metaflow_world import LOCAL, World, base_packages

ID = "0123456789abcde"
MINOR = PYTHON_VERSION.rpartition(".")[0]
SITE_PACKAGES = f"lib/python{MINOR}/site-packages"
TARGET = Target(Arch(LOCAL), PYTHON_VERSION)


class StoreArchives:
    """`plan.Archives` over the store and plain HTTP."""

    def __init__(self, folder: Path) -> None:
        self.store = ArchiveStore(folder)

    def fetch(self, package: LockedPackage) -> Path:
        try:
            return self.store.fetch(package, download)
        except StoreProblem as error:
            raise NotMadeError(finding_of(error)) from error


def download(package: LockedPackage, file: BinaryIO) -> None:
    try:
        with urllib.request.urlopen(package.url) as answer:  # noqa: S310 - the test's own servers
            file.write(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(str(error)) from None


def environments(
    world: World, cache: Path | None = None, *, trusted: bool = True, archives: Archives | None = None
) -> LocalEnvironments:
    """mfenv's environments for the user of `world`."""
    cache = cache or world.root / "cache"
    settings = read_micromamba_settings(Surroundings(str(world.project), environ=world.environ), trusted=True)
    return LocalEnvironments(cache, settings, archives or StoreArchives(cache / "store"), trusted=trusted)


def resolution(packages: Iterable[LockedPackage]) -> Resolution:
    return Resolution("request", TARGET, tuple(packages))


def conda_package(url: str) -> LockedPackage:
    channel, subdir, filename = url.rsplit("/", 2)
    name, version, build = filename.removesuffix(".conda").rsplit("-", 2)
    return LockedPackage(name, version, filename, url, kind=Kind.CONDA, build=build, subdir=subdir, channel=channel)


def wheel_package(url: str) -> LockedPackage:
    filename = unquote(url.rsplit("/", 1)[1])
    name, version, _, _ = parse_wheel_filename(filename)
    return LockedPackage(name, str(version), filename, url)


def quiet(progress: Progress) -> None:
    """Reports to nobody."""


def pypi(world: World, *wheels: str, id_: str = ID) -> LocalEnvironment:
    """An environment of python, pip and wheels; of `demo` and `helper` where none is named."""
    conda = (f"{LOCAL}/python-{PYTHON_VERSION}-packed_0.conda", f"noarch/{installed_as_conda('pip').filename}")
    filenames = wheels or ("demo-1.0-py3-none-any.whl", "helper-1.1-py3-none-any.whl")
    index = world.index.url.removesuffix("/simple")
    return LocalEnvironment(
        id_,
        LOCAL,
        resolution(conda_package(f"{world.channel.url}/{path}") for path in conda),
        resolution(wheel_package(f"{index}/files/{filename}") for filename in filenames),
    )


def conda(world: World) -> LocalEnvironment:
    """An environment of conda packages alone."""
    urls = [f"{world.channel.url}/{archive.subdir}/{archive.filename}" for archive in base_packages()]
    return LocalEnvironment(ID, LOCAL, resolution(map(conda_package, urls)))


def metaflows_own(world: World, wanted: LocalEnvironment, *, dies: str | None = None, young: bool = False) -> Path:
    """The conda part of `wanted`, made by micromamba as Metaflow has it made, or begun by it."""
    prefix = world.envs / "metaflow" / wanted.platform / wanted.id
    urls = [package.url for package in wanted.conda.packages]
    environ = world.environ | ({"MICROMAMBA_STAND_IN_DIES": dies} if dies else {})
    command = [str(world.root / "bin/micromamba"), "create", "--yes", "--prefix", str(prefix), "--no-deps", *urls]
    done = subprocess.run(command, env=environ, check=False, capture_output=True)
    assert (done.returncode == 0) == (dies is None), done.stderr
    if not young:
        for path in (prefix, prefix / "conda-meta"):
            os.utime(path, (time.time() - 3600, time.time() - 3600))
    return prefix

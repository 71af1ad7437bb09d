"""What Metaflow resolved, as mfenv's own resolutions, and a store that has the files."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from packaging.utils import parse_wheel_filename

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.store.archives import ArchiveStore
from mfenvd.store.errors import DownloadError, StoreProblem
from mfenvd.store.findings import finding_of
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.micromamba import read_micromamba_settings
from mfenvd.warm.plan import LocalEnvironment, NotMadeError
from tests.support.conda_python import PYTHON_VERSION
from tests.support.metaflow_world import LOCAL, World

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
    except OSError as error:
        raise DownloadError(str(error)) from error


def environments(world: World, cache: Path | None = None, *, trusted: bool = True) -> LocalEnvironments:
    """mfenv's environments for the user of `world`."""
    cache = cache or world.root / "cache"
    settings = read_micromamba_settings(Surroundings(str(world.project), environ=world.environ))
    return LocalEnvironments(cache, settings, StoreArchives(cache / "store"), trusted=trusted)


def wanted(id_: str, entry: dict[str, Any], *, platform: str = LOCAL) -> LocalEnvironment:
    """The environment of a manifest's entry (`manifest[id][platform]`)."""
    wheels = entry.get("pypi")
    return LocalEnvironment(
        id_,
        platform,
        resolution(conda_package(package["url"]) for package in entry["conda"]),
        None if wheels is None else resolution(wheel_package(package["url"]) for package in wheels),
    )


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

"""A resolution as an entry of Metaflow's manifest, and an entry as packages (Metaflow 2.19.39)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from mfenvd.domain.layouts import core_key_of
from mfenvd.domain.redact import without_channel_credentials
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target
from mfenvd.warm.lines import NotAnEntryError, conda_package_of, filename_of, linkable, wheel_of

Entry = list[dict[str, Any]]
"""What stands under `[id][platform][conda or pypi]`."""


def entry(resolution: Resolution, confirmed: Collection[str] = ()) -> Entry:
    """The entry for a resolution, in the order in which its packages can be linked.

    Args:
        resolution: Of conda packages or of wheels, not of both.
        confirmed: URLs whose objects are known to be in the datastore: these get their `path`.

    Raises:
        NotAnEntryError: A package is built here and does not come from a version control system.
    """
    return [_line(package, package.url in confirmed) for package in linkable(resolution.packages)]


def same_packages(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two entries name the same files, in whatever order and wherever they are kept."""
    return {line.get("url") for line in one} == {line.get("url") for line in other}


def resolution_of(lines: Sequence[Mapping[str, Any]], kind: Kind, target: Target, request: str) -> Resolution:
    """What an entry that somebody else wrote holds, as far as its URLs say.

    Raises:
        NotAnEntryError: A line has no URL, or one that names no package.
    """
    packages = sorted((_package(line, kind) for line in lines), key=lambda package: package.name)
    return Resolution(request, target, tuple(packages))


def _line(package: LockedPackage, confirmed: bool) -> dict[str, Any]:
    line: dict[str, Any] = {"url": package.url}
    if package.kind is Kind.PYPI:
        line["require_build"] = not package.url.endswith(".whl")
        if line["require_build"]:
            if not package.url.startswith("git+"):
                raise NotAnEntryError(f"{package.name} is built here from {package.url}")
            line["hash"] = package.url.partition("#")[0].rpartition("@")[2]
    if confirmed:
        line["path"] = core_key_of(package)
    return line


def source_of(package: LockedPackage) -> str:
    """Whose file it is: a conda package's channel, the host that a wheel is fetched from, or a folder here."""
    url = without_channel_credentials(package.url.partition("#")[0])
    if package.kind is Kind.CONDA:
        return url.rsplit("/", 2)[0]
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else url.rpartition("/")[0]


def _package(line: Mapping[str, Any], kind: Kind) -> LockedPackage:
    url = line.get("url")
    if not isinstance(url, str):
        raise NotAnEntryError("a package without a URL")
    filename = filename_of(url)
    if kind is Kind.CONDA:
        return conda_package_of(url, filename)
    if line.get("require_build"):
        name = PurePosixPath(urlsplit(url).path.partition("@")[0]).name.removesuffix(".git")
        return LockedPackage(name, str(line.get("hash", "")), "", url, built=True)
    return wheel_of(url, filename)

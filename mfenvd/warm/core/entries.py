"""A resolution as an entry of Metaflow's manifest, and an entry as packages (Metaflow 2.19.39)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_wheel_filename

from mfenvd.domain.layouts import core_key
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target

Entry = list[dict[str, Any]]
"""What stands under `[id][platform][conda or pypi]`."""

_ARCHIVES = (".conda", ".tar.bz2")


class NotAnEntryError(ValueError):
    """Metaflow's manifest has no way to say this."""


def entry(resolution: Resolution, confirmed: Collection[str] = ()) -> Entry:
    """The entry for a resolution, in the order in which its packages can be linked.

    Args:
        resolution: Of conda packages or of wheels, not of both.
        confirmed: URLs whose objects are known to be in the datastore: these get their `path`.

    Raises:
        NotAnEntryError: A package is built here and does not come from a version control system.
    """
    return [_line(package, package.url in confirmed) for package in _linkable(resolution.packages)]


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
        line["path"] = core_key(package.url, package.filename)
    return line


def _linkable(packages: Sequence[LockedPackage]) -> Iterator[LockedPackage]:
    """Each package after those that it needs; where packages need each other, the one that comes first by name last.

    Python comes before the pip that Metaflow has it need: pip is linked for a Python that is there.
    """
    known = {package.name: package for package in sorted(packages, key=lambda package: package.name)}
    seen: set[str] = set()

    def after_needs(name: str) -> Iterator[LockedPackage]:
        if name in seen:
            return
        seen.add(name)
        package = known[name]
        for need in package.requires:
            if need in known and (name, need) != ("python", "pip"):
                yield from after_needs(need)
        yield package

    for name in known:
        yield from after_needs(name)


def _package(line: Mapping[str, Any], kind: Kind) -> LockedPackage:
    url = line.get("url")
    if not isinstance(url, str):
        raise NotAnEntryError("a package without a URL")
    filename = unquote(urlsplit(url).path.rpartition("/")[2])
    if kind is Kind.CONDA:
        return _conda_package(url, filename)
    if line.get("require_build"):
        name = PurePosixPath(urlsplit(url).path.partition("@")[0]).name.removesuffix(".git")
        return LockedPackage(name, str(line.get("hash", "")), "", url, built=True)
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise NotAnEntryError(f"{url} names no wheel") from error
    return LockedPackage(name, str(version), filename, url)


def _conda_package(url: str, filename: str) -> LockedPackage:
    suffix = next((suffix for suffix in _ARCHIVES if filename.endswith(suffix)), None)
    parts = filename.removesuffix(suffix or "").rsplit("-", 2)
    if suffix is None or len(parts) != 3:
        raise NotAnEntryError(f"{url} names no conda package")
    folder = url.partition("#")[0].rpartition("/")[0]
    channel, _, subdir = folder.rpartition("/")
    md5 = url.partition("#")[2] or None
    return LockedPackage(
        parts[0], parts[1], filename, url, kind=Kind.CONDA, build=parts[2], subdir=subdir, channel=channel, md5=md5
    )

"""What manifests of both dialects have in common: packages in the order in which they are linked, and their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage

CONDA_ARCHIVES = (".conda", ".tar.bz2")


class NotAnEntryError(ValueError):
    """Metaflow's manifest has no way to say this."""


def linkable(packages: Sequence[LockedPackage]) -> Iterator[LockedPackage]:
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


def stem(filename: str) -> str:
    """`name-version-build` of a conda package's filename; any other as it is."""
    ending = next((ending for ending in CONDA_ARCHIVES if filename.endswith(ending)), "")
    return filename.removesuffix(ending)


def filename_of(url: str) -> str:
    """The file that a URL ends with: never a path, whatever the URL encodes."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def wheel_of(url: str, filename: str) -> LockedPackage:
    """A wheel, as far as its file's name says.

    Raises:
        NotAnEntryError: It is no wheel's. Of its tags anything else would be taken, a path among them.
    """
    if "/" in filename:
        raise NotAnEntryError(f"{url} names no wheel")
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise NotAnEntryError(f"{url} names no wheel") from error
    return LockedPackage(name, str(version), filename, url)


def conda_package_of(url: str, filename: str) -> LockedPackage:
    """A conda package, as far as its URL says, which may end with `#md5`.

    Raises:
        NotAnEntryError: It is no conda package's.
    """
    parts = stem(filename).rsplit("-", 2)
    if stem(filename) == filename or len(parts) != 3:
        raise NotAnEntryError(f"{url} names no conda package")
    folder = url.partition("#")[0].rpartition("/")[0]
    channel, _, subdir = folder.rpartition("/")
    md5 = url.partition("#")[2] or None
    return LockedPackage(
        parts[0], parts[1], filename, url, kind=Kind.CONDA, build=parts[2], subdir=subdir, channel=channel, md5=md5
    )

"""Requirements that are not wheels: what cannot cross architectures, and what is built for this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from urllib.parse import unquote, urlsplit

import msgspec
from packaging.requirements import Requirement

from mfenvd.domain.redact import redact
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.pages import from_url
from mfenvd.resolve.pypi.asked import Asked, combined, name_of
from mfenvd.resolve.pypi.catalog import releases

_VCS = ("git", "hg", "svn", "bzr")


class SourceKind(Enum):
    """Where a package that is not a wheel comes from."""

    VCS = "vcs"
    LOCAL = "local"
    ARCHIVE = "archive"
    INDEX = "index"


class Source(msgspec.Struct, frozen=True):
    """A requirement that is met by something else than a wheel.

    Attributes:
        requirement: As asked for; its address may hold credentials.
        kind: What it is.
        file: The newest allowed source distribution, for one that an index has.
        chain: Canonical names from the root requirement to it.
    """

    requirement: Requirement
    kind: SourceKind
    file: DistFile | None = None
    chain: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return name_of(self.requirement)

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel on this machine, which needs no building."""
        return self.kind is SourceKind.LOCAL and urlsplit(self.requirement.url or "").path.endswith(".whl")

    @property
    def shown(self) -> str:
        """The requirement as users know it, without credentials and without its marker."""
        bare = Requirement(str(self.requirement))
        bare.marker = None
        return redact(str(bare))


def addressed_sources(asked: Asked) -> Iterator[Source]:
    """Requirements whose own address is not that of a wheel elsewhere: VCS, this machine's files, archives."""
    for requirement in asked.requirements:
        kind = _kind(requirement)
        if kind is not None:
            yield Source(requirement, kind, chain=(name_of(requirement),))


def index_sources(asked: Asked, packages: Mapping[str, Listing]) -> Iterator[Source]:
    """Requirements whose allowed versions have source distributions only.

    Args:
        asked: The request on its target.
        packages: By canonical name; those that are missing are passed over.
    """
    seen: set[str] = set()
    for requirement in asked.requirements:
        name = name_of(requirement)
        if requirement.url or name in seen or name not in packages:
            continue
        seen.add(name)
        file = newest_sdist(packages[name], asked, asked.of(name))
        if file is not None:
            yield Source(requirement, SourceKind.INDEX, file, chain=(name,))


def newest_sdist(package: Listing, asked: Asked, requirements: Iterable[Requirement]) -> DistFile | None:
    """The newest allowed source distribution of a package none of whose allowed versions has a wheel, for any target.

    Returns:
        None when one has a wheel, or nothing is allowed.
    """
    limit = combined(requirement.specifier for requirement in requirements)
    found: list[DistFile] = []
    for version, files in releases(package):
        usable = [file for file in files if file.yanked is None]
        if not usable or not limit.contains(version, prereleases=True):
            continue
        if any(file.is_wheel for file in usable):
            return None
        found.append(usable[-1])
    finals = [file for file in found if asked.pre or not file.parsed_version.is_prerelease]
    return next(iter(finals or found), None)


def _kind(requirement: Requirement) -> SourceKind | None:
    if not requirement.url:
        return None
    parts = urlsplit(requirement.url)
    if parts.scheme.partition("+")[0] in _VCS:
        return SourceKind.VCS
    if parts.scheme not in {"http", "https"}:
        return SourceKind.LOCAL
    is_wheel = from_url(requirement.url, name_of(requirement), "") is not None and unquote(parts.path).endswith(".whl")
    return None if is_wheel else SourceKind.ARCHIVE

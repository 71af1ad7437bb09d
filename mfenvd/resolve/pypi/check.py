"""Which files of a version the target itself accepts, and which of them it gets: pip's rules, not uv's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mfenvd.domain.tags import best_rank, tag_ranks
from mfenvd.domain.target import Target
from mfenvd.resolve.explain import fits
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.files import DistFile


class Rules(msgspec.Struct, frozen=True):
    """What decides about a file.

    Attributes:
        target: Where it has to work.
        seen_as: What uv takes the target for.
        hashes: Allowed hashes (`sha256:…`) by canonical name.
    """

    target: Target
    seen_as: Target
    hashes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    def admits(self, file: DistFile) -> bool:
        """Whether `file` is a wheel for the target, by tags, Python and hash."""
        return fits(file, self.target) and self.allows_hash(file)

    def allows_hash(self, file: DistFile) -> bool:
        allowed = self.hashes.get(file.name)
        return allowed is None or (file.sha256 is not None and f"sha256:{file.sha256}" in allowed)

    def best(self, files: Iterable[DistFile]) -> DistFile | None:
        """The file of one version that pip takes on the target; None when none is admitted."""
        return most_wanted(filter(self.admits, files), self.target)

    def readable(self, files: Iterable[DistFile]) -> tuple[DistFile, ...]:
        """The wheels of one version that uv could have read the metadata of."""
        return tuple(file for file in files if file.is_wheel and best_rank(file.tags, self.seen_as) is not None)

    def misleading(self, package: Listing, allowed: SpecifierSet, chosen: Version | None = None) -> Iterator[Version]:
        """Versions that uv would take and the target cannot use, as far as they stand in the way.

        Args:
            package: Whose versions.
            allowed: What the request says about them.
            chosen: What uv chose; None before uv was asked.

        Yields:
            Newest first: those above the newest final release that is fine, and when `chosen` is not fine either,
            those from there down to the next one that is.
        """
        searching = True
        for version in package.versions:
            # A newer one may be fine and yet not go with the other packages: the search goes on below uv's choice.
            searching = searching or version == chosen
            if not searching or (version != chosen and not allowed.contains(version, prereleases=True)):
                continue
            files = package.of(version)
            if any(self.admits(file) for file in files):
                searching = version.is_prerelease
                if not searching and (chosen is None or version <= chosen):
                    return
            elif self.readable(files):
                yield version


def most_wanted(files: Iterable[DistFile], target: Target) -> DistFile | None:
    """The wheel that pip takes among those of one version: best tag, then highest build, then last listed."""
    ranks = tag_ranks(target)
    best: tuple[int, tuple[int, str] | tuple[()], int] | None = None
    found = None
    for position, file in enumerate(files):
        rank = min((ranks[tag] for tag in file.tags if tag in ranks), default=None)
        if rank is None:
            continue
        key = (-rank, file.build, position)
        if best is None or key > best:
            best, found = key, file
    return found


def exclusion(name: str, version: Version, others: Collection[Version]) -> str | None:
    """The constraint that rules out `version` of package `name` and none of `others`.

    Returns:
        None when there is none: `!=1.0` would rule out `1.0+cpu` as well.
    """
    if version.local is None and any(o.local is not None and o.public == version.public for o in others):
        return None
    return f"{name}!={version}"


def excluded_names(exclusions: Iterable[str]) -> Iterator[str]:
    """The packages that the constraints which `exclusion` makes are about, with repetitions."""
    return (exclusion.partition("!=")[0] for exclusion in exclusions)


def joined(exclusions: Iterable[str]) -> Iterator[str]:
    """Likewise one constraint for each package: uv looks at every constraint for every version that needs it."""
    exclusions = tuple(exclusions)
    by_name: dict[str, list[str]] = {}
    for name, exclusion in zip(excluded_names(exclusions), exclusions, strict=True):
        by_name.setdefault(name, []).append(exclusion.removeprefix(name))
    for name, parts in by_name.items():
        yield name + ",".join(parts)

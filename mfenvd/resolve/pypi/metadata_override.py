"""Wheels of one version that differ in what they need: what counts is the wheel that the target gets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from mfenvd.domain.target import Target
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.metadata import Metadata
from mfenvd.resolve.pypi.asked import Asked, applies
from mfenvd.resolve.pypi.catalog import Catalog, releases
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.uv import Override

# Of the versions that uv passed over, so many are looked into: a wrong word about dependencies may be why.
_MOST_SKIPPED = 8


class Overrides:
    """What uv has to be told about versions whose wheels differ in what they need.

    Args:
        asked: The request on its target; limits which versions are possible.
        rules: Say which wheel the target gets and which ones uv may have read.
        catalog: For the wheels' metadata.
    """

    def __init__(self, asked: Asked, rules: Rules, catalog: Catalog) -> None:
        self._asked = asked
        self._rules = rules
        self._catalog = catalog
        self._found: dict[tuple[str, Version], Override | None] = {}

    @property
    def all(self) -> tuple[Override, ...]:
        """Those found so far."""
        return tuple(override for override in self._found.values() if override is not None)

    def look_into(self, chosen: Iterable[tuple[Listing, Version]]) -> bool:
        """Whether there is a further one for the versions that uv chose, or for newer ones that it passed over.

        Raises:
            IndexProblem: A wheel's metadata cannot be had.
        """
        doubtful = {
            (package.name, version): (own, others)
            for package, used in chosen
            for version, own, others in _doubts(package, used, self._asked, self._rules)
            if (package.name, version) not in self._found
        }
        metadata = self._catalog.metadata(file for own, others in doubtful.values() for file in (own, *others))
        target = self._rules.target
        fresh = {key: _override(own, others, metadata, target) for key, (own, others) in doubtful.items()}
        self._found.update(fresh)
        return any(override is not None for override in fresh.values())


def requirements_on(metadata: Metadata, target: Target, extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """What a wheel needs on `target` with these extras; entries that are not PEP 508 are passed over, as uv does."""
    for text in metadata.requires:
        requirement = _requirement(text)
        if requirement is not None and applies(requirement, target, extras):
            yield requirement


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _doubts(
    package: Listing, chosen: Version, asked: Asked, rules: Rules
) -> Iterator[tuple[Version, DistFile, tuple[DistFile, ...]]]:
    """Versions where uv may have read another wheel: the target's own wheel and the others."""
    allowed = asked.specifier(package.name)
    skipped = 0
    for version, files in releases(package):
        if version < chosen or skipped > _MOST_SKIPPED:
            return
        if version != chosen and (version.is_prerelease or not allowed.contains(version, prereleases=True)):
            continue
        own = rules.best(files)
        if own is None:
            continue
        skipped += version != chosen
        others = tuple(file for file in rules.read_by_uv(files) if file.filename != own.filename)
        if others:
            yield version, own, others


def _override(
    own: DistFile, others: tuple[DistFile, ...], metadata: Mapping[DistFile, Metadata], target: Target
) -> Override | None:
    """The target's wheel's word, if one of the others says something else that matters there."""
    said = metadata[own]
    if all(_needs(metadata[other], target) == _needs(said, target) for other in others):
        return None
    readable = tuple(text for text in said.requires if _requirement(text) is not None)
    return Override(own.name, str(own.parsed_version), readable, said.requires_python, said.extras)


def _needs(metadata: Metadata, target: Target) -> tuple[frozenset[str], str | None]:
    requirements = requirements_on(metadata, target, metadata.extras)
    return frozenset(map(str, requirements)), metadata.requires_python

"""Pre-releases by pip's rule, which looks at all demands on a package at once; uv looks at the request's only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.demands import Demands


def is_doubtful(package: Listing, chosen: Version, rules: Rules) -> bool:
    """Whether the demands on a package may say that another version than uv's choice is right."""
    return chosen.is_prerelease or _newer_prerelease(package, chosen, SpecifierSet(), rules)


def corrections(doubtful: Iterable[tuple[Listing, Version]], demands: Demands, rules: Rules) -> Iterator[str]:
    """Constraints that make uv treat pre-releases of these packages as pip does.

    pip takes pre-releases of a package when a demand on it names one, or when no final release meets the demands and
    fits the target; withdrawn ones count as final releases here.

    Args:
        doubtful: Packages with the versions that uv chose.
        demands: On the packages of uv's answer.
        rules: Decide about files.

    Raises:
        IndexProblem: A wheel's metadata cannot be had.
    """
    for package, chosen in doubtful:
        wanted = demands.on(package.name)
        if chosen.is_prerelease:
            if not wanted.prereleases and _has_final(package, wanted, rules):
                yield f"{package.name}!={chosen}"
        elif wanted.prereleases and _newer_prerelease(package, chosen, wanted, rules):
            # Admits every version, and by naming a pre-release says that they are welcome.
            yield f"{package.name}>=0.dev0"


def _has_final(package: Listing, wanted: SpecifierSet, rules: Rules) -> bool:
    return any(
        not version.is_prerelease and wanted.contains(version) and any(map(rules.admits, package.of(version)))
        for version in package.versions
    )


def _newer_prerelease(package: Listing, chosen: Version, wanted: SpecifierSet, rules: Rules) -> bool:
    for version in package.versions:
        if version <= chosen:
            return False
        if version.is_prerelease and wanted.contains(version, prereleases=True):
            best = rules.best(package.of(version))
            if best is not None and best.yanked is None:
                return True
    return False

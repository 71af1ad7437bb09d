"""Pre-releases by pip's rule, which looks at all demands on a package at once; uv looks at the request's only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.specifiers import SpecifierSet

from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.pypi.catalog import releases
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.demands import Chosen, Demands


def corrections(chosen: Iterable[tuple[Chosen, Listing]], demands: Demands, rules: Rules) -> Iterator[str]:
    """Constraints that make uv treat pre-releases of the chosen packages as pip does.

    pip takes pre-releases of a package when a demand on it names one, or when no final release meets the demands and
    fits the target; withdrawn ones count as final releases here.

    Raises:
        IndexProblem: A wheel's metadata cannot be had.
    """
    for one, package in chosen:
        if one.version.is_prerelease:
            wanted = demands.on(one.name)
            if not wanted.prereleases and _has_final(package, wanted, rules):
                yield f"{one.name}!={one.version}"
        elif _newer_prerelease(one, package, SpecifierSet(), rules):
            wanted = demands.on(one.name)
            if wanted.prereleases and _newer_prerelease(one, package, wanted, rules):
                # Admits every version, and by naming a pre-release says that they are welcome.
                yield f"{one.name}>=0.dev0"


def _has_final(package: Listing, wanted: SpecifierSet, rules: Rules) -> bool:
    return any(
        not version.is_prerelease and wanted.contains(version) and any(map(rules.admits, files))
        for version, files in releases(package)
    )


def _newer_prerelease(one: Chosen, package: Listing, wanted: SpecifierSet, rules: Rules) -> bool:
    for version, files in releases(package):
        if version <= one.version:
            return False
        if version.is_prerelease and wanted.contains(version, prereleases=True):
            best = rules.best(files)
            if best is not None and best.yanked is None:
                return True
    return False

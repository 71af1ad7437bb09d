"""Pre-releases by pip's rule, which looks at all demands on a package at once; uv looks at the request's only."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.chosen import Chosen
from mfenvd.resolve.pypi.demands import Demands


def is_doubtful(package: Listing, chosen: Version, rules: Rules) -> bool:
    """Whether the demands on a package may say that another version than uv's choice is right."""
    return chosen.is_prerelease or _newer_prerelease(package, chosen, SpecifierSet(), rules)


class Corrections(msgspec.Struct, frozen=True):
    """What makes uv treat pre-releases as pip does.

    Attributes:
        constraints: Against pre-releases that pip would not take.
        welcome: Canonical names of packages of which pip would take one.
    """

    constraints: tuple[str, ...] = ()
    welcome: tuple[str, ...] = ()


def corrections(doubtful: Iterable[Chosen], demands: Demands, catalog: Catalog, rules: Rules) -> Corrections:
    """Where uv and pip differ about some packages.

    pip takes pre-releases of a package when a demand on it names one, or when no final release meets the demands and
    fits the target; withdrawn ones count as final releases here.

    Args:
        doubtful: uv's choices that `is_doubtful` says so of.
        demands: On the packages of uv's answer.
        catalog: What else there is of them.
        rules: Decide about files.

    Raises:
        IndexProblem: A wheel's metadata cannot be had.
    """
    constraints, welcome = [], []
    for one in doubtful:
        wanted = demands.on(one.name)
        if wanted.prereleases:
            if _newer_prerelease(catalog.package(one.name), one.version, wanted, rules):
                welcome.append(one.name)
        elif one.version.is_prerelease and _has_final(catalog.package(one.name), wanted, rules):
            constraints.append(f"{one.name}!={one.version}")
    return Corrections(tuple(constraints), tuple(welcome))


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

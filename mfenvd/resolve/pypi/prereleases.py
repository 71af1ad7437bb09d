"""Pre-releases by pip's rule, which looks at all demands on a package at once; uv looks at the request's only."""

from __future__ import annotations

from enum import Enum

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.pypi.check import Rules


def is_doubtful(package: Listing, chosen: Version, rules: Rules) -> bool:
    """Whether the demands on a package may say that another version than uv's choice is right."""
    return chosen.is_prerelease or _newer_prerelease(package, chosen, SpecifierSet(), rules)


class Correction(str, Enum):
    """What uv has to be told about a package so that it treats pre-releases as pip does."""

    NONE = ""
    EXCLUDE = "exclude"
    """Its choice is a pre-release that pip would not take."""
    WELCOME = "welcome"
    """pip would take a pre-release."""


def correction(chosen: Version, wanted: SpecifierSet, package: Listing, rules: Rules) -> Correction:
    """Where uv and pip differ about a package that `is_doubtful`.

    pip takes pre-releases of a package when a demand on it names one, or when no final release meets the demands and
    fits the target; withdrawn ones count as final releases here.

    Args:
        chosen: uv's choice.
        wanted: All demands on the package.
        package: What else there is of it.
        rules: Decide about files.
    """
    if wanted.prereleases:
        return Correction.WELCOME if _newer_prerelease(package, chosen, wanted, rules) else Correction.NONE
    if chosen.is_prerelease and _has_final(package, wanted, rules):
        return Correction.EXCLUDE
    return Correction.NONE


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

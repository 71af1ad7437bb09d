"""The same request, other versions: what differs between targets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
from packaging.version import InvalidVersion, Version

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target

_PYTHON = "python"
_PART = re.compile(r"\d+|[a-z]+")


def drift_findings(resolutions: Mapping[Target, Resolution]) -> dict[Target, tuple[Finding, ...]]:
    """A notice per target and package whose version is not the same wherever the package is needed.

    The pin that is offered is the lowest of the versions: the others could choose it too, this target could
    not choose a higher one. Local version parts (`+cpu`) do not count as a difference.

    Libraries of conda that no Python package is and nobody asks for do not count either: each platform has its own
    numbers for them (`libgfortran` 5.0.0 is for Macs alone), which cannot be pinned.
    """
    versions: dict[str, dict[Target, str]] = {}
    requested: set[str] = set()
    for target, resolution in resolutions.items():
        for package in filter(_matters, resolution.packages):
            versions.setdefault(package.name, {})[target] = package.version.partition("+")[0]
            if package.requested:
                requested.add(package.name)
    drifting = {name: found for name, found in sorted(versions.items()) if len(set(found.values())) > 1}
    return {
        target: tuple(_finding(name, found, name in requested) for name, found in drifting.items() if target in found)
        for target in resolutions
    }


def _matters(package: LockedPackage) -> bool:
    return package.requested or package.kind is not Kind.CONDA or _PYTHON in package.requires


class Drifting(msgspec.Struct, frozen=True):
    """One package's versions on several targets.

    Attributes:
        name: Of the package.
        versions: By target; None where the resolution does without the package.
        differs: Whether the versions are not all the same, local parts aside; a target without it does not count.
    """

    name: str
    versions: dict[Target, str | None]
    differs: bool


def side_by_side(packages: Mapping[Target, Iterable[LockedPackage]]) -> tuple[Drifting, ...]:
    """Every package of several resolutions with its version on each target, those that differ first."""
    by_target = {target: {one.name: one.version for one in found} for target, found in packages.items()}
    names = sorted({name for versions in by_target.values() for name in versions})
    rows = (_side_by_side(name, by_target) for name in names)
    return tuple(sorted(rows, key=lambda row: not row.differs))


def _side_by_side(name: str, by_target: Mapping[Target, Mapping[str, str]]) -> Drifting:
    versions = {target: found.get(name) for target, found in by_target.items()}
    public = {version.partition("+")[0] for version in versions.values() if version is not None}
    return Drifting(name, versions, len(public) > 1)


def _finding(name: str, found: Mapping[Target, str], requested: bool) -> Finding:
    lowest = _lowest(found.values())
    places = ", ".join(f"{version} on {target.arch}" for target, version in found.items())
    pin = f"{name}=={lowest}"
    return Finding(
        code=Code.DRIFT,
        severity=Severity.NOTICE,
        message=f"{name} differs between architectures: {places}.",
        package=name,
        fix=f"Pin `{pin}` to have the same version everywhere." if requested else f"Add `{pin}` to pin it everywhere.",
        data={"versions": {str(target.arch): version for target, version in found.items()}, "pin": pin},
    )


def _lowest(versions: Iterable[str]) -> str:
    """By PEP 440; by conda's rules, roughly, where one of them is none of its versions, as `1.1.1w`."""
    found = sorted(versions)
    try:
        return min(found, key=Version)
    except InvalidVersion:
        return min(found, key=_conda_order)


def _conda_order(version: str) -> list[tuple[bool, int, str]]:
    parts = _PART.findall(version.lower())
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]

"""The same request, other versions: what differs between targets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from packaging.version import InvalidVersion, Version

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolution import Resolution
from mfenvd.domain.target import Target

_PART = re.compile(r"\d+|[a-z]+")


def drift_findings(resolutions: Mapping[Target, Resolution]) -> dict[Target, tuple[Finding, ...]]:
    """A notice per target and package whose version is not the same wherever the package is needed.

    The pin that is offered is the lowest of the versions: the others could choose it too, this target could
    not choose a higher one. Local version parts (`+cpu`) do not count as a difference.
    """
    versions: dict[str, dict[Target, str]] = {}
    requested: set[str] = set()
    for target, resolution in resolutions.items():
        for package in resolution.packages:
            versions.setdefault(package.name, {})[target] = package.version.partition("+")[0]
            if package.requested:
                requested.add(package.name)
    drifting = {name: found for name, found in sorted(versions.items()) if len(set(found.values())) > 1}
    return {
        target: tuple(_finding(name, found, name in requested) for name, found in drifting.items() if target in found)
        for target in resolutions
    }


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

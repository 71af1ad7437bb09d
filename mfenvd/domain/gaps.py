"""Packages by arch: which file each arch gets, and where there is none, why and what there is instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from packaging.version import InvalidVersion, Version

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.verdict import Verdict

_NEAR = ("GLIBC", "macOS", "Python", "ABI")
"""Axes on which a wheel fails that is else for the same machines, the nearest miss first."""


class Misfit(msgspec.Struct, frozen=True):
    """A wheel that does not fit, the axes on which it fails, and what it would fit."""

    filename: str
    axes: tuple[str, ...]
    needs: str = ""


class GapCell(msgspec.Struct, frozen=True):
    """One package on one arch.

    Attributes:
        arch: Where.
        file: What the arch gets; None where it gets nothing, or that is not known yet.
        code: Of the finding that says why there is none; None where there is a file, or nothing is known.
        axes: What the wheels fail on, the nearest miss first.
        nearest: The version to write instead; None where there is none, or nothing is missing.
        misfits: The wheels that there are, the nearest miss first.
    """

    arch: Arch
    file: str | None = None
    code: str | None = None
    axes: tuple[str, ...] = ()
    nearest: str | None = None
    misfits: tuple[Misfit, ...] = ()


class Gap(msgspec.Struct, frozen=True):
    """One package that some arch has no file of.

    Attributes:
        name: Of the package.
        cells: By arch, in the order of `Arch`.
        everywhere: The newest version known to be there for every arch that lacks one, and no newer than what the
            others have; None where no single version is known.
    """

    name: str
    cells: tuple[GapCell, ...]
    everywhere: str | None = None


def gaps(verdicts: Iterable[Verdict]) -> tuple[Gap, ...]:
    """The packages that an environment lacks on some arch.

    Args:
        verdicts: Of one environment, one for each arch.
    """
    known = list(verdicts)
    missing: dict[str, dict[Arch, Finding]] = {}
    for verdict in known:
        for finding in verdict.findings:
            if finding.package is not None and _is_gap(finding):
                missing.setdefault(finding.package, {}).setdefault(verdict.target.arch, finding)
    return tuple(_gap(name, found, known) for name, found in sorted(missing.items()))


def _is_gap(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and ("nearest" in finding.data or "archs" in finding.data)


def _gap(name: str, found: dict[Arch, Finding], verdicts: Sequence[Verdict]) -> Gap:
    cells = tuple(
        sorted(
            (_cell(name, verdict, found.get(verdict.target.arch)) for verdict in verdicts),
            key=lambda cell: list(Arch).index(cell.arch),
        )
    )
    there = [package.version for verdict in verdicts for package in verdict.packages if package.name == name]
    return Gap(name, cells, _everywhere([cell.nearest for cell in cells if cell.code is not None], there))


def _cell(name: str, verdict: Verdict, finding: Finding | None) -> GapCell:
    arch = verdict.target.arch
    if finding is None:
        return GapCell(arch, next((package.filename for package in verdict.packages if package.name == name), None))
    misfits = tuple(sorted(_misfits(finding.data.get("wheels", ())), key=_distance))
    nearest_miss = misfits[0].axes if misfits else ()
    nearest = finding.data.get("nearest")
    return GapCell(arch, None, str(finding.code), nearest_miss, nearest and str(nearest), misfits)


def _distance(misfit: Misfit) -> tuple[int, int]:
    return len(misfit.axes), min((_NEAR.index(axis) for axis in misfit.axes if axis in _NEAR), default=len(_NEAR))


def _misfits(wheels: Iterable[Any]) -> Iterable[Misfit]:
    for wheel in wheels:
        if isinstance(wheel, dict) and "filename" in wheel:
            yield Misfit(str(wheel["filename"]), tuple(map(str, wheel.get("axes", ()))), str(wheel.get("needs", "")))


def _everywhere(nearest: Sequence[str | None], there: Sequence[str]) -> str | None:
    """What all archs that lack the package could take: their nearest versions, if these are one and the same."""
    known = set(nearest)
    if len(known) != 1 or None in known:
        return None
    (version,) = known
    return version if version is not None and all(_not_newer(version, other) for other in there) else None


def _not_newer(version: str, other: str) -> bool:
    try:
        return Version(version) <= Version(other)
    except InvalidVersion:
        return version == other

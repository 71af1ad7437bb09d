"""Whether a request fails for what the target's system lacks: asked by solving again for a system that has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec
from rattler import GenericVirtualPackage, MatchSpec, PackageName, PackageRecord, RepoDataRecord, Version
from rattler.package import BuildString

from mfenvd.domain.target import Target
from mfenvd.resolve.conda.names import spec_name
from mfenvd.resolve.conda.virtual_packages import virtual_packages

GLIBC, MACOS, CUDA = "__glibc", "__osx", "__cuda"

_GENEROUS = {GLIBC: ("2.99",), MACOS: ("99.0",), CUDA: ("12.9", "13.9", "11.8")}
_BOUND = re.compile(r"(?:>=|==|>)\s*(\d+(?:\.\d+)*)")

Solve = Callable[[tuple[GenericVirtualPackage, ...]], "tuple[RepoDataRecord, ...] | None"]
"""The same request with other virtual packages; None when it cannot be met with them either."""


class Lack(msgspec.Struct, frozen=True):
    """What the target would need.

    Attributes:
        name: Of the virtual package.
        version: The lowest that is known to do; None where any will.
        records: What is chosen with it.
        package: Name of one of them that needs it.
        enough: A version that does, `version` where that is known.
    """

    name: str
    version: str | None
    records: tuple[RepoDataRecord, ...]
    package: str
    enough: str


Builds = Callable[[str], Iterable[RepoDataRecord]]
"""All that there is of a package for the target's arch."""

Offered = Mapping[str, str]
"""Versions of virtual packages, in place of those that the target has."""


def lacking(target: Target, solve: Solve, builds: Builds, offered: Offered) -> tuple[Lack, ...]:
    """What about its system keeps a request from being met on `target`: one thing, else two; empty when it is not that.

    Args:
        target: Where.
        solve: The request.
        builds: What there is.
        offered: What the target is taken to have already.
    """
    names = _asked_of(target)
    for name in names:
        found = _lack(name, target, solve, builds, offered)
        if found is not None:
            return (found,)
    return _two_lacking(names, target, solve, builds, offered) if len(names) == 2 else ()


def offering(target: Target, offered: Offered) -> tuple[GenericVirtualPackage, ...]:
    """The virtual packages of `target` with other versions of some."""
    others = tuple(package for package in virtual_packages(target) if package.name.normalized not in offered)
    return (
        *others,
        *(
            GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
            for name, version in offered.items()
        ),
    )


def _asked_of(target: Target) -> tuple[str, ...]:
    if target.arch.is_macos:
        return (MACOS,)
    return (GLIBC, CUDA) if target.arch.is_linux else (CUDA,)


def _two_lacking(
    names: tuple[str, ...], target: Target, solve: Solve, builds: Builds, offered: Offered
) -> tuple[Lack, ...]:
    first, second = names
    for generous in _GENEROUS[first]:
        other = _lack(second, target, solve, builds, {**offered, first: generous})
        if other is not None:
            one = _lack(first, target, solve, builds, {**offered, second: other.enough})
            return (one, other) if one is not None else ()
    return ()


def _lack(name: str, target: Target, solve: Solve, builds: Builds, offered: Offered) -> Lack | None:
    if name in offered:
        return None
    for generous in _GENEROUS[name]:

        def solved(version: str) -> tuple[RepoDataRecord, ...] | None:
            return solve(offering(target, {**offered, name: version}))

        found = _lowest(name, generous, solved, target, builds)
        if found is not None:
            return found
    return None


def _lowest(
    name: str,
    generous: str,
    solved: Callable[[str], tuple[RepoDataRecord, ...] | None],
    target: Target,
    builds: Builds,
) -> Lack | None:
    """What is chosen for a generous system needs of `name`; other builds of the same packages may need less."""
    records = solved(generous)
    needing = _needing(records or (), name, target)
    if records is None or not needing:
        return None
    for version in _bounds([build for record in needing for build in builds(record.name.normalized)], name):
        enough = solved(version)
        if enough is not None:
            needing = _needing(enough, name, target) or needing
            return Lack(name, version, enough, needing[0].name.normalized, version)
    return Lack(name, None, records, needing[0].name.normalized, generous)


def _needing(records: Iterable[RepoDataRecord], name: str, target: Target) -> list[RepoDataRecord]:
    """Those that need more than the target has, the most demanding first."""
    has = [_as_record(package) for package in virtual_packages(target) if package.name.normalized == name]
    found = [
        record
        for record in records
        if any(not any(MatchSpec(spec).matches(one) for one in has) for spec in _specs(record, name))
    ]
    return sorted(
        found, key=lambda record: max(map(Version, _bounds([record], name)), default=Version("0")), reverse=True
    )


def _bounds(records: Iterable[RepoDataRecord], name: str) -> list[str]:
    """The lower bounds in what `records` need, the lowest first."""
    found = {bound for record in records for spec in _specs(record, name) for bound in _BOUND.findall(spec)}
    return sorted(found, key=Version)


def _specs(record: RepoDataRecord, name: str) -> list[str]:
    return [spec for spec in record.depends if spec_name(spec) == name]


def _as_record(package: GenericVirtualPackage) -> PackageRecord:
    return PackageRecord(
        name=package.name,
        version=str(package.version),
        build=package.build_string,
        build_number=0,
        subdir="noarch",
    )

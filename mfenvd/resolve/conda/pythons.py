"""Which Pythons builds of a package are for."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec
from rattler import RepoDataRecord

from mfenvd.resolve.conda.names import spec_name

ABOUT_PYTHON = frozenset({"python", "python_abi"})

_BOUND = re.compile(r"(?P<operator>>=|==?|^)(?P<major>\d+)\.(?P<minor>\d+)")

Minor = tuple[int, int]


class Pythons(msgspec.Struct, frozen=True):
    """Minor versions of Python.

    Attributes:
        exact: Those with a build of their own, the oldest first.
        oldest: The oldest of the builds that are for any newer one too; None without such builds.
    """

    exact: tuple[Minor, ...] = ()
    oldest: Minor | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """`3.10`, `3.11`, `3.12 or newer`."""
        found = [f"{major}.{minor}" for major, minor in self.exact]
        return (*found, f"{self.oldest[0]}.{self.oldest[1]} or newer") if self.oldest else tuple(found)

    def include(self, python: RepoDataRecord) -> bool:
        """Whether there may be a build for this package `python`."""
        major, minor = (int(part) for part in str(python.version).split(".")[:2])
        return (major, minor) in self.exact or (self.oldest is not None and (major, minor) >= self.oldest)


def pythons_of(records: Iterable[RepoDataRecord]) -> Pythons:
    """The Pythons that `records`, builds of one package, are for; as far as their dependencies say so directly."""
    exact: set[Minor] = set()
    oldest: Minor | None = None
    for record in records:
        for spec in record.depends:
            bound = _BOUND.search(spec.partition(" ")[2]) if spec_name(spec) in ABOUT_PYTHON else None
            if bound is None:
                continue
            minor = int(bound["major"]), int(bound["minor"])
            if bound["operator"] == ">=" and "<" not in spec:
                oldest = minor if oldest is None else min(oldest, minor)
            else:
                exact.add(minor)
    return Pythons(tuple(sorted(exact)), oldest)

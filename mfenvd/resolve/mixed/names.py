"""What conda packages are called on the Python package index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from importlib import resources

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.resolve.pypi.standins import Installed

# A package that needs one of these is a Python package; of others there is no metadata in site-packages.
_PYTHON = frozenset({"python", "python_abi"})

_DATE = re.compile(r"# date: (\d{4}-\d\d-\d\d)")
_LEADING_RELEASE = re.compile(r"(\d+!)?\d+(\.\d+)*")


class Names(msgspec.Struct, frozen=True, dict=True):
    """The names that differ, and the day on which they were as they are here.

    Attributes:
        table: Canonical names on the index by conda name; none where the package brings no distribution.
        date: `2026-11-22`.
    """

    table: dict[str, tuple[str, ...]]
    date: str

    def on_index(self, conda: str) -> tuple[str, ...]:
        """Canonical names of the distributions that conda package `conda` brings, if it is a Python package."""
        return self.table.get(conda, (canonicalize_name(conda),))

    def in_conda(self, name: str) -> str:
        """A conda package that brings the distribution of canonical name `name`."""
        return self._reversed.get(name, name)

    def updated(self, newer: Names) -> Names:
        """With what `newer` knows besides: what stands here was looked at by a person."""
        return Names({**newer.table, **self.table}, max(self.date, newer.date))

    def brought(self, packages: Iterable[LockedPackage]) -> dict[str, Installed]:
        """The distributions that conda `packages` bring, by canonical name."""
        found: dict[str, Installed] = {}
        for package in packages:
            if package.kind is Kind.CONDA and _PYTHON.intersection(package.requires):
                for name in self.on_index(package.name):
                    # Of `dask-core` and the `dask` that gathers it around, the former is what is listed.
                    if name not in found or package.name in self.table:
                        found[name] = Installed(python_version(package.version), package.name)
        return found

    @cached_property
    def _reversed(self) -> dict[str, str]:
        # The first to be listed wins.
        return {name: conda for conda, names in reversed(self.table.items()) for name in names}


def python_version(conda: str) -> Version:
    """A conda version as PEP 440 has it; what is none there is cut to the numbers that it begins with."""
    try:
        return Version(conda)
    except InvalidVersion:
        release = _LEADING_RELEASE.match(conda)
        return Version(release[0] if release else "0")


@lru_cache(maxsize=1)
def own_names() -> Names:
    """Those that mfenv itself knows."""
    text = resources.files(__package__).joinpath("names.txt").read_text("utf-8")
    date = _DATE.search(text)
    return Names(dict(_rows(text)), date[1] if date else "")


def _rows(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in text.splitlines():
        conda, *names = line.partition("#")[0].split() or [""]
        if conda:
            yield conda, () if names == ["-"] else tuple(names)

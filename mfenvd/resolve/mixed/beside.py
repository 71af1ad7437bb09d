"""What there is once conda's packages are settled, and what is left to ask of PyPI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from mfenvd.domain.finding import Finding
from mfenvd.domain.graph import chains
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target
from mfenvd.resolve.mixed.findings import on_both_sides
from mfenvd.resolve.mixed.names import Names
from mfenvd.resolve.pypi.asked import asked_on, name_of
from mfenvd.resolve.pypi.standins import Installed

# A package that needs one of these is a Python package; of others there is no metadata in site-packages.
_PYTHON = frozenset({"python", "python_abi"})

_LEADING_RELEASE = re.compile(r"(\d+!)?\d+(\.\d+)*")


class Beside:
    """A request on a target whose conda packages are known.

    Args:
        request: As asked for.
        target: As asked for.
        conda: conda's packages.
        names: What these are called on the index.

    Attributes:
        conda: conda's packages.
        names: What these are called on the index.
        target: With the Python that conda brings.
        installed: What conda brings, by canonical name on the index.
        request: For what it does not bring.
        findings: About what both sides bring.
    """

    def __init__(self, request: Request, target: Target, conda: Sequence[LockedPackage], names: Names) -> None:
        self.conda = conda
        self.names = names
        self._original = request
        self._asked_for = target
        self.target = _with_python_of(conda, target)
        self.installed = brought(conda, names)
        asked = asked_on(request.pypi, self.target).requirements
        twice = [requirement for requirement in asked if name_of(requirement) in self.installed]
        # What an extra of a conda package needs is not there yet.
        kept = tuple(str(one) for one in asked if one.extras or name_of(one) not in self.installed)
        self.request = msgspec.structs.replace(request, pypi=msgspec.structs.replace(request.pypi, requirements=kept))
        self.findings = tuple(map(self._on_both_sides, twice))

    def joined(self, wheels: Iterable[LockedPackage]) -> Resolution:
        """Conda's packages and `wheels` as one resolution, in which wheels need conda packages by their own names."""
        packages = [*self.conda, *(self._among_all(wheel) for wheel in wheels)]
        packages.sort(key=lambda package: (package.name, package.kind))
        return Resolution(self._original.key, self._asked_for, tuple(packages))

    def _among_all(self, wheel: LockedPackage) -> LockedPackage:
        needs = {self.installed[name].package if name in self.installed else name for name in wheel.requires}
        return msgspec.structs.replace(wheel, requires=tuple(sorted(needs)))

    def _on_both_sides(self, requirement: Requirement) -> Finding:
        installed = self.installed[name_of(requirement)]
        chain = next(iter(chains(self.conda, installed.package)), (installed.package,))
        return on_both_sides(requirement, installed, chain, self.names.date)


def brought(packages: Iterable[LockedPackage], names: Names) -> dict[str, Installed]:
    """The distributions that conda `packages` bring, by their canonical names on the index."""
    found: dict[str, Installed] = {}
    for package in packages:
        if package.kind is Kind.CONDA and _PYTHON.intersection(package.requires):
            for name in names.on_index(package.name):
                # Of `dask-core` and the `dask` that gathers it around, the former is what is listed.
                if name not in found or package.name in names.table:
                    found[name] = Installed(python_version(package.version), package.name)
    return found


def python_version(conda: str) -> Version:
    """A conda version as PEP 440 has it; what is none there is cut to the numbers that it begins with."""
    try:
        return Version(conda)
    except InvalidVersion:
        release = _LEADING_RELEASE.match(conda)
        return Version(release[0] if release else "0")


def _with_python_of(conda: Iterable[LockedPackage], target: Target) -> Target:
    python = next((package.version for package in conda if package.name == "python"), None)
    if python is None:
        return target
    return msgspec.structs.replace(target, python=f"{python}t" if target.free_threaded else python)

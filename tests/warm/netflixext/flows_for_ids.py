"""Flows whose steps have every combination of the extension's decorators, written out and as mfenv reads them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

import msgspec

from mfenvd.domain.loaded import DeclaredFlow, DeclaredStep

_LIBRARIES: tuple[dict[str, str], ...] = ({}, {"numpy": ">=1.2,<3"}, {"ffmpeg": "", "scipy": "1.10.*"})
_PACKAGES: tuple[dict[str, str], ...] = (
    {}, {"idna": "3.7.0"}, {"Zope.Interface": "", "certifi": ">=2"}, {"requests": "2.32.0"},
    {"b": "1", "a": '2; python_version < "3.12"'},
)  # fmt: skip
_PYTHONS = (None, "3.10.0", "3.11.*")
_BASES = {
    "PlainFlow": "",
    "PypiFlow": '@pypi_base(packages={"six": "1.15.0", "idna": "3.6"}, python="3.10.*")',
    "CondaFlow": '@conda_base(libraries={"numpy": "1.26"}, channels=["bioconda"])',
}


class Combination(msgspec.Struct, frozen=True):
    """A step's own decorators."""

    libraries: dict[str, str] | None = None
    packages: dict[str, str] | None = None
    python: str | None = None
    more: str = ""
    disabled: bool = False

    @property
    def lines(self) -> list[str]:
        found = [f"    {self.more}"] if self.more else []
        last = [f"python={self.python!r}"] if self.python else []
        last += ["disabled=True"] if self.disabled else []
        if self.libraries is not None:
            found.append(f"    @conda({', '.join([f'libraries={self.libraries!r}', *last])})")
        if self.packages is not None:
            own = [] if self.libraries is not None else last
            found.append(f"    @pypi({', '.join([f'packages={self.packages!r}', *own])})")
        return found

    @property
    def declared(self) -> tuple[str, dict[str, str]] | None:
        """Kind and packages, where reading tells Metaflow all of it: one kind, and nothing besides."""
        if self.more or (self.libraries is not None and self.packages is not None):
            return None
        return ("pypi", self.packages) if self.packages is not None else ("conda", self.libraries or {})


def combinations() -> list[Combination]:
    """All of them, in a random but fixed order."""
    found = [
        Combination(libraries, packages, python)
        for libraries, packages, python in itertools.product((None, *_LIBRARIES), (None, *_PACKAGES), _PYTHONS)
        if libraries is not None or packages is not None
    ]
    found += [Combination({}, None, disabled=True), Combination(None, {"idna": ""}, disabled=True)]
    found += [
        Combination(None, {"idna": ""}, more='@sys_packages(packages={"__glibc": "2.31"})'),
        Combination({"numpy": ""}, None, more='@sys_packages(packages={"__cuda": "12.4"})'),
        Combination({"numpy": ""}, None, more='@conda(channels=["conda-forge", "https://host.example/team"])'),
        Combination(None, {"idna": ""}, more='@pypi(extra_indices=["https://host.example/simple"])'),
        Combination(None, {"idna": ""}, more='@pypi(conda_only={"ffmpeg": "4.1.0"})'),
    ]
    random.Random(5).shuffle(found)  # noqa: S311 - nothing secret
    return [*found, Combination()]


def flows() -> Iterator[tuple[str, str, DeclaredFlow]]:
    """Name, source and reading of flows that together have each combination, below each flow decorator."""
    for name, base in _BASES.items():
        steps = combinations()
        yield name, _source(name, base, steps), _declared(name, steps if not base else ())


def _declared(name: str, steps: Sequence[Combination]) -> DeclaredFlow:
    found = []
    for step, one in zip(_names(len(steps)), steps, strict=False):
        if one.declared is not None:
            kind, packages = one.declared
            found.append(DeclaredStep(step, kind, one.disabled, one.python, packages))
    return DeclaredFlow(name, tuple(found))


def _names(count: int) -> list[str]:
    return ["start", *(f"s{index}" for index in range(count - 2)), "end"]


def _source(name: str, base: str, steps: list[Combination]) -> str:
    lines = ["from metaflow import FlowSpec, conda, conda_base, pypi, pypi_base, step, sys_packages", ""]
    lines += [*([base] if base else []), f"class {name}(FlowSpec):"]
    names = _names(len(steps))
    for index, (step, combination) in enumerate(zip(names, steps, strict=True)):
        lines += [*combination.lines, "    @step", f"    def {step}(self):"]
        lines += [f"        self.next(self.{names[index + 1]})" if step != "end" else "        pass", ""]
    return "\n".join([*lines, "", "if __name__ == '__main__':", f"    {name}()", ""])

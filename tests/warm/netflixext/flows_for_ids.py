"""Flows whose steps have every combination of the extension's decorators, written out."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import msgspec

NAMED = {"team/conda:v1": "conda-only", "team/pypi:v1": "pypi-only", "team/mixed:v1": "mixed"}
"""Environments that have python, six 1.16 and requests 2.31, by name."""

_BESIDE_A_NAME: tuple[tuple[str, ...], ...] = (
    (), ('@pypi(packages={"six": ">=1.0"})',), ('@pypi(packages={"six": "1.15"})',), ('@conda(libraries={"six": ""})',),
    ('@conda(libraries={"numpy": ">=1.2"})', '@pypi(packages={"idna": ""})'),
    ('@conda(channels=["bioconda"])',), ('@sys_packages(packages={"__glibc": "2.17"})',),
    ("@named_env(fetch_at_exec=True)",),
    ('@pypi(packages={"idna": ""}, conda_only={"ffmpeg": ""}, extra_indices=["https://host.example/simple"])',),
)  # fmt: skip
_IMPORTED = (
    "FlowSpec", "conda", "conda_base", "named_env", "pip", "pypi", "pypi_base", "resources", "step", "sys_packages",
    "sys_packages_base",
)  # fmt: skip
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
    "SystemFlow": '@sys_packages_base(packages={"__glibc": "2.28"})\n@pypi_base(packages={"six": ""})',
    "DisabledFlow": "@pypi_base(disabled=True)",
}
_OF_EXTENSION = (
    ('@sys_packages(packages={"__glibc": "2.31"})', '@pypi(packages={"idna": ""})'),
    ('@sys_packages(packages={"__cuda": "12.4"})', '@conda(libraries={"numpy": ""})'),
    (
        '@sys_packages(packages={"__glibc": "2.17", "__cuda": "11.8=0"})',
        "@pypi(packages={})",
        '@conda(libraries={"a": ""})',
    ),
    ('@sys_packages(packages={"__glibc": "2.17"})',),
    ("@sys_packages(packages={})", '@pypi(packages={"idna": ""})'),
    ('@conda(channels=["conda-forge", "https://host.example/team"])', '@conda(libraries={"numpy": ""})'),
    ('@conda(libraries={"numpy": "1.26"})', '@conda(libraries={"scipy": ""})'),
    ('@pypi(packages={"idna": ">=3"})', '@pypi(packages={"idna": "<4", "certifi": ""}, python="3.11")'),
    ('@pypi(extra_indices=["https://host.example/simple"])', '@pypi(packages={"idna": ""})'),
    ('@pypi(packages={"idna": ""}, sources=["https://other.example/simple"])',),
    ('@pypi(packages={"idna": ""}, conda_only={"ffmpeg": "4.1.0"})',),
    ('@pypi(packages={"idna": ""}, extras=["pre"])',),
    ('@conda(pip_packages={"idna": "3.0"}, pip_sources=["https://host.example/simple"])',),
    ('@conda(libraries={"numpy": ""}, pip_packages={"idna": "3.0"})',),
    ('@pip(packages={"idna": "3.10"})',),
    ("@resources(gpu=1)", '@pypi(packages={"idna": ""})'),
    ("@resources(gpu=0)", '@conda(libraries={"numpy": ""})'),
    ('@resources(gpu="2")', '@sys_packages(packages={"__cuda": "12.2"})', '@conda(libraries={"numpy": ""})'),
    ('@conda(libraries={"numpy": ""}, disabled=False)',),
    ('@pypi(packages={"idna": ""}, python="3.10")', '@conda(libraries={"numpy": ""})'),
)
"""Decorators of a step that Metaflow core does not have, merges otherwise, or takes once."""


class Combination(msgspec.Struct, frozen=True):
    """A step's own decorators."""

    libraries: dict[str, str] | None = None
    packages: dict[str, str] | None = None
    python: str | None = None
    more: tuple[str, ...] = ()
    disabled: bool = False

    @property
    def lines(self) -> list[str]:
        found = [f"    {line}" for line in self.more]
        last = [f"python={self.python!r}"] if self.python else []
        last += ["disabled=True"] if self.disabled else []
        if self.libraries is not None:
            found.append(f"    @conda({', '.join([f'libraries={self.libraries!r}', *last])})")
        if self.packages is not None:
            own = [] if self.libraries is not None else last
            found.append(f"    @pypi({', '.join([f'packages={self.packages!r}', *own])})")
        return found


def combinations() -> list[Combination]:
    """All of them, in a random but fixed order."""
    found = [
        Combination(libraries, packages, python)
        for libraries, packages, python in itertools.product((None, *_LIBRARIES), (None, *_PACKAGES), _PYTHONS)
        if libraries is not None or packages is not None
    ]
    found += [Combination({}, None, disabled=True), Combination(None, {"idna": ""}, disabled=True)]
    found += [Combination(more=lines) for lines in _OF_EXTENSION]
    random.Random(5).shuffle(found)  # noqa: S311 - nothing secret
    return [*found, Combination()]


def flows() -> Iterator[tuple[str, str]]:
    """Name and source of flows that together have each combination, below each flow decorator."""
    for name, base in _BASES.items():
        yield name, _source(name, base, combinations())


def extending() -> tuple[str, str]:
    """Name and source of a flow whose steps take a named environment of each kind, with and without more packages."""
    named = [f'@named_env(name="{name}")' for name in NAMED]
    steps = [Combination(more=(name, *more)) for name, more in itertools.product(named, _BESIDE_A_NAME)]
    return "NamedFlow", _source("NamedFlow", "", steps)


def _names(count: int) -> list[str]:
    return ["start", *(f"s{index}" for index in range(count - 2)), "end"]


def _source(name: str, base: str, steps: list[Combination]) -> str:
    lines = [f"from metaflow import {', '.join(_IMPORTED)}", ""]
    lines += [*([base] if base else []), f"class {name}(FlowSpec):"]
    names = _names(len(steps))
    for index, (step, combination) in enumerate(zip(names, steps, strict=True)):
        lines += [*combination.lines, "    @step", f"    def {step}(self):"]
        lines += [f"        self.next(self.{names[index + 1]})" if step != "end" else "        pass", ""]
    return "\n".join([*lines, "", "if __name__ == '__main__':", f"    {name}()", ""])

"""For which archs, Pythons and GLIBC levels there are wheels, or conda builds, of a package."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mfenvd.domain.arch import Arch

ANY_PYTHON = "any"
"""In the place of a Python: of a conda package that goes with any, or with none."""


class PythonWheel(msgspec.Struct, frozen=True):
    """That there is a wheel for one Python on one arch, and what the most undemanding one asks for.

    Attributes:
        python: `3.11`, `3.13t` for a free-threaded build, or `ANY_PYTHON`.
        glibc: Oldest GLIBC, as `2.17`; None when it asks for none, or off Linux.
        macos: Oldest macOS, as `11.0`; likewise.
        cuda: Oldest CUDA of the driver, as `12.0`, or `any`; None when it asks for none. Wheels never say.
        newer: Whether it goes with every newer Python, too. Of conda's builds only.
    """

    python: str
    glibc: str | None = None
    macos: str | None = None
    cuda: str | None = None
    newer: bool = False


class Cell(msgspec.Struct, frozen=True):
    """What one version has for one arch.

    Attributes:
        pythons: One for each Python with a wheel, oldest first; empty when there is none.
        glibc: The lowest of `pythons`, None when one asks for none.
        macos: Likewise.
    """

    arch: Arch
    pythons: tuple[PythonWheel, ...] = ()
    glibc: str | None = None
    macos: str | None = None


class Row(msgspec.Struct, frozen=True):
    """One version.

    Attributes:
        version: As its files say it.
        cells: One for each arch, in the order of `Arch`.
        sdist: Whether there is a source distribution; None of a conda package.
        pure: Whether one of its wheels runs on every arch.
        prerelease: Whether pip takes it only when told to.
        requires_python: As the index says it of its newest file; None where it says nothing.
        yanked: Why it was withdrawn, empty when no reason is given; None when it was not, or not all of it.
    """

    version: str
    cells: tuple[Cell, ...]
    sdist: bool | None = False
    pure: bool = False
    prerelease: bool = False
    requires_python: str | None = None
    yanked: str | None = None


class Availability(msgspec.Struct, frozen=True):
    """What there is of one package.

    Attributes:
        name: Canonical name.
        rows: The newest version first.
        versions: How many versions match, shown or not.
        stale: The indexes that do not answer, each with when it last did, in seconds since the epoch.
    """

    name: str
    rows: tuple[Row, ...]
    versions: int
    stale: tuple[tuple[str, float], ...] = ()


def minor_of(python: str) -> int:
    """13 of `3.13` and of `3.13t`."""
    return int(python.rstrip("t").partition(".")[2])


def python_spans(pythons: Sequence[str], dash: str, *, newer: bool = False) -> list[str]:
    """`3.9-3.13` for versions that follow each other, others alone; free-threaded builds after the others.

    With `newer`, the last one stands for all that are newer, too: `3.9+`.
    """
    spans: list[list[int]] = []
    for minor in (minor_of(each) for each in pythons if each[-1].isdigit()):
        if spans and spans[-1][-1] == minor - 1:
            spans[-1].append(minor)
        else:
            spans.append([minor])
    said = [f"3.{span[0]}{dash}3.{span[-1]}" if len(span) > 1 else f"3.{span[0]}" for span in spans]
    if newer and spans:
        said[-1] = f"3.{spans[-1][0]}+"
    return [*said, *(each for each in pythons if not each[-1].isdigit())]

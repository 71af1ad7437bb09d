"""How packages are laid out in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mfenvd.domain.arch import Arch
from mfenvd.domain.glibc import package_glibc
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage

COLUMNS = ("package", "version", "size", "GLIBC", "where", "kind", "tags or build")

ORDERS = ("asked for", "package", "size", "GLIBC")
"""What `S` goes through: what was asked for first, by name, the largest first, the most demanding first."""

_UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


@dataclass(frozen=True)
class Shown:
    """A row.

    Attributes:
        name: Of the package.
        key: Of the row: the file is another one where conda and PyPI have a package of the same name.
        requested: Whether it was asked for.
        cells: As they are written, in the order of `COLUMNS`.
    """

    name: str
    key: str
    requested: bool
    cells: tuple[str, ...]


def shown(
    packages: Sequence[LockedPackage], arch: Arch, places: Mapping[str, Sequence[str]], order: str
) -> tuple[Shown, ...]:
    """The rows for `packages` on `arch`, sorted by one of `ORDERS`; `places` as in `History`."""
    ordered = sorted(sorted(packages, key=lambda package: package.name), key=_sort_keys(arch)[order])
    return tuple(_row(package, arch, places.get(package.filename, ())) for package in ordered)


def sought(rows: Iterable[Shown], text: str) -> tuple[Shown, ...]:
    """Those whose name has the letters of `text` in that order, as they are next to each other first."""
    wanted = text.strip().lower()
    found = [row for row in rows if _has(row.name.lower(), wanted)]
    return tuple(sorted(found, key=lambda row: wanted not in row.name.lower()))


def size(count: int | None) -> str:
    """`13.1 MiB`; empty where it is not known."""
    if count is None:
        return ""
    for unit, length in _UNITS:
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"


def _has(name: str, letters: str) -> bool:
    left = iter(name)
    return all(letter in left for letter in letters)


def _sort_keys(arch: Arch) -> dict[str, Callable[[LockedPackage], Any]]:
    def demand(package: LockedPackage) -> tuple[int, int]:
        level = package_glibc(package, arch)
        return (-level[0], -level[1]) if level else (0, 0)

    return {
        "asked for": lambda package: not package.requested,
        "package": lambda package: package.name,
        "size": lambda package: -(package.size or 0),
        "GLIBC": demand,
    }


def _row(package: LockedPackage, arch: Arch, places: Sequence[str]) -> Shown:
    level = package_glibc(package, arch)
    cells = (
        package.name,
        package.version,
        size(package.size),
        ".".join(map(str, level)) if level else "",
        ", ".join(places) or ("built here" if package.built else "index"),
        "built" if package.built else "wheel" if package.kind is Kind.PYPI else "conda",
        _tags(package),
    )
    return Shown(package.name, f"{package.name}|{package.filename}", package.requested, cells)


def _tags(package: LockedPackage) -> str:
    """`cp311-cp311-manylinux_2_17_x86_64` of a wheel, build and subdir of a conda package."""
    if package.kind is Kind.CONDA:
        return " ".join(filter(None, (package.build, package.subdir)))
    return "-".join(package.filename.removesuffix(".whl").split("-")[-3:]) if package.filename.endswith(".whl") else ""

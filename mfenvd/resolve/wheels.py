"""Which archs, Pythons and GLIBC levels a package has wheels for: what `mfenv wheels` shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from mfenvd.domain.arch import Arch
from mfenvd.domain.availability import Availability, Cell, PythonWheel, Row
from mfenvd.domain.platforms import parse_platform
from mfenvd.domain.request import Indexes
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.resolve.explain import fits, glibc_needed, macos_needed
from mfenvd.resolve.index.client import IndexClient
from mfenvd.resolve.index.configuration import configuration
from mfenvd.resolve.index.files import DistFile

# The Pythons that a wheel for any Python is shown for; others are shown where a wheel names them.
_PYTHONS = frozenset({(3, 8), (3, 9), (3, 10), (3, 11), (3, 12), (3, 13), (3, 14)})

_NAMED = re.compile(r"cp(?P<major>3)(?P<minor>\d+)(?P<threading>t?)")

DEFAULT_ROWS = 10


def look_up(
    package: str, surroundings: Surroundings, folder: Path, cache_dir: Path, *, limit: int | None = DEFAULT_ROWS
) -> Availability:
    """The wheels of `package`, written as a requirement, on the indexes that pip would ask in `folder`.

    Where no version is the one that is asked for, `rows` is empty. `limit` is that of `availability`.

    Raises:
        InvalidRequirement: `package` is not one.
        NoSuchPackage: No index has it.
        IndexProblem: An index gives no answer.
    """
    asked = Requirement(package)
    with IndexClient(configuration(Indexes(), surroundings, folder), cache_dir, surroundings.environ) as client:
        return availability(asked.name, str(asked.specifier), client, limit=limit)


def availability(
    name: str, specifier: str | None, client: IndexClient, *, limit: int | None = DEFAULT_ROWS
) -> Availability:
    """The wheels of `name` by version, arch and Python.

    Args:
        name: In any spelling.
        specifier: Only these versions, as `==2.2.2` or `>=1,<2`; None for all.
        client: The indexes to ask.
        limit: At most so many versions, the newest; None for all.

    Raises:
        InvalidSpecifier: `specifier` is not one.
        NoSuchPackage: No index has it.
        IndexProblem: An index gives no answer.
    """
    allowed = SpecifierSet(specifier or "")
    listing = client.listing(name)
    matching = [version for version in listing.versions if allowed.contains(version, prereleases=True)]
    rows = tuple(_row(listing.of(version)) for version in matching[:limit])
    return Availability(listing.name, rows, len(matching), listing.stale)


def _row(files: Sequence[DistFile]) -> Row:
    newest = files[-1]
    wheels = [file for file in files if file.is_wheel]
    yanked = [file.yanked for file in files if file.yanked is not None]
    return Row(
        version=newest.version,
        cells=tuple(_cell(arch, wheels) for arch in Arch),
        sdist=len(wheels) < len(files),
        pure=any(tag.platform == "any" for file in wheels for tag in file.tags),
        prerelease=newest.parsed_version.is_prerelease,
        requires_python=next((file.requires_python for file in reversed(files) if file.requires_python), None),
        yanked=yanked[0] if len(yanked) == len(files) else None,
    )


def _cell(arch: Arch, wheels: Sequence[DistFile]) -> Cell:
    own = [wheel for wheel in wheels if any(parse_platform(tag.platform).runs_on(arch) for tag in wheel.tags)]
    found = (_python_wheel(arch, python, own) for python in _pythons(own))
    pythons = tuple(wheel for wheel in found if wheel is not None)
    return Cell(arch, pythons, _lowest(p.glibc for p in pythons), _lowest(p.macos for p in pythons))


def _pythons(wheels: Sequence[DistFile]) -> list[str]:
    """The Pythons worth looking at, oldest first; a free-threaded build after the plain one of its version."""
    parts = {part for wheel in wheels for tag in wheel.tags for part in (tag.interpreter, tag.abi)}
    named = [match for part in parts if (match := _NAMED.fullmatch(part))]
    found = {(version, "") for version in _PYTHONS}
    found |= {((int(match["major"]), int(match["minor"])), match["threading"]) for match in named}
    return [f"{major}.{minor}{threading}" for (major, minor), threading in sorted(found)]


def _python_wheel(arch: Arch, python: str, wheels: Sequence[DistFile]) -> PythonWheel | None:
    # The floors of a machine that has whatever these wheels ask for: what counts here is what they ask.
    glibcs = [needed for wheel in wheels if (needed := glibc_needed(wheel, arch)) is not None]
    macoses = [needed for wheel in wheels if (needed := macos_needed(wheel, arch)) is not None]
    target = Target(
        arch,
        python,
        glibc=_dotted(max(glibcs, default=(2, 17))) if arch.is_linux else None,
        macos=_dotted(max(macoses, default=(11, 0))) if arch.is_macos else None,
    )
    fitting = [wheel for wheel in wheels if fits(wheel, target)]
    if not fitting:
        return None
    return PythonWheel(
        python,
        glibc=_lowest(_dotted(glibc_needed(wheel, arch)) for wheel in fitting),
        macos=_lowest(_dotted(macos_needed(wheel, arch)) for wheel in fitting),
    )


def _lowest(versions: Iterable[str | None]) -> str | None:
    """The lowest; None when one of them asks for nothing, or there are none."""
    found = list(versions)
    known = [version for version in found if version is not None]
    return min(known, key=_numbers) if known and len(known) == len(found) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _dotted(version: tuple[int, int] | None) -> str | None:
    return ".".join(map(str, version)) if version is not None else None

"""What conda channels have of a package, in the shape in which what indexes have of it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.version import Version

from mfenvd.domain.arch import Arch
from mfenvd.domain.availability import ANY_PYTHON, Availability, Cell, PythonWheel, Row, minor_of
from mfenvd.domain.surroundings import Surroundings
from mfenvd.resolve.conda.availability import CondaAvailability, CondaBuild, CondaVersion, conda_availability
from mfenvd.resolve.conda.lists import NOARCH
from mfenvd.resolve.conda.resolver import conda_configuration


def look_up_conda(package: str, surroundings: Surroundings, cache_dir: Path, *, limit: int | None) -> Availability:
    """The builds of `package`, a match spec, on the channels that the shell of a project is configured to.

    Raises:
        CondaProblem: As `conda_availability`.
    """
    configuration = conda_configuration(surroundings)
    channels = configuration.channels_for(())
    found = conda_availability(package, channels, configuration, cache_dir, limit=limit, environ=surroundings.environ)
    return by_arch(found)


def by_arch(found: CondaAvailability) -> Availability:
    """A cell for each arch, with a build for every arch counted on each."""
    return Availability(found.name, tuple(map(_row, found.rows)), found.versions)


def _row(of: CondaVersion) -> Row:
    builds = {subdir: [one for one in of.builds if one.subdir == subdir] for subdir in (*map(str, Arch), NOARCH)}
    cells = tuple(_cell(arch, [*builds[str(arch)], *builds[NOARCH]]) for arch in Arch)
    return Row(of.version, cells, sdist=None, pure=bool(builds[NOARCH]))


def _cell(arch: Arch, builds: Sequence[CondaBuild]) -> Cell:
    named = dict.fromkeys(python for build in builds for python in _pythons(build))
    pythons = tuple(_wheel(python, builds) for python in sorted(named, key=_order))
    return Cell(arch, pythons, _lowest(one.glibc for one in pythons), _lowest(one.macos for one in pythons))


def _wheel(python: str, builds: Iterable[CondaBuild]) -> PythonWheel:
    suiting = [build for build in builds if python in _pythons(build)]
    return PythonWheel(
        python,
        glibc=_lowest(build.glibc for build in suiting),
        macos=_lowest(build.macos for build in suiting),
        cuda=_lowest(build.cuda for build in suiting),
        newer=any(build.newer and build.pythons and python == build.pythons[-1] for build in suiting),
    )


def _pythons(build: CondaBuild) -> tuple[str, ...]:
    return (ANY_PYTHON,) if build.pythons is None else build.pythons


def _order(python: str) -> tuple[bool, int]:
    return python.endswith("t"), 0 if python == ANY_PYTHON else minor_of(python)


def _lowest(floors: Iterable[str | None]) -> str | None:
    """The most undemanding; None where one asks for none, `any` where one is content with any."""
    asked = list(floors)
    if not asked or None in asked:
        return None
    return min(filter(None, asked), key=lambda text: Version("0" if text == "any" else text))

"""`mfenv wheels --conda`: what the channels have of a package."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mfenvd.cli.errors import BadPackageError, IndexAnswerError, NoSuchPackageError
from mfenvd.domain.arch import Arch

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from mfenvd.cli.terminal import Terminal
    from mfenvd.resolve.conda.availability import CondaAvailability, CondaBuild, CondaVersion

_NOARCH = "noarch"


def look_up(
    package: str, channels: Sequence[str], archs: Sequence[Arch], python: str | None, *, limit: int | None
) -> CondaAvailability:
    """What there is of `package`, for `archs` and `python` alone.

    Raises:
        CommandError: It is no package, there is none, or a channel gives no answer.
    """
    from mfenvd.condarc.configuration import home_of, read_conda_configuration
    from mfenvd.paths import find_paths
    from mfenvd.resolve.conda.availability import NoSuchCondaPackage, conda_availability
    from mfenvd.resolve.conda.errors import ChannelProblem, CondaProblem, InvalidSpec
    from mfenvd.resolve.conda.findings import channel_finding

    configuration = read_conda_configuration(os.environ, home_of(os.environ), Path.cwd())
    asked = configuration.channels_for(tuple(channels))
    try:
        found = conda_availability(
            package,
            asked,
            configuration,
            Path(find_paths().cache),
            archs=archs,
            limit=None if python else limit,
            environ=os.environ,
        )
    except InvalidSpec as problem:
        raise BadPackageError(package) from problem
    except NoSuchCondaPackage as problem:
        raise NoSuchPackageError(str(problem), _nearest(problem.nearest)) from problem
    except ChannelProblem as problem:
        finding = channel_finding(problem)
        raise IndexAnswerError(finding.message, finding.fix) from problem
    except CondaProblem as problem:
        raise IndexAnswerError(str(problem)) from problem
    return found if python is None else _for_python(found, python, limit)


def _for_python(found: CondaAvailability, python: str, limit: int | None) -> CondaAvailability:
    """The newest `limit` versions that have a build for `python`, with those builds alone.

    Raises:
        NoSuchPackageError: None has.
    """
    import msgspec

    rows = [
        msgspec.structs.replace(row, builds=tuple(b for b in row.builds if _is_for(b, python))) for row in found.rows
    ]
    kept = [row for row in rows if row.builds]
    if not kept:
        raise NoSuchPackageError(
            f"No build of {found.name} is for Python {python}.", f"`mfenv wheels --conda {found.name}`"
        )
    return msgspec.structs.replace(found, rows=tuple(kept[:limit]), versions=len(kept))


def shown(terminal: Terminal, found: CondaAvailability, archs: Sequence[Arch]) -> list[RenderableType]:
    """A single version by its builds, several by arch."""
    from rich.text import Text

    lines: list[RenderableType] = []
    if len(found.rows) == 1:
        lines += [Text(f"{found.name} {found.rows[0].version}", style="strong"), _one_version(terminal, found.rows[0])]
    else:
        lines += [Text(found.name, style="strong"), _many_versions(terminal, found.rows, archs)]
    if found.versions > len(found.rows):
        lines.append(Text(f"The newest {len(found.rows)} of {found.versions} versions; --all shows the rest.", "muted"))
    lines.append(Text(f"from {', '.join(found.channels)}", style="muted"))
    return lines


def _nearest(nearest: str | None) -> str | None:
    if nearest is None:
        return None
    if nearest[0].isdigit():
        return f"The newest is {nearest}."
    return f"Did you mean `mfenv wheels --conda {nearest}`?"


def _is_for(build: CondaBuild, python: str) -> bool:
    from mfenvd.domain.availability import minor_of

    if build.pythons is None or python in build.pythons:
        return True
    return build.newer and bool(build.pythons) and minor_of(python) > minor_of(build.pythons[-1])


def _one_version(terminal: Terminal, row: CondaVersion) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="muted")
    for header in ("", "python", "needs", "build", "channel"):
        table.add_column(header)
    before = None
    for build in row.builds:
        subdir = "" if build.subdir == before else build.subdir
        before = build.subdir
        table.add_row(
            subdir,
            _pythons(terminal, [build]),
            _needs(build),
            build.build,
            Text(build.channel.rpartition("/")[2], style="muted"),
        )
    return table


def _many_versions(terminal: Terminal, rows: Sequence[CondaVersion], archs: Sequence[Arch]) -> RenderableType:
    from rich.table import Table

    noarch = any(build.subdir == _NOARCH for row in rows for build in row.builds)
    subdirs = [*map(str, archs), *([_NOARCH] if noarch else [])]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="strong")
    for header in ("", *subdirs):
        table.add_column(header)
    for row in rows:
        by_subdir = {subdir: [build for build in row.builds if build.subdir == subdir] for subdir in subdirs}
        everywhere = bool(by_subdir.get(_NOARCH))
        cells = (_cell(terminal, builds, missing=not everywhere) for builds in by_subdir.values())
        table.add_row(row.version, *cells)
    return table


def _cell(terminal: Terminal, builds: Sequence[CondaBuild], *, missing: bool) -> Text:
    from rich.text import Text

    from mfenvd.domain.words import Tone, tone_glyph

    if not builds:
        glyph = tone_glyph(Tone.BAD, ascii_only=terminal.ascii_only)
        return Text(f"{glyph} none", "bad") if missing else Text("")
    good = tone_glyph(Tone.GOOD, ascii_only=terminal.ascii_only)
    cuda = sorted({_cuda(build.cuda) for build in builds if build.cuda})
    alone = "" if all(build.cuda for build in builds) else "also for "
    needs = ", ".join(
        (
            *_floors(_lowest(build.glibc for build in builds), _lowest(build.macos for build in builds)),
            *([f"{alone}{' or '.join(cuda)}"] if cuda else []),
        )
    )
    return Text.assemble((f"{good} {_pythons(terminal, builds)}", "good"), (f"\n  {needs}" if needs else "", "muted"))


def _lowest(versions: Iterable[str | None]) -> str | None:
    """The lowest of several floors; None where one build asks for none."""
    found = list(versions)
    known = [version for version in found if version]
    return min(known, key=lambda text: [int(part) for part in text.split(".")]) if len(known) == len(found) else None


def _pythons(terminal: Terminal, builds: Sequence[CondaBuild]) -> str:
    from mfenvd.cli.wheels import span
    from mfenvd.domain.availability import minor_of

    named = {python for build in builds for python in build.pythons or ()}
    if not named:
        return "any" if any(build.pythons is None for build in builds) else "none"
    ordered = sorted(named, key=lambda text: (text.endswith("t"), minor_of(text)))
    return span(terminal, ordered, newer=any(build.newer for build in builds))


def _needs(build: CondaBuild) -> str:
    return ", ".join((*_floors(build.glibc, build.macos), *([_cuda(build.cuda)] if build.cuda else [])))


def _floors(glibc: str | None, macos: str | None) -> list[str]:
    return [*([f"glibc {glibc}"] if glibc else []), *([f"macOS {macos}"] if macos else [])]


def _cuda(version: str) -> str:
    return "a GPU" if version == "any" else f"CUDA {version}"

"""`mfenv wheels`: for which archs, Pythons and GLIBC levels a package has wheels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mfenvd.cli.errors import (
    BadPackageError,
    BadPythonError,
    ChannelsUnusedError,
    IndexAnswerError,
    NoSuchPackageError,
)
from mfenvd.cli.help import ONE_SHOT, examples
from mfenvd.cli.options import JsonFlag
from mfenvd.domain.arch import Arch

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from mfenvd.cli.terminal import Terminal
    from mfenvd.domain.availability import Availability, Cell, PythonWheel, Row

Package = Annotated[str, typer.Argument(metavar="NAME[==VERSION]", help="A package, with a version or a range.")]
ArchOption = Annotated[
    list[Arch] | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        help="Only this arch (linux-64, linux-aarch64, osx-64, osx-arm64, win-64); may repeat.",
    ),
]
PythonOption = Annotated[
    str | None, typer.Option("--python", metavar="X.Y", help="Only this Python, as 3.11 (3.13t: free-threaded).")
]
CondaFlag = Annotated[
    bool, typer.Option("--conda", help="Conda packages: which archs, Pythons and systems the channels have builds for.")
]
ChannelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--channel",
        "-c",
        metavar="CHANNEL",
        help="With --conda: a channel by name, URL or path; may repeat.",
        show_default="conda's configuration, else conda-forge",
    ),
]
AllFlag = Annotated[bool, typer.Option("--all", help="Every version instead of the newest ten.")]


def add_to(app: typer.Typer) -> None:
    epilog = examples(
        "mfenv wheels torch",
        "mfenv wheels torch==2.2.2 --arch osx-64 --python 3.11",
        "mfenv wheels 'numpy>=2' --all --json",
        "mfenv wheels --conda pytorch",
        "mfenv wheels --conda 'numpy=1.26' -c conda-forge --arch linux-aarch64",
    )
    app.command(rich_help_panel=ONE_SHOT, epilog=epilog)(wheels)


def wheels(  # noqa: PLR0913 - one parameter per option
    package: Package,
    *,
    conda: CondaFlag = False,
    channel: ChannelOption = None,
    arch: ArchOption = None,
    python: PythonOption = None,
    every: AllFlag = False,
    json: JsonFlag = False,
) -> None:
    """Show which archs, Pythons and GLIBC levels have wheels of a package, by version.

    Asks the indexes that pip would ask here; with --conda the channels that micromamba would. Exit code: 0 fine, 1 no
    such package or version, 3 no index answers.
    """
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    if conda:
        _conda(package, channel or [], arch or list(Arch), python, every=every, json=json)
        return
    if channel:
        raise ChannelsUnusedError(f"For conda packages: `mfenv wheels --conda {package}`.")
    found = _limited(_look_up(package, limit=None if every else 10), arch or list(Arch), python)
    if json:
        print_json(found)
        return
    terminal = this_terminal()
    for line in _shown(terminal, found, python):
        terminal.print(line)


def _conda(  # noqa: PLR0913 - the options of the command
    package: str, channels: Sequence[str], archs: Sequence[Arch], python: str | None, *, every: bool, json: bool
) -> None:
    from mfenvd.cli import conda_wheels
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    _check_python(python)
    found = conda_wheels.look_up(package, channels, archs, python, limit=None if every else 10)
    if json:
        print_json(found)
        return
    terminal = this_terminal()
    for line in conda_wheels.shown(terminal, found, archs):
        terminal.print(line)


def _look_up(package: str, limit: int | None) -> Availability:
    from packaging.requirements import InvalidRequirement, Requirement

    from mfenvd.client.shell import this_shell
    from mfenvd.paths import find_paths
    from mfenvd.resolve.index.errors import IndexProblem, NoSuchPackage
    from mfenvd.resolve.index.findings import index_finding
    from mfenvd.resolve.wheels import look_up

    here, cache, shell = Path.cwd(), Path(find_paths().cache), this_shell()
    try:
        asked = Requirement(package)
        found = look_up(package, shell, here, cache, limit=limit)
        newest = found.rows or look_up(asked.name, shell, here, cache, limit=1).rows
    except InvalidRequirement as error:
        raise BadPackageError(package) from error
    except NoSuchPackage as error:
        raise NoSuchPackageError(str(error)) from error
    except IndexProblem as error:
        finding = index_finding(error)
        raise IndexAnswerError(finding.message, finding.fix) from error
    if not found.rows:
        fix = f"The newest is {newest[0].version}; `mfenv wheels {found.name}` lists more." if newest else None
        what = (
            f"no version of {found.name} that is {asked.specifier}" if asked.specifier else f"no file of {found.name}"
        )
        raise NoSuchPackageError(f"There is {what}.", fix)
    return found


def _check_python(python: str | None) -> None:
    import re

    if python is not None and not re.fullmatch(r"3\.\d+t?", python):
        raise BadPythonError(python)


def _limited(found: Availability, archs: Sequence[Arch], python: str | None) -> Availability:
    """Only what was asked for.

    Raises:
        BadPythonError: `python` is not written as `3.11`.
    """
    _check_python(python)

    def cell(of: Cell) -> Cell:
        if python is None:
            return of
        kept = tuple(each for each in of.pythons if each.python == python)
        floors = kept[0] if kept else None
        return msgspec.structs.replace(
            of, pythons=kept, glibc=floors.glibc if floors else None, macos=floors.macos if floors else None
        )

    def row(of: Row) -> Row:
        return msgspec.structs.replace(of, cells=tuple(cell(each) for each in of.cells if each.arch in archs))

    return msgspec.structs.replace(found, rows=tuple(map(row, found.rows)))


def _shown(terminal: Terminal, found: Availability, python: str | None) -> list[RenderableType]:
    from rich.text import Text

    lines: list[RenderableType] = []
    if len(found.rows) == 1:
        lines.append(_one_version(terminal, found.name, found.rows[0], python))
    else:
        lines.append(Text(found.name + (f" for Python {python}" if python else ""), style="strong"))
        lines.append(_many_versions(terminal, found.rows, python))
    if found.versions > len(found.rows):
        lines.append(Text(f"The newest {len(found.rows)} of {found.versions} versions; --all shows the rest.", "muted"))
    lines.extend(Text(f"{index} does not answer: what it last said is shown.", "warning") for index, _ in found.stale)
    return lines


def _one_version(terminal: Terminal, name: str, row: Row, python: str | None) -> RenderableType:
    """A row per arch, a column per Python."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    pythons = list(dict.fromkeys(each.python for cell in row.cells for each in cell.pythons))
    pythons.sort(key=lambda text: (int(text.rstrip("t").split(".")[1]), text))
    if python is not None:
        pythons = [python]
    head = Text.assemble((f"{name} {row.version}", "strong"), (_remarks(terminal, row), "muted"))
    if not pythons:
        return Group(head, Text("no wheel at all"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="muted")
    table.add_column("")
    for each in pythons:
        table.add_column(each)
    for cell in row.cells:
        by_python = {each.python: each for each in cell.pythons}
        table.add_row(cell.arch.value, *(_yes_or_no(terminal, by_python.get(each)) for each in pythons))
    return Group(head, table)


def _many_versions(terminal: Terminal, found: Sequence[Row], python: str | None) -> RenderableType:
    """A row per version, a column per arch."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="strong")
    table.add_column("")
    for cell in found[0].cells:
        table.add_column(cell.arch.value)
    table.add_column("")
    for row in found:
        cells = (_cell(terminal, cell, python) for cell in row.cells)
        table.add_row(row.version, *cells, Text(_remarks(terminal, row).removeprefix(f" {terminal.dot} "), "muted"))
    return table


def _cell(terminal: Terminal, cell: Cell, python: str | None) -> Text:
    from rich.text import Text

    if not cell.pythons:
        return _no(terminal)
    if python is not None:
        return _yes_or_no(terminal, cell.pythons[0])
    floors = _floor(cell.glibc, cell.macos)
    said = span(terminal, [each.python for each in cell.pythons])
    return Text.assemble((f"{_sign(terminal)} {said}", "good"), (f"\n  {floors}" if floors else "", "muted"))


def _yes_or_no(terminal: Terminal, wheel: PythonWheel | None) -> Text:
    from rich.text import Text

    if wheel is None:
        return _no(terminal)
    return Text(f"{_sign(terminal)} {_floor(wheel.glibc, wheel.macos) or 'yes'}", "good")


def _no(terminal: Terminal) -> Text:
    from rich.text import Text

    from mfenvd.domain.words import Tone, tone_glyph

    return Text(f"{tone_glyph(Tone.BAD, ascii_only=terminal.ascii_only)} none", "bad")


def _sign(terminal: Terminal) -> str:
    from mfenvd.domain.words import Tone, tone_glyph

    return tone_glyph(Tone.GOOD, ascii_only=terminal.ascii_only)


def _floor(glibc: str | None, macos: str | None) -> str:
    return f"glibc {glibc}" if glibc else f"macOS {macos}" if macos else ""


def span(terminal: Terminal, pythons: Sequence[str], *, newer: bool = False) -> str:
    """`3.9-3.13`, with what does not follow named alone; free-threaded builds after the others.

    With `newer`, the last one stands for all that are newer, too: `3.9+`.
    """
    from mfenvd.domain.availability import python_spans

    return ", ".join(python_spans(pythons, "-" if terminal.ascii_only else "–", newer=newer))  # noqa: RUF001 - an en dash


def _remarks(terminal: Terminal, row: Row) -> str:
    remarks = [
        "any arch" if row.pure else "",
        "sdist" if row.sdist else "no sdist",
        "pre-release" if row.prerelease else "",
        f"withdrawn{': ' if row.yanked else ''}{row.yanked}" if row.yanked is not None else "",
        f"Python {row.requires_python}" if row.requires_python else "",
    ]
    return "".join(f" {terminal.dot} {remark}" for remark in remarks if remark)

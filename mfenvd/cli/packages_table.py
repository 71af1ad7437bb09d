"""The packages of resolutions: a row per package, a column per arch."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mfenvd.cli.terminal import Terminal, printable
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.verdict import Verdict


def packages_table(terminal: Terminal, verdicts: Sequence[Verdict], *, verbose: bool = False) -> RenderableType:
    """What was asked for first, then what it needs. A version that is not the same everywhere is marked.

    Where there are conda packages, the last column says which channel each comes from; their builds are shown for a
    single arch, and for several where `verbose` asks for it.

    Args:
        terminal: Where it is shown.
        verdicts: Of one environment; those without packages have no column.
        verbose: With the build of every conda package.
    """
    resolved = [verdict for verdict in verdicts if verdict.packages]
    found = [{package.name: package for package in verdict.packages} for verdict in resolved]
    requested = {package.name for verdict in resolved for package in verdict.packages if package.requested}
    names = sorted({name for each in found for name in each}, key=lambda name: (name not in requested, name))
    conda = any(package.kind is Kind.CONDA for each in found for package in each.values())
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="strong")
    table.add_column(Text("package", style="muted"))
    for verdict in resolved:
        table.add_column(verdict.target.arch.value, no_wrap=True)
    table.add_column("")
    if conda:
        table.add_column(Text("from", style="muted"))
    builds = conda and (verbose or len(resolved) == 1)
    for name in names:
        row = [each.get(name) for each in found]
        drifts = len({package.version for package in row if package}) > 1
        label = Text(printable(name), style="strong" if name in requested else "")
        cells = [_version(terminal, package, drifts=drifts, build=builds) for package in row]
        origin = [_origin(row)] if conda else []
        table.add_row(label, *cells, _mark(drifts=drifts), *origin)
    return table


def _version(terminal: Terminal, package: LockedPackage | None, *, drifts: bool, build: bool) -> Text:
    if package is None:
        return Text(terminal.dot, style="muted")
    shown = Text(printable(package.version), style="warning" if drifts else "")
    if build and package.build:
        shown.append(f" {printable(package.build)}", style="muted")
    return shown


def _origin(row: Sequence[LockedPackage | None]) -> Text:
    """The channels, or `PyPI`; `noarch` where one file serves every arch."""
    packages = [package for package in row if package is not None]
    names = dict.fromkeys(channel_name(package) for package in packages)
    noarch = all(package.subdir == "noarch" for package in packages)
    return Text(printable(", ".join(names)) + (" noarch" if noarch else ""), style="muted")


def channel_name(package: LockedPackage) -> str:
    """`conda-forge` for a channel at `…/conda-forge`, as people call it; `PyPI` for a wheel."""
    if package.kind is not Kind.CONDA:
        return "PyPI"
    path = urlsplit(package.channel or "").path.strip("/")
    label = path.partition("/label/")
    return f"{label[0].rpartition('/')[2]}{label[1]}{label[2]}" or package.channel or ""


def _mark(*, drifts: bool) -> Text:
    return Text("differs" if drifts else "", style="warning")

"""The packages of resolutions: a row per package, a column per arch."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mfenvd.cli.terminal import Terminal, printable
from mfenvd.domain.verdict import Verdict


def packages_table(terminal: Terminal, verdicts: Sequence[Verdict]) -> RenderableType:
    """What was asked for first, then what it needs. A version that is not the same everywhere is marked.

    Args:
        terminal: Where it is shown.
        verdicts: Of one environment; those without packages have no column.
    """
    resolved = [verdict for verdict in verdicts if verdict.packages]
    versions = [{package.name: package.version for package in verdict.packages} for verdict in resolved]
    requested = {package.name for verdict in resolved for package in verdict.packages if package.requested}
    names = sorted({name for each in versions for name in each}, key=lambda name: (name not in requested, name))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="strong")
    table.add_column(Text("package", style="muted"))
    for verdict in resolved:
        table.add_column(verdict.target.arch.value, no_wrap=True)
    table.add_column("")
    for name in names:
        row = [each.get(name) for each in versions]
        drifts = len({version for version in row if version}) > 1
        style = "warning" if drifts else ""
        label = Text(printable(name), style="strong" if name in requested else "")
        table.add_row(label, *(_version(terminal, version, style) for version in row), _mark(drifts=drifts))
    return table


def _version(terminal: Terminal, version: str | None, style: str) -> Text:
    if version is None:
        return Text(terminal.dot, style="muted")
    return Text(printable(version), style=style)


def _mark(*, drifts: bool) -> Text:
    return Text("differs" if drifts else "", style="warning")

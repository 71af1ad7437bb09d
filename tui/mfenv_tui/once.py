"""`mfenv-tui --once`: the matrix as plain text, for scripts and logs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mfenv_tui.matrix import Matrix
from mfenv_tui.rows import Row
from mfenv_tui.wording import Line, Role, Signs, cell_pieces, finding_lines, place, row_pieces
from mfenvd.client.view import DaemonView
from mfenvd.domain.event import Status
from mfenvd.domain.words import Tone

_STYLES: dict[Role, str] = {
    Tone.GOOD: "green",
    Tone.WARNING: "yellow",
    Tone.BAD: "bold red",
    Tone.UNKNOWN: "magenta",
    Tone.BUSY: "cyan",
    Tone.WAITING: "dim",
    Tone.OUTDATED: "dim",
    "notice": "cyan",
    "muted": "dim",
    "strong": "bold",
}


def print_once(status: Status, console: Console, signs: Signs) -> None:
    """Print the matrix of `status` and, below it, every finding under the environments that it is about."""
    view = DaemonView()
    view.start_over(status)
    matrix = Matrix(view)
    matrix.update()
    if not matrix.rows:
        console.print("No environments." if view.projects else "No project is watched.", highlight=False)
        return
    console.print(_table(matrix, signs, several=len(view.projects) > 1))
    for row in (matrix.rows[key] for key in matrix.order):
        for text in _findings(row, signs):
            console.print(text)


def _table(matrix: Matrix, signs: Signs, *, several: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("environment", overflow="fold")
    table.add_column("file", overflow="fold")
    for arch in matrix.archs or ("state",):
        table.add_column(str(arch), no_wrap=True)
    for key in matrix.order:
        row = matrix.rows[key]
        cells = [_text(cell_pieces(row.cell(arch), signs)) for arch in matrix.archs or (None,)]
        table.add_row(_text(row_pieces(row, signs)), Text(place(row, with_project=several), "dim"), *cells)
    return table


def _findings(row: Row, signs: Signs) -> Iterator[Text | Padding]:
    if row.findings:
        yield Text()
        yield _text(row_pieces(row, signs))
    for finding in row.findings:
        first, *rest = finding_lines(finding, row.root, None, signs)
        yield Padding(_text(first), (0, 0, 0, 2), expand=False)
        for line in rest:
            yield Padding(_text(line), (0, 0, 0, 4), expand=False)


def _text(line: Line) -> Text:
    return Text.assemble(*((text, _STYLES.get(role, "")) for text, role in line))

"""`mfenv-tui --once`: the matrix as plain text, for scripts and logs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mfenv_tui.environments import cell_pieces, place, row_pieces
from mfenv_tui.findings import finding_parts
from mfenv_tui.lines import Signs
from mfenv_tui.matrix import Matrix
from mfenv_tui.palette import TERMINAL, block, text
from mfenv_tui.rows import Row
from mfenvd.client.view import DaemonView
from mfenvd.domain.event import Status


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
        for shown in _findings(row, signs):
            console.print(shown)


def _table(matrix: Matrix, signs: Signs, *, several: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("environment", overflow="fold")
    table.add_column("file", overflow="fold")
    for arch in matrix.archs or ("state",):
        table.add_column(str(arch), no_wrap=True)
    for key in matrix.order:
        row = matrix.rows[key]
        cells = [text(cell_pieces(row.cell(arch), signs), TERMINAL) for arch in matrix.archs or (None,)]
        table.add_row(text(row_pieces(row, signs), TERMINAL), Text(place(row, with_project=several), "dim"), *cells)
    return table


def _findings(row: Row, signs: Signs) -> Iterator[RenderableType]:
    if row.findings:
        yield ""
        yield text(row_pieces(row, signs), TERMINAL)
    for finding in row.findings:
        parts = finding_parts(finding, row.root, None, signs)
        yield Padding(block(parts, TERMINAL, ascii_only=signs.ascii_only), (0, 0, 0, 2), expand=False)

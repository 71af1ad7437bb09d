"""Rows of the matrix as strips of the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mfenv_tui.columns import PADDING, Widths
from mfenv_tui.environments import cell_pieces, place, row_age, row_pieces
from mfenv_tui.lines import Line, Signs
from mfenv_tui.palette import Styles, cut_text
from mfenv_tui.rows import Row
from mfenvd.domain.arch import Arch


@dataclass(frozen=True)
class Column:
    """What stands in one column: the name, the file, an arch (None: the only one, none being known), or the age."""

    kind: str
    title: str
    width: int
    arch: Arch | None = None

    @property
    def outer_width(self) -> int:
        return self.width + PADDING


def columns(wide: Widths, archs: tuple[Arch, ...]) -> tuple[Column, ...]:
    """The table's columns from left to right."""
    files = (Column("place", "file", wide.place),) if wide.place else ()
    ages = (Column("age", "age", wide.age),) if wide.age else ()
    cells = tuple(Column("arch", str(arch), wide.cell, arch) for arch in archs) or (Column("arch", "state", wide.cell),)
    return (Column("name", "environment", wide.name), *files, *cells, *ages)


@dataclass(frozen=True)
class Look:
    """All that decides how a row is drawn besides the row itself.

    Attributes:
        columns: From left to right.
        styles: Of the roles.
        base: Of everything.
        header: Of the titles.
        cursor: Of the cell that the cursor is on,
        cursor_elsewhere: and of that cell while keys go to another widget.
        signs: The characters to use.
        with_project: Whether files are named with their project's folder.
        now: For ages: seconds since the epoch.
    """

    columns: tuple[Column, ...]
    styles: Styles
    base: Style
    header: Style
    cursor: Style
    cursor_elsewhere: Style
    signs: Signs
    with_project: bool
    now: float


class Painter:
    """Paints rows in one look, each once for as long as it stays the same object."""

    def __init__(self, look: Look, console: Console) -> None:
        self.look = look
        self._console = console
        self._painted: dict[str, tuple[Row, int | None, Style | None, tuple[Strip, ...]]] = {}

    def titles(self) -> tuple[Strip, ...]:
        """The header's cells."""
        return tuple(
            self._strip(((column.title, "plain"),), column.width, self.look.header) for column in self.look.columns
        )

    def cells(self, row: Row, cursor: int | None, *, focused: bool) -> tuple[Strip, ...]:
        """The row's cells; the one at `cursor` is the selected one."""
        over = None if cursor is None else self.look.cursor if focused else self.look.cursor_elsewhere
        known = self._painted.get(row.key)
        if known is not None and known[0] is row and known[1:3] == (cursor, over):
            return known[3]
        painted = tuple(
            self._strip(line, column.width, self.look.base, over if index == cursor else None)
            for index, (column, line) in enumerate(zip(self.look.columns, self._lines(row), strict=True))
        )
        self._painted[row.key] = (row, cursor, over, painted)
        return painted

    def _lines(self, row: Row) -> Iterator[Line]:
        for column in self.look.columns:
            if column.kind == "name":
                yield row_pieces(row, self.look.signs, column.width)
            elif column.kind == "place":
                yield ((place(row, with_project=self.look.with_project), "muted"),)
            elif column.kind == "age":
                yield ((row_age(row, self.look.now), "muted"),)
            else:
                yield cell_pieces(row.cell(column.arch), self.look.signs, column.width)

    def _strip(self, line: Line, width: int, base: Style, over: Style | None = None) -> Strip:
        """`line` on `base`; `over` takes the place of the roles' styles, for contrast."""
        text = cut_text(line, self.look.styles, ascii_only=self.look.signs.ascii_only)
        text.truncate(width, pad=True)
        blank = Segment(" " * (PADDING // 2))
        segments = [blank, *text.render(self._console), blank]
        return Strip(Segment.apply_style(segments, base, over), width + PADDING)

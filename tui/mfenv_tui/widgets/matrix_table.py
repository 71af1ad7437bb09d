"""The table of environments by arch, patched cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.message import Message
from textual.widgets import DataTable

from mfenv_tui.actions import DETAILS
from mfenv_tui.columns import PADDING, Widths, widths
from mfenv_tui.matrix import Matrix, Patch
from mfenv_tui.palette import table_text
from mfenv_tui.rows import Row
from mfenv_tui.selection import Selection
from mfenv_tui.wording import Line, Signs, cell_pieces, place, row_pieces, row_title
from mfenvd.domain.arch import Arch

_NAME = "name"
_PLACE = "place"
_ANY_ARCH = "any"
_SLOW_REMOVALS = 20
"""Each removal costs the table a pass over all rows: beyond this many, filling it anew is cheaper."""


@dataclass(frozen=True)
class _Name:
    """The first cell of a row, by which the table is put in order."""

    key: str
    text: Text

    def __rich__(self) -> Text:
        return self.text


class MatrixTable(DataTable[Text | _Name]):
    """Shows a `Matrix`. The cursor stays on its environment when rows move, once the user has moved it."""

    DEFAULT_CSS = """
    MatrixTable {
        width: 1fr;
        height: 1fr;
        max-height: 100%;
        background: $background;
        background-tint: $background 0%;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        & > .datatable--header { background: $background; color: $text-muted; text-style: none; }
        & > .datatable--fixed { background: $background; }
        & > .datatable--hover { background: $boost; }
        & > .datatable--cursor, & > .datatable--fixed-cursor {
            background: $primary 30%; color: $foreground; text-style: none;
        }
        &:focus { background-tint: $background 0%; }
        &:focus > .datatable--header { background-tint: $background 0%; }
        &:focus > .datatable--cursor, &:focus > .datatable--fixed-cursor {
            background: $primary 60%; color: $foreground; text-style: bold;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        DETAILS.binding,
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("h", "cursor_left", show=False),
        Binding("l", "cursor_right", show=False),
    ]

    class Selected(Message):
        """Another cell is selected, or the selected one has changed; None when the table is empty."""

        def __init__(self, selection: Selection | None) -> None:
            super().__init__()
            self.selection = selection

    def __init__(self, matrix: Matrix, signs: Signs) -> None:
        super().__init__(
            id="matrix", fixed_columns=1, cursor_foreground_priority="renderable", cell_padding=PADDING // 2
        )
        self._matrix = matrix
        self._signs = signs
        self._widths: Widths | None = None
        self._columns: tuple[str, ...] = ()
        self._drawn: dict[str, tuple[Line, ...]] = {}
        self._several_projects = False
        self._selected: str | None = None
        self._chosen = False

    @property
    def selection(self) -> Selection | None:
        row = self._matrix.rows.get(self._selected or "")
        if row is None or not self._columns:
            return None
        column = self._columns[min(self.cursor_column, len(self._columns) - 1)]
        return Selection(row, Arch(column) if column in set(Arch) else None)

    def show(self, patch: Patch) -> None:
        """Bring what is drawn up to date with the matrix."""
        if not self.scrollable_content_region.width:
            return  # not laid out yet: filled once it is
        if patch.archs or len(patch.removed) > _SLOW_REMOVALS or self._needs_layout():
            self._fill()
            return
        for key in patch.removed:
            self.remove_row(key)
            del self._drawn[key]
        for key in sorted(patch.changed):
            self._draw(self._matrix.rows[key])
        if patch.moved:
            self._put_in_order()
        if patch:
            self._keep_cursor()

    def on_resize(self, _: Resize) -> None:
        if self.scrollable_content_region.width and self._needs_layout():
            self._fill()

    def notify_style_update(self) -> None:
        """The theme is another one: the colours in the cells are its."""
        super().notify_style_update()
        for key in self._drawn:
            self._drawn[key] = ()
        for row in self._matrix.rows.values():
            if row.key in self._drawn:
                self._draw(row)

    def on_data_table_cell_highlighted(self, event: DataTable.CellHighlighted) -> None:
        event.stop()
        if event.coordinate != self.cursor_coordinate or not self._drawn:
            return  # told late: the cursor has moved on since
        key = event.cell_key.row_key.value
        self._chosen |= key != self._selected
        self._selected = key
        self.post_message(self.Selected(self.selection))

    def _needs_layout(self) -> bool:
        return self._wanted_widths() != self._widths or self._several_projects != self._has_several_projects()

    def _has_several_projects(self) -> bool:
        return len({row.root for row in self._matrix.rows.values()}) > 1

    def _wanted_widths(self) -> Widths:
        rows = self._matrix.rows.values()
        several = self._has_several_projects()
        longest_name = max((len(row_title(row, self._signs)) for row in rows), default=0)
        longest_place = max((len(place(row, with_project=several)) for row in rows), default=0)
        return widths(self.scrollable_content_region.width, len(self._matrix.archs), longest_name, longest_place)

    def _fill(self) -> None:
        """Lay the table out anew and put all rows in."""
        column = self.cursor_column
        self._widths = self._wanted_widths()
        self._several_projects = self._has_several_projects()
        with self.app.batch_update():
            self.clear(columns=True)
            self._drawn.clear()
            self._add_columns(self._widths)
            for key in self._matrix.order:
                self._draw(self._matrix.rows[key])
            self._keep_cursor(column)

    def _add_columns(self, wide: Widths) -> None:
        self.add_column("environment", width=wide.name, key=_NAME)
        if wide.place:
            self.add_column("file", width=wide.place, key=_PLACE)
        archs = tuple(map(str, self._matrix.archs)) or (_ANY_ARCH,)
        for arch in archs:
            self.add_column(arch if self._matrix.archs else "state", width=wide.cell, key=arch)
        self._columns = (_NAME, *((_PLACE,) if wide.place else ()), *archs)

    def _draw(self, row: Row) -> None:
        """Put `row` in at the end, or patch those of its cells that look different."""
        lines = self._lines(row)
        drawn = self._drawn.get(row.key)
        self._drawn[row.key] = lines
        if drawn is None:
            self.add_row(*map(self._cell, [row.key] * len(lines), self._columns, lines), key=row.key)
            return
        for index, (column, line) in enumerate(zip(self._columns, lines, strict=True)):
            if not drawn or drawn[index] != line:
                self.update_cell(row.key, column, self._cell(row.key, column, line))

    def _lines(self, row: Row) -> tuple[Line, ...]:
        file: tuple[Line, ...] = ()
        if _PLACE in self._columns:
            file = (((place(row, with_project=self._several_projects), "muted"),),)
        archs: tuple[Arch | None, ...] = self._matrix.archs or (None,)
        return (row_pieces(row, self._signs), *file, *(cell_pieces(row.cell(arch), self._signs) for arch in archs))

    def _cell(self, key: str, column: str, line: Line) -> Text | _Name:
        text = table_text(line, self.app.theme_variables, ascii_only=self._signs.ascii_only)
        return _Name(key, text) if column == _NAME else text

    def _put_in_order(self) -> None:
        places = {key: index for index, key in enumerate(self._matrix.order)}
        self.sort(_NAME, key=lambda name: places[name.key])

    def _keep_cursor(self, column: int | None = None) -> None:
        """Follow the chosen row; stay at the top, where the trouble is, when none was chosen."""
        if self._selected not in self._drawn:
            # The row is gone: what stands in its place now is selected.
            self._chosen = self._chosen and bool(self._drawn)
            self._selected = None
        if self._selected is not None and self._chosen:
            self.move_cursor(row=self.get_row_index(self._selected), column=column)
        else:
            self.move_cursor(row=self.cursor_row if self._chosen else 0, column=column)
            self._selected = self._matrix.order[self.cursor_row] if self._drawn else None
        self.post_message(self.Selected(self.selection))

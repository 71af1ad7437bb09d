"""The packages of the selected cell: what was chosen of each, what it asks for, and where its file is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import DataTable, Input

from mfenv_tui.detail import Detail
from mfenv_tui.lines import Signs, printable
from mfenv_tui.packages import COLUMNS, ORDERS, Shown, shown, sought
from mfenv_tui.palette import Styles, styles_of
from mfenv_tui.widgets.fitting import fit_columns
from mfenv_tui.widgets.prose import Prose
from mfenv_tui.widgets.tab import Tab, without_packages


class PackageTable(DataTable[Text]):
    """One row per package."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("l", "scroll_right", show=False),
        Binding("h", "scroll_left", show=False),
    ]


class PackagesTab(Tab):
    """Sorted and filtered as the user wants, also when another cell is selected."""

    TITLE: ClassVar[str] = "Packages"
    ASKS: ClassVar[bool] = True

    DEFAULT_CSS = """
    PackagesTab {
        padding: 0;
        Prose { padding: 0 1; }
        Input { height: 1; border: none; padding: 0 1; display: none; background: $boost; }
        &.-seeking Input { display: block; }
        Input:focus { border: none; }
        DataTable {
            height: 1fr;
            background: $background;
            scrollbar-size-vertical: 1;
            scrollbar-size-horizontal: 1;
            & > .datatable--header { background: $background; color: $foreground 60%; text-style: none; }
            & > .datatable--fixed { background: $background; color: $foreground; }
            & > .datatable--cursor { background: $primary 30%; color: $foreground; text-style: none; }
            & > .datatable--fixed-cursor { background: $primary 30%; color: $foreground; text-style: none; }
            &:focus { background-tint: $background 0%; }
            &:focus > .datatable--cursor {
                background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
            }
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "seek", "Filter", tooltip="Show only the packages whose name has these letters."),
        Binding("S", "sort", "Sort", tooltip="Sort by the next of name, size, GLIBC, and what was asked for."),
        Binding("escape", "unseek", show=False),
    ]

    class Chosen(Message):
        """A package was chosen: why is it there?"""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, signs: Signs) -> None:
        super().__init__(signs)
        self._seeker = Input(placeholder="name of a package", id="package-filter", select_on_focus=False)
        self._table = PackageTable(id="packages-table", cursor_type="row", zebra_stripes=False)
        self._nothing = Prose("packages-nothing")
        self._order = ORDERS[0]
        self._detail: Detail | None = None
        self._rows: tuple[Shown, ...] | None = None

    def compose(self) -> ComposeResult:
        yield self._seeker
        yield self._table
        yield self._nothing

    def on_mount(self) -> None:
        self._table.fixed_columns = 1
        for column in COLUMNS:
            self._table.add_column(column, key=column)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._refill(force=True))

    @property
    def entry(self) -> Widget:
        return self._table

    @property
    def names(self) -> tuple[str, ...]:
        """What is shown, from the top."""
        return tuple(row.name for row in self._rows or ())

    def show(self, detail: Detail) -> None:
        self._detail = detail
        self._refill()

    def action_seek(self) -> None:
        self.add_class("-seeking")
        self._seeker.focus()

    def action_unseek(self) -> None:
        """Show all again; where all are shown, lead back."""
        if not self.has_class("-seeking"):
            self.app.call_later(self.app.run_action, "back")
            return
        self._seeker.value = ""
        self.remove_class("-seeking")
        self._table.focus()

    def action_sort(self) -> None:
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._refill(force=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._refill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._table.focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if event.row_key.value is not None:
            self.post_message(self.Chosen(event.row_key.value.partition("|")[0]))

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        if str(event.column_key.value) in ORDERS:
            self._order = str(event.column_key.value)
            self._refill(force=True)

    def _refill(self, *, force: bool = False) -> None:
        detail = self._detail
        if detail is None:
            return
        target = detail.selection.verdict.target if detail.selection.verdict else None
        packages = detail.selection.packages
        places = detail.history.places if detail.history else {}
        rows = shown(packages, target.arch, places, self._order) if target else ()
        rows = sought(rows, self._seeker.value)
        self._table.display = bool(packages)
        self._nothing.display = not packages
        self._nothing.show(without_packages(detail.selection))
        if rows != self._rows or force:
            self._rows = rows
            self._fill(rows)

    def _fill(self, rows: Sequence[Shown]) -> None:
        table, styles = self._table, styles_of(self.app)
        before = self._key_under_cursor()
        table.clear()
        for column, header in zip(table.ordered_columns, COLUMNS, strict=True):
            mark = (" v" if self.signs.ascii_only else " ▾") if header == self._order else ""
            column.label = Text(header + mark)
        written = [self._cells(row, styles) for row in rows]
        fit_columns(table, written)
        for row, cells in zip(rows, written, strict=True):
            table.add_row(*cells, key=row.key)
        if before is not None and before in table.rows:
            table.move_cursor(row=table.get_row_index(before), animate=False)

    @staticmethod
    def _cells(row: Shown, styles: Styles) -> list[Text]:
        name, *others = map(printable, row.cells)
        return [Text(name, styles["strong"] if row.requested else ""), *map(Text, others)]

    def _key_under_cursor(self) -> str | None:
        table = self._table
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

"""The table of environments by arch. Draws the lines on the screen from the model, and no others."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region, Size, Spacing
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mfenv_tui.actions import DETAILS
from mfenv_tui.columns import least_room, widths
from mfenv_tui.environments import place, row_title
from mfenv_tui.lines import Signs
from mfenv_tui.matrix import Matrix, Patch
from mfenv_tui.painter import Column, Look, Painter, columns
from mfenv_tui.palette import styles_of
from mfenv_tui.selection import Selection
from mfenvd.domain.arch import Arch

_HEADER = 1
"""Lines on top that do not scroll; nor does the first column."""


class MatrixTable(ScrollView, can_focus=True):
    """Shows a `Matrix`. The cursor stays on its environment when rows move, once the user has moved it."""

    DEFAULT_CSS = """
    MatrixTable {
        width: 1fr;
        height: 1fr;
        background: $background;
        color: $foreground;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        & > .matrix--header { background: $background; color: $foreground 60%; }
        & > .matrix--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
        }
        & > .matrix--cursor-elsewhere { background: $primary 30%; color: $foreground; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"matrix--header", "matrix--cursor", "matrix--cursor-elsewhere"}

    BINDINGS: ClassVar[list[BindingType]] = [
        DETAILS.binding,
        Binding("up,k", "move(-1, 0)", show=False),
        Binding("down,j", "move(1, 0)", show=False),
        Binding("left,h", "move(0, -1)", show=False),
        Binding("right,l", "move(0, 1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(0, -100)", show=False),
        Binding("end", "move(0, 100)", show=False),
        Binding("ctrl+home", "move(-1000000, 0)", show=False),
        Binding("ctrl+end", "move(1000000, 0)", show=False),
    ]

    class Selected(Message):
        """Another cell is selected, or the selected one has changed."""

    class Opened(Message):
        """The selected cell was clicked once more."""

    def __init__(self, matrix: Matrix, signs: Signs) -> None:
        super().__init__(id="matrix")
        self._matrix = matrix
        self._signs = signs
        self._painter: Painter | None = None
        self._indexes: dict[str, int] = {}
        self._row = 0
        self._arch: Arch | None = None
        self._key: str | None = None
        self._chosen = False
        self._now = 0.0

    @property
    def selection(self) -> Selection | None:
        """What the cursor is on; None while there is nothing."""
        row = self._matrix.rows.get(self._key or "")
        return Selection(row, self._arch) if row and self._painter else None

    @property
    def least_width(self) -> int:
        """Columns that it needs for its rows to be told apart, with the scroll bar."""
        return least_room(self._matrix.archs, self._longest_name()) + self.styles.scrollbar_size_vertical

    def tell_time(self, now: float) -> None:
        """Show how old answers are as of `now`, seconds since the epoch."""
        self._now = now
        self.refresh()

    def choose(self, key: str) -> None:
        """Put the cursor on the name of a row; does nothing when that is not shown."""
        if key in self._indexes and self._columns:
            self._choose(self._indexes[key], None)

    def show(self, patch: Patch) -> None:
        """Bring what is drawn up to date with the matrix."""
        if self._painter is None or patch.reshaped:
            self._lay_out()
            return
        if patch.moved:
            self._put_in_order()
            return
        for key in patch.changed:
            if key in self._indexes:  # else it is filtered out
                self.refresh_line(self._indexes[key] + _HEADER)
        if self._key in patch.changed:
            self.post_message(self.Selected())

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._painter is not None:
            self._paint_in(self._columns)  # the theme may be another one
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        painter = self._painter
        if painter is None:
            return Strip.blank(self.size.width, self.rich_style)
        index = y - _HEADER + self.scroll_offset.y
        if y < _HEADER:
            cells = painter.titles()
        elif index < len(self._matrix.order):
            row = self._matrix.rows[self._matrix.order[index]]
            cells = painter.cells(row, self._column if index == self._row else None, focused=self.has_focus)
        else:
            return Strip.blank(self.size.width, painter.look.base)
        name, rest = cells[0], Strip.join(cells[1:])
        left, width = self.scroll_offset.x, self.size.width
        line = Strip.join([name, rest.crop(left, left + max(width - name.cell_length, 0))])
        return line.adjust_cell_length(width, painter.look.base)

    def on_resize(self, _: Resize) -> None:
        if self._columns != self._wanted_columns():
            self._lay_out()

    def on_click(self, event: Click) -> None:
        index = event.y - _HEADER + self.scroll_offset.y
        column = self._column_at(event.x)
        if event.y < _HEADER or index >= len(self._matrix.order) or column is None:
            return
        if (index, column.arch) == (self._row, self._arch):
            self.post_message(self.Opened())
        else:
            self._choose(index, column.arch)

    def action_move(self, rows: int, columns_: int) -> None:
        """Move the cursor, as far as there are cells."""
        if self._matrix.order and self._columns:  # else nothing is drawn yet
            row = min(max(self._row + rows, 0), len(self._matrix.order) - 1)
            stops = (None, *self._matrix.archs)
            stop = min(max(stops.index(self._arch) + columns_, 0), len(stops) - 1)
            self._choose(row, stops[stop])

    def action_page(self, pages: int) -> None:
        """Move the cursor by whole screens."""
        self.action_move(pages * max(self.scrollable_content_region.height - _HEADER - 1, 1), 0)

    @property
    def _columns(self) -> tuple[Column, ...]:
        return self._painter.look.columns if self._painter else ()

    @property
    def _column(self) -> int:
        """Where the cursor is: on the name, or on an arch; the file is part of the name."""
        archs = (index for index, column in enumerate(self._columns) if column.arch is self._arch)
        return next(archs, 0) if self._arch else 0

    def _choose(self, row: int, arch: Arch | None) -> None:
        self._chosen = True
        before, self._row, self._arch = self._row, row, arch
        self._key = self._matrix.order[row]
        self.refresh_line(before + _HEADER)
        self.refresh_line(row + _HEADER)
        self._scroll_to_cursor()
        self.post_message(self.Selected())

    def _scroll_to_cursor(self) -> None:
        at, all_columns = self._column, self._columns
        left = sum(column.outer_width for column in all_columns[:at])
        cell = Region(left, self._row + _HEADER, all_columns[at].outer_width, 1)
        fixed = Spacing(top=_HEADER, left=all_columns[0].outer_width if at else 0)
        self.scroll_to_region(cell, spacing=fixed, animate=False, force=True, immediate=True)

    def _column_at(self, x: int) -> Column | None:
        if self._columns and x >= self._columns[0].outer_width:
            x += self.scroll_offset.x
        for column in self._columns:
            x -= column.outer_width
            if x < 0:
                return column
        return None

    def _wanted_columns(self) -> tuple[Column, ...]:
        rows = self._matrix.rows.values()
        several = self._several_projects()
        longest_place = max((len(place(row, with_project=several)) for row in rows), default=0)
        room = self.scrollable_content_region.width
        return columns(widths(room, self._matrix.archs, self._longest_name(), longest_place), self._matrix.archs)

    def _longest_name(self) -> int:
        return max((len(row_title(row, self._signs)) for row in self._matrix.rows.values()), default=0)

    def _several_projects(self) -> bool:
        return len({row.root for row in self._matrix.rows.values()}) > 1

    def _lay_out(self) -> None:
        """Start over with columns and order; the cursor stays where it belongs."""
        if not self.scrollable_content_region.width:
            return  # not on the screen yet
        self._paint_in(self._wanted_columns())
        width = sum(column.outer_width for column in self._columns)
        self.virtual_size = Size(width, len(self._matrix.order) + _HEADER)
        self._put_in_order()

    def _put_in_order(self) -> None:
        self._indexes = {key: index for index, key in enumerate(self._matrix.order)}
        self._place_cursor()
        self.refresh()

    def _paint_in(self, wanted: tuple[Column, ...]) -> None:
        look = Look(
            columns=wanted,
            styles=styles_of(self.app),
            base=self.rich_style,
            header=self.get_component_rich_style("matrix--header"),
            cursor=self.get_component_rich_style("matrix--cursor"),
            cursor_elsewhere=self.get_component_rich_style("matrix--cursor-elsewhere"),
            signs=self._signs,
            with_project=self._several_projects(),
            now=self._now,
        )
        if self._painter is None or self._painter.look != look:
            self._painter = Painter(look, self.app.console)

    def _place_cursor(self) -> None:
        """Follow the chosen row; stay at the top, where the trouble is, when none was chosen."""
        in_view = 0 <= self._row - self.scroll_offset.y < self.scrollable_content_region.height - _HEADER
        last = len(self._matrix.order) - 1
        if self._arch not in self._matrix.archs:
            self._arch = None
        if last < 0:
            self._row, self._key, self._chosen = 0, None, False
        else:
            row = self._indexes.get(self._key or "", self._row) if self._chosen else 0
            moved, self._row = row != self._row, min(row, last)
            self._key = self._matrix.order[self._row]
            if moved and in_view:  # who has scrolled away is not called back
                self._scroll_to_cursor()
        self.post_message(self.Selected())

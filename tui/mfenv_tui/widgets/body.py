"""The table and the detail of its selection, beside or below each other."""

from __future__ import annotations

from textual.containers import Container

from mfenv_tui.keeping import Layout
from mfenv_tui.widgets.detail_pane import DetailPane
from mfenv_tui.widgets.matrix_table import MatrixTable

_NARROWEST_DETAIL = 47
"""Columns that the detail needs beside the table."""


class Body(Container):
    """Side by side where both have the room; hidden for as long as there is nothing to show."""

    DEFAULT_CSS = """
    Body {
        layout: horizontal;
        height: 1fr;
        DetailPane { width: 34%; min-width: 47; max-width: 84; border-left: solid $foreground 20%; }
    }
    .-narrow Body, Body.-below, Body.-crowded {
        layout: vertical;
        MatrixTable { height: 3fr; }
        DetailPane { width: 100%; max-width: 100%; height: 4fr; border-left: none; }
    }
    Body.-zoomed {
        MatrixTable { display: none; }
        DetailPane { display: block; width: 100%; max-width: 100%; height: 1fr; border-left: none; }
    }
    .-short Body #facts { margin-bottom: 0; }
    """

    SCOPED_CSS = False  # the classes for narrow and short are the screen's

    def __init__(self, table: MatrixTable, pane: DetailPane) -> None:
        super().__init__(table, pane, id="body")
        self.display = False
        self._pane = pane

    def lay_out(self, layout: Layout) -> None:
        """Put the detail where the user wants it."""
        self.set_class(layout == "below", "-below")
        self._pane.display = layout != "table"

    def fit(self, table: int, room: int) -> None:
        """Put the detail below where a table of `table` columns has no place beside it in `room`."""
        self.set_class(table + _NARROWEST_DETAIL > room, "-crowded")

    @property
    def below(self) -> bool:
        """Whether the detail is below the table, however wide the screen is."""
        return self.has_class("-below") or self.has_class("-crowded")

    @property
    def zoomed(self) -> bool:
        """Whether the detail has all the room."""
        return self.has_class("-zoomed")

    def zoom(self, *, zoomed: bool) -> None:
        """Give all the room to the detail, or take it back."""
        self.set_class(zoomed, "-zoomed")

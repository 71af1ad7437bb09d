"""The table and its findings, beside or below each other."""

from __future__ import annotations

from textual.containers import Container

from mfenv_tui.keeping import Layout
from mfenv_tui.widgets.findings_pane import FindingsPane
from mfenv_tui.widgets.matrix_table import MatrixTable


class Body(Container):
    """Side by side where the screen is wide; hidden for as long as there is nothing to show."""

    DEFAULT_CSS = """
    Body {
        layout: horizontal;
        height: 1fr;
        FindingsPane { width: 34%; min-width: 44; max-width: 84; border-left: solid $foreground 20%; }
    }
    .-narrow Body, Body.-below {
        layout: vertical;
        MatrixTable { height: 3fr; }
        FindingsPane { width: 100%; max-width: 100%; height: 4fr; border-left: none; }
    }
    .-short Body #facts { margin-bottom: 0; }
    """

    SCOPED_CSS = False  # the classes for narrow and short are the screen's

    def __init__(self, table: MatrixTable, pane: FindingsPane) -> None:
        super().__init__(table, pane, id="body")
        self.display = False
        self._pane = pane

    def lay_out(self, layout: Layout) -> None:
        """Put the detail where the user wants it."""
        self.set_class(layout == "below", "-below")
        self._pane.display = layout != "table"

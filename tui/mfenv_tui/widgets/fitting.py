"""Columns of Textual's tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import DataTable


def fit_columns(table: DataTable[Text], rows: Sequence[Sequence[Text]]) -> None:
    """Make every column as wide as its title and what `rows`, which are not in the table yet, have in it.

    Textual does so itself, but only once the table is idle: what is drawn before then stays cut.
    """
    for index, column in enumerate(table.ordered_columns):
        column.content_width = max(text.cell_len for text in (column.label, *(row[index] for row in rows)))

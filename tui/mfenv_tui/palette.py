"""Roles of text in the colours of the theme, or of the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mfenv_tui.lines import Grid, Labelled, Line, Part, Role, joined, printable
from mfenvd.domain.words import Tone

if TYPE_CHECKING:  # `--once` does without Textual
    from textual.app import App

Styles = Mapping[Role, str]
"""A style of Rich's for each role; without an entry, text is plain."""

TERMINAL: Styles = {
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

_THEMED: Mapping[Role, str] = {
    Tone.GOOD: "text-success",
    Tone.WARNING: "text-warning",
    Tone.BAD: "text-error",
    Tone.UNKNOWN: "text-accent",
    Tone.BUSY: "text-primary",
    "notice": "text-primary",
}


_COLOURLESS: Styles = {
    Tone.BAD: "bold",
    Tone.UNKNOWN: "bold",
    Tone.WAITING: "dim",
    Tone.OUTDATED: "dim",
    "muted": "dim",
    "strong": "bold",
}


def styles_of(app: App[None]) -> Styles:
    """The roles in the colours of the app's theme, which may be the terminal's own, or without any."""
    if app.no_color:
        return _COLOURLESS
    if app.native_ansi_color:
        return TERMINAL
    variables = app.theme_variables
    return {**TERMINAL, **{role: variables[name] for role, name in _THEMED.items()}}


def text(line: Line, styles: Styles) -> Text:
    """A line that wraps, or is cut, as whoever shows it wants."""
    return Text.assemble(*((printable(piece), styles.get(role, "")) for piece, role in line))


def cut_text(line: Line, styles: Styles, *, ascii_only: bool) -> Text:
    """One line that ends where the room does."""
    whole = text(line, styles)
    whole.no_wrap = True
    whole.overflow = "crop" if ascii_only else "ellipsis"
    return whole


def block(parts: Iterable[Part], styles: Styles, *, ascii_only: bool) -> RenderableType:
    """Lines below each other; labelled ones in a row share a column for their labels and one for their values."""
    shown: list[RenderableType] = []
    for kind, group in groupby(parts, type):
        members = tuple(group)
        if kind is Labelled:
            shown.append(_grid(members, styles, ascii_only=ascii_only))
        elif kind is Grid:
            shown.extend(_table(part, styles, ascii_only=ascii_only) for part in members if isinstance(part, Grid))
        else:
            shown.append(text(joined(part for part in members if isinstance(part, tuple)), styles))
    # Text by itself is what Textual can align and cut.
    return shown[0] if len(shown) == 1 else Group(*shown)


def _table(grid: Grid, styles: Styles, *, ascii_only: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=bool(grid.header), header_style="dim")
    for number in range(max((len(row) for row in grid.rows), default=0)):
        title = grid.header[number] if number < len(grid.header) else ""
        # Rich takes room from the columns that may wrap first; the text itself is cut all the same.
        table.add_column(title, no_wrap=number != grid.gives, overflow="crop" if ascii_only else "ellipsis")
    for row in grid.rows:
        table.add_row(*(cut_text(line, styles, ascii_only=ascii_only) for line in row))
    return table


def _grid(labelled: Iterable[Part], styles: Styles, *, ascii_only: bool) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for part in labelled:
        if isinstance(part, Labelled):
            value = cut_text(part.value, styles, ascii_only=ascii_only) if part.cut else text(part.value, styles)
            grid.add_row(text((part.label,), styles), value)
    return grid

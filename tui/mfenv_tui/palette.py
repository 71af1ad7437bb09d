"""Roles of text in the colours of the theme, or of the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text
from textual.content import Content

from mfenv_tui.wording import Line, Role
from mfenvd.domain.words import Tone

_VARIABLES: dict[Role, str] = {
    Tone.GOOD: "text-success",
    Tone.WARNING: "text-warning",
    Tone.BAD: "text-error",
    Tone.UNKNOWN: "text-accent",
    Tone.BUSY: "text-primary",
    "notice": "text-primary",
}
_MUTED: frozenset[Role] = frozenset({Tone.WAITING, Tone.OUTDATED, "muted"})


def content(line: Line) -> Content:
    """For widgets, in the colours of whatever theme is chosen."""
    return Content.assemble(*((text, _css_style(role)) for text, role in line))


def table_text(line: Line, variables: Mapping[str, str], *, ascii_only: bool) -> Text:
    """For cells of a table, which take Rich's text: one line, cut where the column ends."""
    text = Text(no_wrap=True, overflow="crop" if ascii_only else "ellipsis", end="")
    for piece, role in line:
        text.append(piece, _rich_style(role, variables))
    return text


def _css_style(role: Role) -> str:
    if role in _MUTED:
        return "$text-muted"
    return "bold" if role == "strong" else f"${_VARIABLES[role]}" if role in _VARIABLES else ""


def _rich_style(role: Role, variables: Mapping[str, str]) -> str:
    if role in _MUTED:
        return "dim"
    return "bold" if role == "strong" else variables[_VARIABLES[role]] if role in _VARIABLES else ""

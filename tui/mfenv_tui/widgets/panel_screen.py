"""A box of facts over the table, which any of its keys closes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from mfenv_tui.lines import Labelled, Part, Role, Signs
from mfenv_tui.widgets.prose import Prose


class PanelScreen(ModalScreen[None]):
    """What is in it is up to its kind, which calls `say` whenever it has changed."""

    DEFAULT_CSS = """
    PanelScreen {
        align: center middle;
        VerticalScroll {
            width: 90; max-width: 96%; height: auto; max-height: 94%;
            padding: 1 2; background: $surface; border: round $primary; scrollbar-size-vertical: 1;
        }
        Prose { height: auto; }
    }
    App.-ascii PanelScreen VerticalScroll { border: ascii $primary; }
    """
    SCOPED_CSS = False

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Close", show=False)]

    def __init__(self, signs: Signs) -> None:
        super().__init__()
        self.signs = signs

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Prose("about", ascii_only=self.signs.ascii_only)

    def say(self, parts: Iterable[Part]) -> None:
        self.query_one(Prose).show(tuple(parts))


def fact(label: str, value: str, role: Role = "plain", more: str = "") -> Labelled:
    """A value behind its label, and what is worth less attention behind that."""
    return Labelled((label, "muted"), ((value, role), (more, "muted")) if more else ((value, role),))


def counted(number: int, noun: str) -> str:
    """`1 worker`, `3 workers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

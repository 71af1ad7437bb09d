"""Where the user types what to look for in the table."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from mfenv_tui.lines import Signs
from mfenv_tui.widgets.prose import Prose


class FilterInput(Input):
    """One line; down and Enter lead to what was found."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down,enter", "app.focus_table", show=False)]


class FilterBar(Horizontal):
    """A slash, what was typed, and how much of the table that leaves; not there while nothing is looked for."""

    DEFAULT_CSS = """
    FilterBar {
        height: 1;
        padding: 0 1;
        background: $panel;
        #slash { width: 2; }
        #left { width: auto; padding-left: 1; }
        FilterInput {
            width: 1fr; height: 1; border: none; padding: 0; background: $panel;
            &:focus { border: none; }
        }
    }
    """

    class Changed(Message):
        """Something else is looked for."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, signs: Signs) -> None:
        super().__init__(id="filter")
        self._signs = signs
        self._input = FilterInput(placeholder="project, flow, step or environment", id="sought", disabled=True)
        self._left = Prose("left")
        self.display = False

    def compose(self) -> ComposeResult:
        slash = Prose("slash", fixed=True)
        slash.show(((("/", "strong"),),))
        yield slash
        yield self._input
        yield self._left

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def open(self) -> None:
        """Begin to type, or go on. While it is closed it takes no keys, as it does not know that nobody sees it."""
        self.display = True
        self._input.disabled = False
        # At once, so that what is typed right behind the slash arrives here.
        self.screen.set_focus(self._input)

    def close(self) -> None:
        """Look for nothing any more."""
        self.display = False
        self._input.value = ""
        self._input.disabled = True

    def count(self, shown: int, known: int) -> None:
        """Say how many rows are left."""
        text = f"{shown} of {known}" if shown else "nothing found"
        self._left.show((((text, "muted"),),))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

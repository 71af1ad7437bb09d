"""Textual as this dashboard wants it: its scrollbars, its command palette, its toasts, its way to fail."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender

from mfenv_tui.actions import ACTIONS
from mfenv_tui.lines import Signs, printable
from mfenvd.client.errors import ClientError


class PlainScrollBar(ScrollBarRender):
    """Ends at whole cells, which takes colours alone."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


_ASCII_CSS = """
App.-ascii {
    Toast.-information { border-left: ascii $success; }
    Toast.-warning { border-left: ascii $warning; }
    Toast.-error { border-left: ascii $error; }
    CommandPalette #--input { border: ascii $foreground 20%; }
    CommandPalette LoadingIndicator { display: none; }
    CommandPalette CommandList { border: none; }
    FindingsPane { border-top: ascii $foreground 20%; }
    FindingsPane:focus-within { border-top: ascii $primary; }
    .-wide FindingsPane { border-left: ascii $foreground 20%; }
    Notice.-banner { border-left: ascii $warning; }
    HelpScreen VerticalScroll { border: ascii $primary; }
    Tooltip { border: none; }
}
"""
"""What Textual draws with box and block characters, for terminals that have none."""

_CSS = """
Screen { background: $background; }
* {
    scrollbar-color: $foreground 20%; scrollbar-color-hover: $foreground 35%; scrollbar-color-active: $primary;
    scrollbar-background: $background; scrollbar-background-hover: $background;
    scrollbar-background-active: $background; scrollbar-corner-color: $background;
}
CommandPalette SearchIcon { display: none; }
"""


class BaseApp(App[None]):
    """An app with the table of actions as its keys and commands.

    Attributes:
        signs: The characters to use.
        failure: What ended it although it should not have; None when nothing did.
    """

    CSS = _CSS + _ASCII_CSS
    BINDINGS: ClassVar[list[BindingType]] = [action.binding for action in ACTIONS]

    def __init__(self, signs: Signs) -> None:
        super().__init__()
        self.signs = signs
        self.failure: Exception | None = None
        self.set_class(signs.ascii_only, "-ascii")
        ScrollBar.renderer = PlainScrollBar

    def say(self, message: str, severity: SeverityLevel = "information") -> None:
        """Tell the user in a corner, for a moment."""
        self.notify(printable(message), severity=severity, markup=False)

    def say_error(self, error: ClientError) -> None:
        """Tell what went wrong with the daemon, and what to do."""
        self.say(" ".join(filter(None, (error.message, error.fix))), "error")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's
        """The command palette: every action that is possible now, and the theme."""
        for action in ACTIONS:
            if action.listed and self.check_action(action.name, ()):
                yield SystemCommand(action.label, action.help, partial(self.run_action, action.name))
        yield SystemCommand("Theme", "Choose other colours.", self.action_change_theme)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="Type a command", id="--command-palette"))

    def _handle_exception(self, error: Exception) -> None:
        self.failure = error
        super()._handle_exception(error)

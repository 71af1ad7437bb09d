"""Textual as this dashboard wants it: its scrollbars, its command palette, its toasts, its way to fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.drivers._writer_thread import WriterThread
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
    DetailPane { border-top: ascii $foreground 20%; }
    DetailPane:focus-within { border-top: ascii $primary; }
    .-wide DetailPane { border-left: ascii $foreground 20%; }
    Notice.-banner { border-left: ascii $warning; }
    HelpScreen VerticalScroll { border: ascii $primary; }
    Summary #counts { text-overflow: clip; }
    Tooltip { border: none; }
}
"""
"""What Textual draws with characters beyond ASCII, for terminals that have none."""

_CSS = """
Screen { background: $background; }
ModalScreen { background: $background 60%; }
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

    @property
    def is_taken(self) -> bool:
        """Whether the terminal has taken everything that was drawn; Textual writes from a thread of its own."""
        writer = getattr(self._driver, "_writer_thread", None)
        return not isinstance(writer, WriterThread) or writer._queue.empty()  # noqa: SLF001 - nothing else tells

    def say(self, message: str, severity: SeverityLevel = "information") -> None:
        """Tell the user in a corner, for a moment, in place of what was told before."""
        self.clear_notifications()
        self.notify(printable(message), severity=severity, markup=False)

    def action_help_quit(self) -> None:
        """What Ctrl-C does, which ends other programs."""
        self.say("Press q to leave, or Ctrl+Q while you type; the daemon goes on.")

    def say_error(self, error: ClientError) -> None:
        """Tell what went wrong with the daemon, and what to do."""
        self.say(" ".join(filter(None, (error.message, error.fix))), "error")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's
        """The command palette: every action, and the theme."""
        for action in ACTIONS:
            if action.listed:
                yield SystemCommand(action.label, action.help, partial(self.run_action, f"app.{action.call}"))
        yield SystemCommand("Theme", "Choose other colours.", self.action_change_theme)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="Type a command", id="--command-palette"))

    def why_not(self, action: str) -> str | None:  # noqa: ARG002 - for those who know
        """Why an action cannot be done now, in a sentence; None when it can."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer in the footer only what is possible."""
        return self.why_not(action) is None and super().check_action(action, parameters)

    async def run_action(
        self,
        action: str | tuple[str, str, tuple[object, ...]],
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do it, or say why that is not possible."""
        done = await super().run_action(action, default_namespace, namespaces)
        reason = self.why_not(action.removeprefix("app.")) if not done and isinstance(action, str) else None
        if reason is not None:
            self.say(reason)
        return done or reason is not None

    def _handle_exception(self, error: Exception) -> None:
        self.failure = error
        super()._handle_exception(error)

"""Everything that a key can do: the one table that keys, footer, help and command palette are made from."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes:
        name: Of the app's method, without `action_`. The binding works from any widget that has it.
        keys: As Textual names them, joined by commas; the first is the one that is shown.
        label: In the footer and the command palette.
        help: One sentence, also without its context.
        hint: Whether the footer shows it.
        listed: Whether the command palette offers it.
    """

    name: str
    keys: str
    label: str
    help: str
    hint: bool = True
    listed: bool = True

    @property
    def binding(self) -> Binding:
        shown = "enter" if self.keys == "enter" else None  # Textual's own sign for it is not in every font
        return Binding(self.keys, f"app.{self.name}", self.label, show=self.hint, tooltip=self.help, key_display=shown)


DETAILS = Action("details", "enter", "Details", "Show everything about the selected cell or finding.")

ACTIONS = (
    Action("start_daemon", "s", "Start", "Start the daemon in the background when it is not running."),
    DETAILS,
    Action("copy_fix", "y", "Copy", "Copy what to type to fix the selected finding."),
    Action("open_editor", "o", "Open", "Open the file at the line in $VISUAL or $EDITOR."),
    Action("resolve_again", "r", "Resolve", "Resolve the selected environment again, asking the index anew."),
    Action("cancel", "x", "Cancel", "Cancel the resolves of what is selected.", hint=False),
    Action("export", "e", "Export", "Write the selected environment to a file for other tools.", hint=False),
    Action("wheels", "w", "Wheels", "Show which archs and Pythons any package has wheels for."),
    Action("filter", "slash", "Filter", "Look for a project, flow, step or environment by name."),
    Action("fold", "z", "Fold", "Show steps with the same environment in one row, or each in its own.", hint=False),
    Action("sort", "t", "Sort", "Sort by trouble first, or by name.", hint=False),
    Action("layout", "v", "View", "Put the findings beside or below the table, below it, or nowhere.", hint=False),
    Action("daemon", "d", "Daemon", "Show the daemon's process, its folders and its warnings.", hint=False),
    Action("focus_next", "tab", "Findings", "Go from the table to the findings and back.", hint=False),
    Action("back", "escape", "Back", "Go back to where you came from.", hint=False, listed=False),
    Action("help", "question_mark,f1", "Help", "Show all keys."),
    Action("quit", "q", "Quit", "Leave; the daemon goes on."),
)

ABOUT_ROWS = frozenset(
    {"details", "copy_fix", "open_editor", "resolve_again", "focus_next", "cancel", "export", "filter"}
)
"""Names of the actions that need a row to be about."""

OF_TABLE = frozenset({"filter", "fold", "sort", "layout", "wheels", "daemon", "export"})
"""Names of the actions that are offered beside the table alone."""

CHANGES = frozenset({"start_daemon", "resolve_again", "cancel", "export"})
"""Names of the actions that change something outside of the dashboard."""

MOVES = (
    ("arrows", "Move from cell to cell, as h j k l do; on a name, all its archs are selected."),
    ("PgUp PgDn", "Move by screens; Home and End lead to the first and the last arch."),
    ("Ctrl+P", "Find any command, the theme included, by name."),
    ("mouse", "Click a cell, a finding or a key; scroll with the wheel."),
)
"""What Textual's own keys do, for the help."""

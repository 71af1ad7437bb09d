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
        argument: Of the method; None where it takes none.
    """

    name: str
    keys: str
    label: str
    help: str
    hint: bool = True
    listed: bool = True
    argument: str | None = None

    @property
    def call(self) -> str:
        """As Textual runs it."""
        return self.name if self.argument is None else f"{self.name}({self.argument!r})"

    @property
    def binding(self) -> Binding:
        shown = "enter" if self.keys == "enter" else None  # Textual's own sign for it is not in every font
        return Binding(self.keys, f"app.{self.call}", self.label, show=self.hint, tooltip=self.help, key_display=shown)


def _tab(key: str, title: str, help_: str) -> Action:
    return Action("tab", key, title, help_, hint=False, argument=title)


DETAILS = Action("details", "enter", "Details", "Show everything about the selected cell or finding.")

TABS = (
    _tab("1", "Findings", "Show what is wrong with the selected cell, and the fix."),
    _tab("2", "Packages", "Show the packages: version, size, GLIBC, where the file is."),
    _tab("3", "Gaps", "Show which archs lack a package, and what there is instead."),
    _tab("4", "GLIBC", "Show what each package asks of the GLIBC, and what another image would change."),
    _tab("5", "Drift", "Show the versions on all archs side by side."),
    _tab("6", "Diff", "Show what differs from the resolution before, and from Metaflow's manifest."),
    _tab("7", "Why", "Show why each package is there: the tree from what was asked for."),
    _tab("8", "Log", "Show what happened in the work on the selected cell."),
)

ACTIONS = (
    Action(
        "start_daemon",
        "s",
        "Start",
        "Start the daemon; replace one that is stuck or of another version.",
    ),
    DETAILS,
    Action("copy_fix", "y", "Copy", "Copy what to type to fix the selected finding."),
    Action("apply_fix", "f", "Fix", "Apply the selected finding's fix to its file, where it is one pin."),
    Action("undo_fix", "u", "Undo", "Take back the fix that was applied last.", hint=False),
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
    Action("mirror", "m", "Mirror", "Show what goes to the team's bucket, and how the bucket fares.", hint=False),
    *TABS,
    Action("previous_tab", "left_square_bracket", "Previous tab", "Show the tab before.", hint=False),
    Action("next_tab", "right_square_bracket", "Next tab", "Show the next tab.", hint=False),
    Action("focus_next", "tab", "Detail", "Go from the table to the detail and back.", hint=False),
    Action("back", "escape", "Back", "Go back to where you came from.", hint=False, listed=False),
    Action("help", "question_mark,f1", "Help", "Show all keys."),
    Action("quit", "q", "Quit", "Leave; the daemon goes on."),
)

ABOUT_ROWS = frozenset(
    {
        "details", "copy_fix", "apply_fix", "open_editor", "resolve_again", "cancel", "export", "filter", "tab",
        "next_tab", "previous_tab", "focus_next",
    }
)  # fmt: skip
"""Names of the actions that need a row to be about."""

OF_TABLE = frozenset(
    {"filter", "fold", "sort", "layout", "wheels", "daemon", "mirror", "export", "tab", "next_tab", "previous_tab"}
)
"""Names of the actions that are offered beside the table alone."""

ABOUT_FIXES = frozenset({"copy_fix", "apply_fix", "undo_fix"})
"""Names of the actions that are about the fix of a finding."""

CHANGES = frozenset({"start_daemon", "resolve_again", "cancel", "export", "apply_fix", "undo_fix"})
"""Names of the actions that change something outside of the dashboard."""

MOVES = (
    ("arrows", "Move from cell to cell, as h j k l do; on a name, all its archs are selected."),
    ("PgUp PgDn", "Move by screens; Home and End lead to the first and the last arch."),
    ("Ctrl+P", "Find any command, the theme included, by name."),
    ("mouse", "Click a cell, a finding or a key; scroll with the wheel."),
)
"""What Textual's own keys do, for the help."""

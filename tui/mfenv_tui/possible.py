"""Why an action cannot be done now. What hangs on the selected cell, the action itself says."""

from __future__ import annotations

from dataclasses import dataclass

from mfenv_tui.actions import ABOUT_ROWS, CHANGES, OF_TABLE
from mfenv_tui.link import Link


@dataclass(frozen=True)
class Situation:
    """All that decides which actions are possible.

    Attributes:
        link: The connection to the daemon.
        rows: Whether the table has any.
        projects: Whether any is watched.
        at_table: Whether the table is what one looks at,
        at_cell: or the selected cell, there or on a screen of its own.
        unchangeable: Why nothing may be changed from here; None when it may.
    """

    link: Link
    rows: bool
    projects: bool
    at_table: bool
    at_cell: bool
    unchangeable: str | None = None

    def why_not(self, action: str) -> str | None:
        """The reason in one sentence; None for what is possible."""
        if action in CHANGES and self.unchangeable is not None:
            return self.unchangeable
        if action == "start_daemon" and not (self.link.absent or self.link.replaceable):
            return self._why_not_start()
        if action in ABOUT_ROWS and not (self.rows and self.at_cell):
            where = "the table is empty" if not self.rows else "Esc leads back to the table"
            return f"This is about an environment: {where}."
        if action == "wheels" and not self.projects:
            return "No project is watched, whose indexes could be asked: run `mfenv up` in one."
        if action in OF_TABLE and not self.at_table:
            return "This is about the table: Esc leads back to it."
        return None

    def _why_not_start(self) -> str:
        if self.link.starting:
            return "mfenvd is being started already."
        if self.link.answers:
            return "mfenvd is running already."
        if self.link.error is None:
            return "Whether mfenvd runs is being looked at."
        return "Starting would not help: mfenvd runs, but cannot be talked to."

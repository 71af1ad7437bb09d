"""Why an action cannot be done now. What else hangs on the selected cell, the action itself says."""

from __future__ import annotations

from dataclasses import dataclass

from mfenv_tui.actions import ABOUT_FIXES, ABOUT_ROWS, CHANGES, OF_TABLE
from mfenv_tui.fixing import FixError, pin_of
from mfenv_tui.link import Link
from mfenvd.domain.finding import Finding


@dataclass(frozen=True)
class Situation:
    """All that decides which actions are possible.

    Attributes:
        link: The connection to the daemon.
        rows: Whether the table has any.
        projects: Whether any is watched.
        at_table: Whether the table is what one looks at,
        at_cell: or the selected cell, there or on a screen of its own.
        finding: The one that keys are about.
        unchangeable: Why nothing may be changed from here; None when it may.
    """

    link: Link
    rows: bool
    projects: bool
    at_table: bool
    at_cell: bool
    finding: Finding | None = None
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
        return self._why_not_fix(action) if action in ABOUT_FIXES else None

    def _why_not_fix(self, action: str) -> str | None:
        if action == "undo_fix":
            return None if self.at_cell else "This is about a fix: Esc leads back to the table."
        what = "copy" if action == "copy_fix" else "apply"
        if self.finding is None:
            return f"Nothing to {what}: the selected cell has no findings."
        if self.finding.fix is None:
            return f"Nothing to {what}: {self.finding.code} has no fix here."
        if action == "apply_fix":
            try:
                pin_of(self.finding)
            except FixError as error:
                return str(error)
        return None

    def _why_not_start(self) -> str:
        if self.link.starting:
            return "mfenvd is being started already."
        if self.link.answers:
            return "mfenvd is running already."
        if self.link.error is None:
            return "Whether mfenvd runs is being looked at."
        return "Starting would not help: mfenvd runs, but cannot be talked to."

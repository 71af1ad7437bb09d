"""The keys of the detail: turning to a tab, giving it all the room, applying a fix and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfenv_tui.base import BaseApp
from mfenv_tui.widgets.detail_pane import DetailPane
from mfenv_tui.widgets.tabs import TITLES
from mfenvd.domain.finding import Finding

if TYPE_CHECKING:  # what reads versions takes its time to import: the first picture does not wait for it
    from mfenv_tui.fixing import Edit


class DetailActions(BaseApp):
    """Part of the dashboard."""

    _pane: DetailPane
    _applied: Edit | None = None

    @property
    def _finding(self) -> Finding | None:
        """The one that keys are about."""
        raise NotImplementedError

    async def action_tab(self, title: str) -> None:
        """Turn to a tab."""
        await self._pane.turn_to(TITLES.index(title))

    async def action_next_tab(self) -> None:
        await self._pane.turn(1)

    async def action_previous_tab(self) -> None:
        await self._pane.turn(-1)

    def action_apply_fix(self) -> None:
        from mfenv_tui import fixing

        finding = self._finding
        if finding is None:
            self.say("Nothing to apply: the selected cell has no findings.")
            return
        try:
            edit = fixing.plan(finding)
            fixing.apply(edit)
        except fixing.FixError as error:
            self.say(str(error), "warning")
        else:
            self._applied = edit
            self.say(f"{edit.path.name}:{edit.line} asks for {edit.what} now. Press u to undo.")

    def action_undo_fix(self) -> None:
        from mfenv_tui import fixing

        if self._applied is None:
            self.say("Nothing to undo: no fix was applied.")
            return
        try:
            fixing.apply(self._applied.reverse)
        except fixing.FixError as error:
            self.say(str(error), "warning")
        else:
            self.say(f"{self._applied.path.name}:{self._applied.line} is what it was before.")
            self._applied = None

"""The keys of the detail: turning to a tab, copying a fix, applying it and taking it back."""

from __future__ import annotations

from mfenv_tui import fixing
from mfenv_tui.base import BaseApp
from mfenv_tui.findings import typed_part
from mfenv_tui.lines import printable
from mfenv_tui.widgets.detail_pane import DetailPane
from mfenv_tui.widgets.tabs import TITLES
from mfenvd.domain.finding import Finding


class DetailActions(BaseApp):
    """Part of the dashboard."""

    _pane: DetailPane
    _applied: fixing.Edit | None = None
    _offered: Finding | None = None

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

    def offer_keys_of_finding(self) -> None:
        """Offer what can be done about the finding, where that is another one than the last time."""
        if self.screen_stack and self._finding != self._offered:
            self._offered = self._finding
            self.refresh_bindings()

    def on_findings_tab_highlighted(self) -> None:
        self.offer_keys_of_finding()

    def action_copy_fix(self) -> None:
        if self._finding is not None and self._finding.fix is not None:
            text = printable(typed_part(self._finding.fix))
            self.copy_to_clipboard(text)
            self.say(f"Copied: {text}")

    def action_apply_fix(self) -> None:
        if self._finding is None:
            return
        try:
            edit = fixing.plan(self._finding)
            fixing.apply(edit)
        except fixing.FixError as error:
            self.say(str(error), "warning")
        else:
            self._applied = edit
            self.say(f"{edit.path.name}:{edit.line} asks for {edit.what} now. Press u to undo.")

    def action_undo_fix(self) -> None:
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

"""The dashboard: the daemon's view on the screen, and the keys. No knowledge of its own about environments."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import msgspec
from textual import work
from textual.app import App, ComposeResult
from textual.events import Resize

from mfenv_tui.commands import COMMANDS
from mfenv_tui.daemon import cancel, resolve_again
from mfenv_tui.detail_actions import DetailActions
from mfenv_tui.editing import EditError, edit, find_editor
from mfenv_tui.keeping import LAYOUTS, load, save
from mfenv_tui.lines import Signs
from mfenv_tui.link import Link
from mfenv_tui.matrix import Matrix
from mfenv_tui.outside import Outside
from mfenv_tui.pace import Pace
from mfenv_tui.possible import Situation
from mfenv_tui.selection import Selection
from mfenv_tui.widgets.body import Body
from mfenv_tui.widgets.detail_pane import DetailPane
from mfenv_tui.widgets.detail_screen import DetailScreen
from mfenv_tui.widgets.filter_bar import FilterBar
from mfenv_tui.widgets.key_hints import KeyHints
from mfenv_tui.widgets.matrix_table import MatrixTable
from mfenv_tui.widgets.notice import Notice
from mfenv_tui.widgets.summary import Summary
from mfenvd.client.errors import ClientError
from mfenvd.client.view import Change, DaemonView
from mfenvd.domain.finding import Finding
from mfenvd.domain.request import Kind

BETWEEN_DRAWINGS = 0.2
"""Seconds: events that come faster are drawn together."""

BETWEEN_AGES = 15.0
"""Seconds after which "3 min ago" is written anew."""

NARROW = 100
"""Columns below which the findings stand under the table."""


class Dashboard(DetailActions):
    """Follows the daemon, also when that starts, stops or is replaced meanwhile.

    The screens beside the table are imported when they are opened: the first picture does not wait for them.
    """

    TITLE = "mfenv"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]  # noqa: RUF012 - declared by Textual
    COMMANDS = App.COMMANDS | COMMANDS
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-tall")]  # noqa: RUF012

    def __init__(self, outside: Outside, signs: Signs) -> None:
        super().__init__(signs)
        self.settings = load(outside.settings_file)
        self.view = DaemonView()
        self.matrix = Matrix(self.view)
        self.matrix.arrange(folded=self.settings.folded, by_name=self.settings.by_name)
        self.link = Link()
        self._outside = outside
        self._pace = Pace(self, self._redraw, BETWEEN_DRAWINGS, lambda: self.is_taken)
        self._summary = Summary(signs)
        self._notice = Notice()
        self._table = MatrixTable(self.matrix, signs)
        self._pane = DetailPane(signs, partial(outside.history, outside.socket))
        self._filter = FilterBar(signs)
        self._body = Body(self._table, self._pane)

    def compose(self) -> ComposeResult:
        yield self._summary
        yield self._filter
        yield self._notice
        yield self._body
        yield KeyHints()

    def on_mount(self) -> None:
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        self.theme_changed_signal.subscribe(self, lambda theme: self.set_up(theme=theme.name))
        self._body.lay_out(self.settings.layout)
        self._redraw()
        self._tell_time()
        self.set_interval(BETWEEN_AGES, self._tell_time)
        self.call_after_refresh(self._follow)

    def on_resize(self, event: Resize) -> None:
        self._fit(event.size.width)  # `self.size` is still the one before
        self._pace.request()

    @work(exclusive=True, group="follow")
    async def _follow(self) -> None:
        """Take in what the daemon tells, for as long as the dashboard is open."""
        async for item in self._outside.follow(self._outside.socket, self.view):
            if isinstance(item, Change):
                self.matrix.note(item)
            else:
                self._set_link(self.link.told(item))
            self._pace.request()

    def _set_link(self, link: Link) -> None:
        self.link = link
        self._offer_keys()

    def _redraw(self) -> None:
        """Bring the screen up to date with everything that was told since the last time."""
        with self.batch_update():
            patch = self.matrix.update()
            empty = not self.matrix.rows
            if self._body.display is empty:
                self._body.display = not empty
                self._offer_keys()
            self._notice.say(self.link.notice(self.view, self.signs), alone=empty)
            self._summary.show(self.matrix.counts, self.link, brief=self._narrow)
            if not empty:
                if patch.reshaped:
                    self._fit(self.size.width)
                self._table.show(patch)
                self._filter.count(len(self.matrix.order), len(self.matrix.rows))
                self._show_selection()

    def _fit(self, room: int) -> None:
        self._body.fit(self._table.least_width, room)

    def _offer_keys(self) -> None:
        if self.screen_stack:  # else it is closing
            self.refresh_bindings()

    def _tell_time(self) -> None:
        self._table.tell_time(self._outside.clock())
        self._show_selection()

    def _show_selection(self) -> None:
        self._pane.show(self._table.selection, self._outside.clock(), brief=self._below)
        self.offer_keys_of_finding()

    @property
    def _narrow(self) -> bool:
        return self.size.width < NARROW

    @property
    def _below(self) -> bool:
        """Whether the findings stand below the table."""
        return self._narrow or self._body.below

    @property
    def _finding(self) -> Finding | None:
        """The one that keys are about."""
        beside = self.screen_stack[-1] if self.screen_stack else None  # there is none when it is closing
        return beside.finding if isinstance(beside, DetailScreen) else self._pane.finding

    def on_matrix_table_selected(self, _: MatrixTable.Selected) -> None:
        self._show_selection()

    def on_matrix_table_opened(self) -> None:
        self.action_details()

    def on_detail_pane_opened(self) -> None:
        self.action_details()

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        self.matrix.arrange(sought=event.text)
        self._redraw()

    def why_not(self, action: str) -> str | None:
        at_table = len(self.screen_stack) < 2
        situation = Situation(
            self.link,
            rows=bool(self.matrix.rows),
            projects=bool(self.view.projects),
            at_table=at_table,
            at_cell=at_table or isinstance(self.screen, DetailScreen),
            finding=self._finding,
            unchangeable=self._outside.unchangeable,
        )
        return situation.why_not(action)

    def action_details(self) -> None:
        selection = self._table.selection
        if selection is None:
            self.say("Nothing is selected: the table is empty.")
        elif not self._pane.shows_findings:
            self._body.zoom(zoomed=not self._body.zoomed)
            self._pane.take_keys()
        elif len(self.screen_stack) == 1:
            self.push_screen(DetailScreen(selection, self._pane.index, self._outside.clock(), self.signs))

    def action_open_editor(self) -> None:
        place = self._place()
        if place is None:
            self.say("Nothing to open: no file is selected.")
            return
        try:
            edit(self, find_editor(self._outside.environ, *place))
        except EditError as error:
            self.say(str(error), "error")

    def action_resolve_again(self) -> None:
        selection = self._table.selection
        if selection is None:
            self.say("Nothing to resolve: the table is empty.")
        elif not self.link.answers:
            self.say("mfenvd does not answer: nothing can be resolved now.", "warning")
        elif not selection.row.root or not (selection.verdict_ids or selection.row.whole):
            self.say("Nothing to resolve here: not a target.")
        else:
            self._ask_again(selection)

    @work(group="calls")
    async def _ask_again(self, selection: Selection) -> None:
        try:
            jobs = await resolve_again(self._outside.socket, selection)
        except ClientError as error:
            self.say_error(error)
        else:
            self.say(f"{jobs} queued to be resolved again." if jobs else "Nothing here can be resolved.")

    def action_cancel(self) -> None:
        selection = self._table.selection
        if selection is None:
            self.say("Nothing to cancel: the table is empty.")
        elif not self.link.answers:
            self.say("mfenvd does not answer: nothing can be cancelled now.", "warning")
        elif not selection.under_way:
            self.say("Nothing to cancel: what is selected neither waits nor runs.")
        else:
            self._ask_cancel(selection)

    @work(group="calls")
    async def _ask_cancel(self, selection: Selection) -> None:
        try:
            jobs = await cancel(self._outside.socket, selection)
        except ClientError as error:
            self.say_error(error)
        else:
            self.say(f"{jobs} cancelled: r resolves after all." if jobs else "Nothing was left to cancel.")

    def action_export(self) -> None:
        selection = self._table.selection
        if selection is None or not selection.row.names:
            self.say("Nothing to export: no environment is selected.")
        elif not selection.has_packages:
            self.say("Nothing to export: what is selected is not resolved.")
        else:
            from mfenv_tui.widgets.export_screen import ExportScreen

            self.push_screen(ExportScreen(selection, self._outside.export, self.signs))

    def action_wheels(self) -> None:
        from mfenv_tui.widgets.wheels_screen import WheelsScreen

        selection = self._table.selection
        root = selection.row.root if selection else ""
        first = self._finding.package if self._finding else None
        known = root if root in self.view.projects else next(iter(self.view.projects))
        conda = selection is not None and selection.kind == Kind.CONDA
        self.push_screen(WheelsScreen(self._outside, known, first or "", self.signs, conda=conda))

    def action_daemon(self) -> None:
        if self.view.daemon is None:
            self.say("Nothing is known of the daemon yet.")
        else:
            from mfenv_tui.widgets.daemon_screen import DaemonScreen

            self.push_screen(DaemonScreen(self._outside, self.view, self.link, self.signs))

    def action_mirror(self) -> None:
        if self.view.mirror is None:
            self.say("Nothing is known of the mirror yet.")
        else:
            from mfenv_tui.widgets.mirror_screen import MirrorScreen

            self.push_screen(MirrorScreen(self._outside, self.view, self.signs))

    def action_filter(self) -> None:
        self._filter.open()

    def action_focus_table(self) -> None:
        self._table.focus()

    def action_fold(self) -> None:
        self.set_up(folded=not self.settings.folded)

    def action_sort(self) -> None:
        self.set_up(by_name=not self.settings.by_name)

    def action_layout(self) -> None:
        following = LAYOUTS[(LAYOUTS.index(self.settings.layout) + 1) % len(LAYOUTS)]
        # Where there is no room beside the table, they are below it already.
        self.set_up(layout="table" if following == "below" and self._below else following)

    def go_to(self, key: str) -> None:
        """Select the environment with that key; what is looked for gives way."""
        self._filter.close()
        self.matrix.arrange(sought="")
        self._redraw()
        self._table.choose(key)
        self._table.focus()

    def set_up(self, **changes: object) -> None:
        """Take on other settings, and keep them."""
        self.settings = msgspec.structs.replace(self.settings, **changes)
        self.matrix.arrange(folded=self.settings.folded, by_name=self.settings.by_name)
        self._body.lay_out(self.settings.layout)
        self._redraw()
        try:
            save(self.settings, self._outside.settings_file)
        except OSError as error:
            self.say(f"The settings cannot be kept: {error.strerror}.", "warning")

    @work(exclusive=True, group="start")
    async def action_start_daemon(self) -> None:
        start = self._outside.restart if self.link.replaceable else self._outside.start
        self._set_link(replace(self.link, starting=True))
        self._pace.request()
        try:
            await asyncio.to_thread(start, self._outside.socket)
        except ClientError as error:
            self.say_error(error)
            self._set_link(replace(self.link, starting=False))
        else:
            self._set_link(Link())
        self._follow()

    async def action_back(self) -> None:
        if len(self.screen_stack) > 1:
            await super().action_back()
        elif self._body.zoomed:
            self._body.zoom(zoomed=False)
            self._table.focus()
        elif self._filter.is_open and (self._table.has_focus or self._filter.has_focus_within):
            self._filter.close()
            self._table.focus()
        else:
            self._table.focus()

    def action_help(self) -> None:
        from mfenv_tui.widgets.help_screen import HelpScreen

        self.push_screen(HelpScreen(self.signs))

    def _place(self) -> tuple[str, int | None, int | None] | None:
        """What to open: the finding's file at its line, else the selected environment's file."""
        finding, selection = self._finding, self._table.selection
        if finding is not None and finding.path:
            return finding.path, finding.line, finding.column
        return (selection.row.source, None, None) if selection and selection.row.root else None

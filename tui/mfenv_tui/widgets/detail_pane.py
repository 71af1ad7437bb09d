"""The selected cell in tabs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message

from mfenv_tui.detail import Detail
from mfenv_tui.environments import row_title
from mfenv_tui.lines import Signs, printable
from mfenv_tui.selection import Selection
from mfenv_tui.widgets.findings_tab import FindingsTab
from mfenv_tui.widgets.tab import Tab
from mfenv_tui.widgets.tab_bar import TabBar
from mfenv_tui.widgets.tabs import TITLES, make
from mfenvd.client.errors import ClientError
from mfenvd.domain.finding import Finding
from mfenvd.domain.history import History

if TYPE_CHECKING:
    from mfenv_tui.widgets.packages_tab import PackagesTab

AskHistory = Callable[[str], Awaitable[History]]
"""By `Verdict.id`; raises ClientError."""

_REST = 0.1
"""Seconds on a cell before the daemon is asked about it: who passes by asks nothing."""


class DetailPane(Vertical):
    """One tab at a time, made when it is first turned to and brought up to date whenever it is.

    Attributes:
        active: The tab on the screen.
    """

    DEFAULT_CSS = """
    DetailPane {
        width: 1fr;
        height: 1fr;
        border-top: solid $foreground 20%;
        border-title-color: $foreground;
        border-title-style: bold;
        &:focus-within { border-top: solid $primary; }
        Tab { padding: 0 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.back", show=False)]

    class Opened(Message):
        """The highlighted finding was chosen."""

    def __init__(self, signs: Signs, ask: AskHistory) -> None:
        super().__init__(id="detail")
        self._signs = signs
        self._ask = ask
        self._findings = FindingsTab(signs)
        self.active: Tab = self._findings
        self._made: dict[str, Tab] = {self._findings.TITLE: self._findings}
        self._titled = ""
        self._bar = TabBar(TITLES)
        self._detail: Detail | None = None
        self._asked: object = None

    def compose(self) -> ComposeResult:
        yield self._bar
        yield self.active

    @property
    def shows_findings(self) -> bool:
        """Whether the findings are on the screen."""
        return self.active is self._findings

    @property
    def knows_history(self) -> bool:
        """Whether the daemon has answered about the selected cell."""
        return self._detail is not None and self._detail.history is not None

    @property
    def finding(self) -> Finding | None:
        """The highlighted finding; the first one until the user moves."""
        return self._findings.finding

    @property
    def index(self) -> int:
        """Of the highlighted finding; 0 when there are none."""
        return self._findings.index

    def show(self, selection: Selection | None, now: float, *, brief: bool) -> None:
        """Show `selection` as of `now`, seconds since the epoch; `brief` where there is little room."""
        self._show_title(self._title(selection, brief=brief))
        if selection is None:
            self._detail = None
            return
        before = self._detail
        same = before is not None and before.selection.verdict_ids == selection.verdict_ids
        kept = before if same and selection.verdict is not None else None
        self._detail = Detail(selection, now, brief, kept.history if kept else None, kept.trouble if kept else None)
        # The findings are what keys are about, whichever tab is on the screen.
        self._findings.show(self._detail)
        self._draw()

    async def turn_to(self, index: int) -> None:
        """Show another tab; the keys go with it where they were in the one before."""
        had_focus = self.has_focus_within
        title = TITLES[index % len(TITLES)]
        if title not in self._made:
            self._made[title] = make(title, self._signs)
            await self.mount(self._made[title])
        self.active.display = False
        self.active = self._made[title]
        self.active.display = True
        self._bar.show(TITLES.index(title))
        self._draw()
        if had_focus:
            self.active.entry.focus()

    def take_keys(self) -> None:
        """Let keys go to the tab."""
        self.active.entry.focus()

    async def turn(self, step: int) -> None:
        """Show a neighbouring tab."""
        await self.turn_to(TITLES.index(self.active.TITLE) + step)

    async def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        event.stop()
        await self.turn_to(event.index)

    async def on_packages_tab_chosen(self, event: PackagesTab.Chosen) -> None:
        event.stop()
        await self.turn_to(TITLES.index("Why"))
        self.active.go_to(event.name)

    def on_findings_tab_opened(self, event: FindingsTab.Opened) -> None:
        event.stop()
        self.post_message(self.Opened())

    def _draw(self) -> None:
        if self._detail is None:
            return
        if self.active is not self._findings:
            self.active.show(self._detail)
        if self.active.ASKS:
            self._ask_soon(self._detail)

    def _ask_soon(self, detail: Detail) -> None:
        """Ask once for everything that may have another answer."""
        verdict, cell = detail.selection.verdict, detail.selection.cell
        wanted = (verdict, cell.progress if cell else None)
        if verdict is not None and wanted != self._asked:
            self._asked = wanted
            self._fetch(verdict.id)

    @work(exclusive=True, group="history")
    async def _fetch(self, id_: str) -> None:
        await asyncio.sleep(_REST)
        history, trouble = None, None
        try:
            history = await self._ask(id_)
        except ClientError as error:
            self._asked = None  # it may answer the next time
            trouble = " ".join(filter(None, (error.message, error.fix)))
        detail = self._detail
        if detail is not None and detail.selection.verdict is not None and detail.selection.verdict.id == id_:
            self._detail = replace(detail, history=history or detail.history, trouble=trouble)
            self.active.show(self._detail)

    def _show_title(self, title: str) -> None:
        if title != self._titled:
            self._titled = title
            # Not `border_title`: for that, Textual draws everything below it anew, which a slow line feels.
            self._border_title = Content(title)
            left, top = self.content_offset
            self.refresh(Region(-left, -top, self.outer_size.width, 1))

    def _title(self, selection: Selection | None, *, brief: bool) -> str:
        if selection is None:
            return ""
        where = f" {self._signs.dot} {selection.arch}" if selection.arch else ""
        title = printable(f"{row_title(selection.row, self._signs)}{where}")
        # Beside the table there is a corner, after which Textual leaves a blank by itself.
        return f" {title} " if brief else f"{title} "

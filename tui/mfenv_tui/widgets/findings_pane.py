"""The findings of the selected cell."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mfenv_tui.actions import DETAILS
from mfenv_tui.palette import content
from mfenv_tui.selection import Selection
from mfenv_tui.source import source_line
from mfenv_tui.widgets.prose import Prose
from mfenv_tui.wording import (
    Signs,
    brief_lines,
    detail_hint,
    fact_lines,
    finding_lines,
    joined,
    other_lines,
    row_title,
)
from mfenvd.domain.finding import Finding


class FindingList(OptionList):
    """The findings, one of them highlighted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        DETAILS.binding,
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]


class FindingsPane(Vertical):
    """What holds of the selection, and its findings one below the other; one of them is highlighted."""

    DEFAULT_CSS = """
    FindingsPane {
        width: 1fr;
        height: 1fr;
        padding: 0 1;
        border-top: solid $foreground 20%;
        border-title-color: $foreground;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        &:focus-within { border-top: solid $primary; }
        #facts { height: auto; margin-bottom: 1; }
        #nothing { height: 1fr; }
        OptionList {
            height: 1fr;
            background: $background;
            background-tint: $background 0%;
            border: none;
            padding: 0;
            scrollbar-size-vertical: 1;
            & > .option-list--option { padding: 0 0 1 0; }
            & > .option-list--option-highlighted { background: $background; color: $foreground; text-style: none; }
            & > .option-list--option-hover { background: $boost; }
            &:focus > .option-list--option-highlighted {
                background: $primary 30%; color: $foreground; text-style: none;
            }
        }
        &.-ascii, &.-ascii:focus-within { border-top: ascii $foreground 20%; }
    }
    """

    class Opened(Message):
        """The highlighted finding was chosen."""

    def __init__(self, signs: Signs) -> None:
        super().__init__(id="findings", classes="-ascii" if signs.ascii_only else "")
        self._signs = signs
        self._selection: Selection | None = None
        self._findings: tuple[Finding, ...] = ()

    def compose(self) -> ComposeResult:
        yield Prose(name="facts")
        yield FindingList(id="list", markup=False)
        yield Prose(name="nothing")

    @property
    def finding(self) -> Finding | None:
        """The highlighted finding; the first one until the user moves."""
        index = self.index
        return self._findings[index] if index < len(self._findings) else None

    @property
    def index(self) -> int:
        """Of the highlighted finding; 0 when there are none."""
        return self._list.highlighted or 0

    def show(self, selection: Selection | None, now: float, *, brief: bool) -> None:
        """Show `selection` as of `now`, seconds since the epoch; `brief` where there is little room."""
        self.border_title = row_title(selection.row, self._signs) if selection else ""
        self.border_subtitle = str(selection.arch or "") if selection else ""
        facts = self.query_one("#facts", Prose)
        lines = (brief_lines if brief else fact_lines)(selection, now, self._signs) if selection else ()
        facts.show(lines)
        facts.display = bool(facts.content)
        self._show_findings(selection)
        self._selection = selection

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Opened())

    @property
    def _list(self) -> FindingList:
        return self.query_one("#list", FindingList)

    def _show_findings(self, selection: Selection | None) -> None:
        findings = selection.findings if selection else ()
        same_row = bool(selection and self._selection and selection.row.key == self._selection.row.key)
        if findings != self._findings or not same_row:
            kept = self.index if same_row else 0
            self._findings = findings
            root = selection.row.root if selection else ""
            self._list.set_options(Option(self._prompt(finding, root)) for finding in findings)
            self._list.highlighted = min(kept, len(findings) - 1) if findings else None
        nothing = self.query_one("#nothing", Prose)
        nothing.show(other_lines(selection, self._signs) if selection and not findings else ())
        self._list.display = bool(findings)
        nothing.display = not findings

    def _prompt(self, finding: Finding, root: str) -> Content:
        lines = finding_lines(finding, root, source_line(finding.path, finding.line), self._signs)
        return content(joined((*lines, *detail_hint(finding))))

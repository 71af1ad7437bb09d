"""The findings of the selected cell."""

from __future__ import annotations

from typing import ClassVar

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mfenv_tui.actions import DETAILS
from mfenv_tui.detail import Detail
from mfenv_tui.environments import brief_facts, facts, without_findings
from mfenv_tui.findings import detail_hint, finding_parts
from mfenv_tui.lines import Signs
from mfenv_tui.palette import block, styles_of
from mfenv_tui.selection import Selection
from mfenv_tui.source import source_line
from mfenv_tui.widgets.prose import Prose
from mfenv_tui.widgets.tab import Tab
from mfenvd.domain.finding import Finding


class FindingList(OptionList):
    """The findings, one of them highlighted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        DETAILS.binding,
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]


class FindingsTab(Tab):
    """What holds of the selection, and its findings one below the other; one of them is highlighted."""

    DEFAULT_CSS = """
    FindingsTab {
        #facts { height: auto; margin-bottom: 1; }
        #nothing { height: 1fr; }
        OptionList {
            height: 1fr;
            background: $background;
            background-tint: $background 0%;
            border: none;
            padding: 0;
            scrollbar-size-vertical: 1;
            & > .option-list--option-highlighted { background: $background; color: $foreground; text-style: none; }
            & > .option-list--option-hover { background: $boost; }
            &:focus { border: none; background-tint: $background 0%; }
            &:focus > .option-list--option-highlighted {
                background: $primary 30%; color: $foreground; text-style: none;
            }
        }
    }
    """

    TITLE: ClassVar[str] = "Findings"

    class Opened(Message):
        """The highlighted finding was chosen."""

    class Highlighted(Message):
        """Another finding may be highlighted than before."""

    def __init__(self, signs: Signs) -> None:
        super().__init__(signs)
        self._facts = Prose("facts", ascii_only=signs.ascii_only)
        self._list = FindingList(id="list", markup=False)
        self._nothing = Prose("nothing")
        self._selection: Selection | None = None
        self._findings: tuple[Finding, ...] = ()

    def compose(self) -> ComposeResult:
        yield self._facts
        yield self._list
        yield self._nothing

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._draw_again)

    @property
    def finding(self) -> Finding | None:
        """The highlighted finding; the first one until the user moves."""
        index = self.index
        return self._findings[index] if index < len(self._findings) else None

    @property
    def index(self) -> int:
        """Of the highlighted finding; 0 when there are none."""
        return self._list.highlighted or 0

    @property
    def entry(self) -> Widget:
        return self._list if self._list.display else self

    def show(self, detail: Detail) -> None:
        told = brief_facts if detail.brief else facts
        self._facts.show(told(detail.selection, detail.now, self.signs))
        self._facts.display = not self._facts.is_empty
        self._show_findings(detail.selection)
        self._selection = detail.selection

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Opened())

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.post_message(self.Highlighted())

    def _show_findings(self, selection: Selection | None) -> None:
        findings = selection.findings if selection else ()
        same_row = bool(selection and self._selection and selection.row.key == self._selection.row.key)
        if findings != self._findings or not same_row:
            kept = self.index if same_row else 0
            self._findings = findings
            root = selection.row.root if selection else ""
            self._list.set_options(Option(self._prompt(finding, root)) for finding in findings)
            self._list.highlighted = min(kept, len(findings) - 1) if findings else None
        self._nothing.show(without_findings(selection, self.signs) if selection and not findings else ())
        self._list.display = bool(findings)
        self._nothing.display = not findings

    def _prompt(self, finding: Finding, root: str) -> RenderableType:
        parts = finding_parts(finding, root, source_line(finding.path, finding.line), self.signs)
        styles = styles_of(self.app)
        return block((*parts, *detail_hint(finding), ()), styles, ascii_only=self.signs.ascii_only)

    def _draw_again(self, _: object) -> None:
        selection, self._selection = self._selection, None
        self._show_findings(selection)
        self._selection = selection

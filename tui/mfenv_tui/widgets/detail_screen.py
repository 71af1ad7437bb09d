"""A cell, or one of its findings, with everything that is known about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen

from mfenv_tui.environments import facts, row_title, without_findings
from mfenv_tui.findings import finding_parts
from mfenv_tui.lines import Labelled, Part, Role, Signs
from mfenv_tui.selection import Selection
from mfenv_tui.source import source_lines
from mfenv_tui.widgets.key_hints import KeyHints
from mfenv_tui.widgets.prose import Prose
from mfenvd.domain.finding import Finding

_CONTEXT = 2
"""Lines of the source above and below."""


class DetailScreen(Screen[None]):
    """Scrolls; left and right lead to the cell's other findings, Escape leads back."""

    DEFAULT_CSS = """
    DetailScreen {
        background: $background;
        VerticalScroll { padding: 1 2; background: $background; scrollbar-size-vertical: 1; }
        #title { height: 1; padding: 0 2; background: $panel; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "app.back", "Back", tooltip="Go back to where you came from."),
        Binding("left", "step(-1)", "Previous", show=False),
        Binding("right", "step(1)", "Next finding"),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]

    def __init__(self, selection: Selection, index: int, now: float, signs: Signs) -> None:
        """Shows `selection` as of `now`, with its finding at `index` if it has any."""
        super().__init__()
        self._selection = selection
        self._index = index
        self._now = now
        self._signs = signs

    @property
    def finding(self) -> Finding | None:
        """The finding on the screen."""
        findings = self._selection.findings
        return findings[self._index] if findings else None

    def compose(self) -> ComposeResult:
        yield Prose("title")
        with VerticalScroll():
            yield Prose("text", ascii_only=self._signs.ascii_only)
        yield KeyHints()

    def on_mount(self) -> None:
        self._show()

    def action_step(self, step: int) -> None:
        self._index = (self._index + step) % len(self._selection.findings)
        self._show()
        self.refresh_bindings()
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "step":
            return len(self._selection.findings) > 1
        return super().check_action(action, parameters)

    def _show(self) -> None:
        count = len(self._selection.findings)
        where = f" {self._signs.dot} {self._selection.arch}" if self._selection.arch else ""
        position = f" {self._signs.dot} finding {self._index + 1} of {count}" if count > 1 else ""
        title = row_title(self._selection.row, self._signs)
        self.query_one("#title", Prose).show((((title, "strong"), (where + position, "muted")),))
        self.query_one("#text", Prose).show(self._parts())

    def _parts(self) -> Iterator[Part]:
        yield from facts(self._selection, self._now, self._signs)
        yield ()
        finding = self.finding
        if finding is None:
            yield from without_findings(self._selection, self._signs)
            return
        yield from finding_parts(finding, self._selection.row.root, None, self._signs)
        yield Labelled(("more", "muted"), ((f"docs/findings.md, {finding.code}", "plain"),))
        for more in (self._source(finding), [((line, "plain"),) for line in finding.detail]):
            if more:
                yield ()
                yield from more

    @staticmethod
    def _source(finding: Finding) -> list[Part]:
        if finding.line is None:
            return []
        parts: list[Part] = []
        for number, code in source_lines(finding.path, finding.line - _CONTEXT, finding.line + _CONTEXT):
            here = number == finding.line
            role: Role = "strong" if here else "muted"
            parts.append(Labelled((f"{'>' if here else ' '} {number}", "muted"), ((code, role),), cut=True))
        return parts

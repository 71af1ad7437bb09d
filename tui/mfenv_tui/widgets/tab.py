"""One view of the selection among several, most of them text that scrolls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from mfenv_tui.actions import DETAILS
from mfenv_tui.detail import Detail
from mfenv_tui.lines import Line, Part, Signs
from mfenv_tui.selection import Selection
from mfenv_tui.widgets.prose import Prose

NO_ARCH: Line = (("Select an architecture: each has its own.", "muted"),)
NOT_A_TARGET: Line = (("Not a target: nothing here runs on this architecture.", "muted"),)


class Tab(Vertical):
    """What stands below its title in the pane.

    Attributes:
        TITLE: In the bar.
        ASKS: Whether it shows what the daemon is asked for (`Detail.history`).
    """

    TITLE: ClassVar[str]
    ASKS: ClassVar[bool] = False

    DEFAULT_CSS = """
    Tab { height: 1fr; }
    """

    def __init__(self, signs: Signs) -> None:
        super().__init__(id=self.TITLE.lower())
        self.signs = signs

    @property
    def entry(self) -> Widget:
        """What has the keys while the tab has them."""
        return self

    def show(self, detail: Detail) -> None:
        """Bring it up to date."""
        raise NotImplementedError

    def go_to(self, package: str) -> None:
        """Put the cursor on a package, where there is one."""


class _Scroll(VerticalScroll):
    BINDINGS: ClassVar[list[BindingType]] = [
        DETAILS.binding,
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
    ]


class TextTab(Tab):
    """A tab of lines."""

    DEFAULT_CSS = """
    TextTab {
        VerticalScroll { height: 1fr; background: $background; scrollbar-size-vertical: 1; }
        VerticalScroll:focus { background-tint: $background 0%; }
        Prose { height: auto; }
    }
    """

    def __init__(self, signs: Signs) -> None:
        super().__init__(signs)
        self._prose = Prose(f"{self.id}-text", ascii_only=signs.ascii_only)
        self._scroll = _Scroll(self._prose)

    def compose(self) -> ComposeResult:
        yield self._scroll

    @property
    def entry(self) -> Widget:
        return self._scroll

    def show(self, detail: Detail) -> None:
        self._prose.show(self.parts(detail))

    def parts(self, detail: Detail) -> Iterator[Part]:
        """What it says of the selection."""
        raise NotImplementedError


def without_packages(selection: Selection) -> tuple[Line, ...]:
    """Why there are no packages to show; empty when there are."""
    if selection.packages:
        return ()
    if selection.arch is None:
        return (NO_ARCH,)
    return (NOT_A_TARGET if selection.verdict is None else (("No packages: not resolved.", "muted"),),)


def unanswered(detail: Detail) -> Line:
    """Why there is nothing that the daemon would have to tell."""
    if detail.selection.arch is None:
        return NO_ARCH
    if detail.selection.verdict is None:
        return NOT_A_TARGET
    return ((detail.trouble, "plain"),) if detail.trouble else (("Asking mfenvd", "muted"),)

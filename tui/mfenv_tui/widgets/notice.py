"""What has to be said in place: no daemon, no project, nothing found."""

from __future__ import annotations

from mfenv_tui.lines import Line
from mfenv_tui.widgets.prose import Prose


class Notice(Prose):
    """Above the table while that shows something, in its place otherwise; gone when there is nothing to say."""

    DEFAULT_CSS = """
    Notice {
        display: none;
        height: auto;
        padding: 0 1;
        &.-banner { display: block; border-left: outer $warning; margin: 0 1; }
        &.-alone { display: block; height: 1fr; content-align: center middle; text-align: center; }
    }
    """

    def __init__(self) -> None:
        super().__init__("notice")

    def say(self, lines: tuple[Line, ...], *, alone: bool) -> None:
        """Say `lines`, `alone` when there is no table to show."""
        self.set_class(bool(lines) and alone, "-alone")
        self.set_class(bool(lines) and not alone, "-banner")
        self.show(lines)

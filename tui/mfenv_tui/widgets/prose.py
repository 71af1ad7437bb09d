"""Text that changes now and then."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widgets import Static

from mfenv_tui.palette import content
from mfenv_tui.wording import Line, joined


class Prose(Static):
    """Lines with roles; drawn again only when they differ, so that what stands still does not flicker."""

    def __init__(self, lines: Iterable[Line] = (), *, name: str | None = None, classes: str = "") -> None:
        self._shown = joined(lines)
        super().__init__(content(self._shown), id=name, classes=classes, markup=False)

    def show(self, lines: Iterable[Line]) -> None:
        """Replace what is shown."""
        line = joined(lines)
        if line != self._shown:
            self._shown = line
            self.update(content(line))

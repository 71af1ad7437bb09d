"""Text that changes now and then."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widgets import Static

from mfenv_tui.lines import Part
from mfenv_tui.palette import block, styles_of


class Prose(Static):
    """Drawn again only when it says something else, so that what stands still does not flicker."""

    def __init__(self, name: str, *, ascii_only: bool = False, fixed: bool = False) -> None:
        """`fixed` where the room that it takes does not follow from what it says."""
        super().__init__(id=name, markup=False)
        self._parts: tuple[Part, ...] = ()
        self._ascii_only = ascii_only
        self._fixed = fixed

    @property
    def is_empty(self) -> bool:
        return not self._parts

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())

    def show(self, parts: Iterable[Part]) -> None:
        """Replace what is shown."""
        new = tuple(parts)
        if new != self._parts:
            self._parts = new
            self._draw()

    def _draw(self) -> None:
        shown = block(self._parts, styles_of(self.app), ascii_only=self._ascii_only)
        self.update(shown, layout=not self._fixed)

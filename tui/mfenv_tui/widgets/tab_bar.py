"""The names of the tabs in one line, the active one in brackets."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from mfenv_tui.palette import styles_of

_SHORT = 4
"""Letters of a name where there is no room for all; names of five are left whole."""


class TabBar(Widget):
    """Names with their keys where there is room for these, shortened where there is little; a click chooses."""

    DEFAULT_CSS = """
    TabBar { height: 1; background: $background; }
    """

    class Chosen(Message):
        """The tab with that index was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__(id="tabs")
        self._titles = tuple(titles)
        self._active = 0

    def show(self, active: int) -> None:
        """Mark that one."""
        self._active = active
        self.refresh()

    def render(self) -> Text:
        styles = styles_of(self.app)
        bar = Text(no_wrap=True, overflow="crop")
        for index, label in enumerate(self._labels()):
            here = index == self._active
            bar.append("[" if here else "]" if index and index - 1 == self._active else " ", styles.get("notice", ""))
            bar.append(label, f"bold {styles.get('notice', '')}" if here else styles["muted"])
        bar.append("]" if self._active == len(self._titles) - 1 else " ", styles.get("notice", ""))
        return bar

    def on_click(self, event: Click) -> None:
        position = 0
        for index, label in enumerate(self._labels()):
            position += 1 + len(label)
            if event.x < position:
                self.post_message(self.Chosen(index))
                return

    def _labels(self) -> list[str]:
        """The longest ones that fit."""
        numbered = [f"{number} {title}" for number, title in enumerate(self._titles, 1)]
        for labels in (numbered, list(self._titles)):
            if sum(map(len, labels)) + len(labels) < self.size.width:
                return labels
        return [
            title if index == self._active or len(title) <= _SHORT + 1 else title[:_SHORT]
            for index, title in enumerate(self._titles)
        ]

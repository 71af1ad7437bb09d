"""The last line: the keys that do something now, and what each does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.events import Leave, MouseDown, MouseMove
from textual.screen import Screen
from textual.widget import Widget

_ALWAYS = ("app.help", "app.quit")
"""Actions whose keys are shown where there is no room for all: what leads to the others, and out."""

_CRAMPED = 70
"""Columns below which the hints stand close together."""


class Hint(NamedTuple):
    """A key in the line; `key` as Textual names it, `shown` as people do."""

    key: str
    shown: str
    label: str
    action: str
    tooltip: str


class KeyHints(Widget, can_focus=False):
    """Drawn as one line of text, a click on a key presses it. Textual's own footer has a widget for each key."""

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    KeyHints {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
        & > .key-hints--key { color: $footer-key-foreground; background: $footer-key-background; text-style: bold; }
        & > .key-hints--label { color: $footer-description-foreground; background: $footer-description-background; }
        & > .key-hints--hover { color: $footer-key-foreground; background: $block-hover-background; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-hints--key", "key-hints--label", "key-hints--hover"}

    def __init__(self) -> None:
        super().__init__()
        self._hints: tuple[Hint, ...] = ()
        self._hovered: str | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def render(self) -> Text:
        line = Text(no_wrap=True, overflow="crop")
        key_style = self.get_component_rich_style("key-hints--key")
        label_style = self.get_component_rich_style("key-hints--label")
        hover_style = self.get_component_rich_style("key-hints--hover")
        lead, gap = ("", " ") if self._is_cramped else (" ", " ")
        for hint in self._fitting():
            over = hint.key == self._hovered
            line.append(f"{lead}{hint.shown} ", hover_style if over else key_style)
            line.append(hint.label, hover_style if over else label_style)
            line.append(gap)
        return line

    def on_mouse_down(self, event: MouseDown) -> None:
        hint = self._at(event.x)
        if hint is not None:
            self.app.simulate_key(hint.key)

    def on_mouse_move(self, event: MouseMove) -> None:
        hint = self._at(event.x)
        self._hover(hint.key if hint else None)
        self.tooltip = hint.tooltip if hint else None

    def on_leave(self, _: Leave) -> None:
        self._hover(None)

    @property
    def _is_cramped(self) -> bool:
        return self.size.width < _CRAMPED

    def _bindings_changed(self, screen: Screen[object]) -> None:
        hints = tuple(self._offered(screen)) if screen is self.screen and self.app.app_focus else self._hints
        if hints != self._hints:
            self._hints = hints
            self.refresh()

    def _offered(self, screen: Screen[object]) -> Iterator[Hint]:
        seen: set[str] = set()
        for _, binding, _, tooltip in screen.active_bindings.values():
            if binding.show and binding.action not in seen:
                seen.add(binding.action)
                shown = self.app.get_key_display(binding)
                yield Hint(binding.key, shown, binding.description, binding.action, tooltip or binding.description)

    def _width(self, hint: Hint) -> int:
        return len(hint.shown) + len(hint.label) + (2 if self._is_cramped else 3)

    def _fitting(self) -> list[Hint]:
        """As many as there is room for; those behind give way to the ones that are always shown."""
        room = self.size.width + 1 - sum(self._width(hint) for hint in self._hints if hint.action in _ALWAYS)
        fitting = []
        for hint in self._hints:
            if hint.action not in _ALWAYS:
                room -= self._width(hint)
            if room >= 0 or hint.action in _ALWAYS:
                fitting.append(hint)
        return fitting

    def _at(self, x: int) -> Hint | None:
        for hint in self._fitting():
            x -= self._width(hint)
            if x < 0:
                return hint
        return None

    def _hover(self, key: str | None) -> None:
        if key != self._hovered:
            self._hovered = key
            self.refresh()

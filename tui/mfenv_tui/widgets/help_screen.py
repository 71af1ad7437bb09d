"""All keys, from the table of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from mfenv_tui.actions import ACTIONS, MOVES
from mfenv_tui.lines import Labelled, Part, Signs
from mfenv_tui.widgets.prose import Prose
from mfenvd.domain.words import Tone

_MEANINGS = {
    Tone.GOOD: "resolves: nothing left to do",
    Tone.WARNING: "resolves, with something that may bite later",
    Tone.BAD: "blocked: cannot work as it is",
    Tone.UNKNOWN: "could not be told",
    Tone.BUSY: "being resolved",
    Tone.WAITING: "waits for its turn",
    Tone.OUTDATED: "out of date, about to be resolved again",
}
_WORDS = ((Tone.GOOD, "cached", "resolves, and its packages lie ready"),)
_DRIFT = "behind a word: other versions than on another arch"
_NOT_A_TARGET = "not a target: nothing here runs on this arch"


class HelpScreen(ModalScreen[None]):
    """Scrolls where it does not fit; any of the usual keys closes it."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        VerticalScroll {
            width: 76; max-width: 96%; height: auto; max-height: 94%;
            padding: 1 2; background: $surface; border: round $primary; scrollbar-size-vertical: 1;
        }
        Prose { height: auto; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "dismiss", "Close", show=False),
    ]

    def __init__(self, signs: Signs) -> None:
        super().__init__()
        self._signs = signs

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Prose("keys", ascii_only=self._signs.ascii_only)

    def on_mount(self) -> None:
        self.query_one(Prose).show(self._parts())

    def _parts(self) -> list[Part]:
        keys = [Labelled((shown_keys(action.keys), Tone.BUSY), ((action.help, "plain"),)) for action in ACTIONS]
        moves = [Labelled((key, Tone.BUSY), ((help_, "plain"),)) for key, help_ in MOVES]
        signs = [Labelled((self._signs.of(tone), tone), ((text, "plain"),)) for tone, text in _MEANINGS.items()]
        signs += [Labelled((self._signs.of_word(tone, word), tone), ((text, "plain"),)) for tone, word, text in _WORDS]
        signs.append(Labelled((self._signs.differs, "muted"), ((_DRIFT, "plain"),)))
        signs.append(Labelled((self._signs.not_a_target, "muted"), ((_NOT_A_TARGET, "plain"),)))
        return [(("Keys", "strong"),), *keys, *moves, (), (("Signs", "strong"),), *signs]


def shown_keys(keys: str) -> str:
    """Keys as people call them."""
    names = {
        "question_mark": "?",
        "escape": "Esc",
        "slash": "/",
        "enter": "Enter",
        "tab": "Tab",
        "f1": "F1",
        "left_square_bracket": "[",
        "right_square_bracket": "]",
    }
    return ", ".join(names.get(key, key) for key in keys.split(","))

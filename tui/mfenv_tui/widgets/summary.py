"""The line on top: how many cells are in which state, and whether the daemon answers."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Horizontal

from mfenv_tui.lines import Line, Piece, Signs
from mfenv_tui.link import Link
from mfenv_tui.widgets.prose import Prose
from mfenvd.domain.words import Tone

_NAMES = {
    Tone.BAD: "blocked",
    Tone.UNKNOWN: "could not tell",
    Tone.WARNING: "with warnings",
    Tone.BUSY: "under way",
    Tone.WAITING: "queued",
    Tone.OUTDATED: "stale",
    Tone.GOOD: "ready",
}


class Summary(Horizontal):
    """Counts on the left, the daemon on the right."""

    DEFAULT_CSS = """
    Summary {
        height: 1;
        padding: 0 1;
        background: $panel;
        #counts { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        #daemon { width: auto; padding-left: 1; }
    }
    """

    def __init__(self, signs: Signs) -> None:
        super().__init__(id="summary")
        self._signs = signs
        self._counted = Prose("counts", fixed=True)
        self._daemon = Prose("daemon")

    def compose(self) -> ComposeResult:
        yield self._counted
        yield self._daemon

    def show(self, counts: Mapping[Tone, int], link: Link, *, brief: bool) -> None:
        """Show how many cells have which tone; `brief` leaves the words out, the glyphs stay."""
        self._counted.show((self._counts(counts, brief=brief),))
        self._daemon.show((link.badge(self._signs),))

    def _counts(self, counts: Mapping[Tone, int], *, brief: bool) -> Line:
        pieces: list[Piece] = [("mfenv", "strong")]
        for tone, name in _NAMES.items():
            if counts[tone]:
                text = f"{self._signs.of(tone)} {counts[tone]}"
                pieces += [("  " if brief else "   ", "plain"), (text if brief else f"{text} {name}", tone)]
        return tuple(pieces)

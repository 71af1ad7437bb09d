"""Which rows the user is looking for: by project, flow, and step or named environment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from mfenv_tui.rows import Row, relative

_CLOSE = 75
"""Of 100: how alike a word and a part of a row's name have to be, so that a typing error does no harm."""


class Filter:
    """Keeps the rows that are meant by a few words; knows the names of rows that it has seen.

    A row is meant when it has every word in it. Where no row has, those that come close are taken.
    """

    def __init__(self) -> None:
        self.words: tuple[str, ...] = ()
        self._names: dict[str, tuple[Row, str]] = {}

    def look_for(self, text: str) -> bool:
        """From now on look for the words of `text`, none for all rows; whether that is something else than before."""
        words = tuple(text.casefold().split())
        changed, self.words = words != self.words, words
        return changed

    def keep(self, rows: Iterable[Row]) -> list[Row]:
        """Those of `rows` that are meant, in the same order."""
        every = list(rows)
        if not self.words:
            return every
        exact = [row for row in every if all(word in self._name(row) for word in self.words)]
        return exact or self._close(every)

    def _close(self, rows: list[Row]) -> list[Row]:
        # Only who has mistyped waits for it to load.
        from rapidfuzz.fuzz import partial_ratio

        return [
            row
            for row in rows
            if all(partial_ratio(word, self._name(row), score_cutoff=_CLOSE) for word in self.words if len(word) > 1)
            and any(len(word) > 1 for word in self.words)
        ]

    def _name(self, row: Row) -> str:
        known = self._names.get(row.key)
        if known is None or known[0].names != row.names:
            parts = (PurePath(row.root).name, relative(row.source, row.root), row.flow or "", *row.names)
            known = self._names[row.key] = (row, " ".join(parts).casefold())
        return known[1]

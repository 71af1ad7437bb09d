"""What happened in the work on the selected cell, following."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

from mfenv_tui.detail import Detail
from mfenv_tui.lines import Grid, Line, Part
from mfenv_tui.widgets.tab import TextTab, unanswered
from mfenvd.domain.history import Stage


class LogTab(TextTab):
    """Scrolls along for as long as its end is on the screen."""

    TITLE: ClassVar[str] = "Log"
    ASKS: ClassVar[bool] = True

    DEFAULT_CSS = """
    LogTab Prose { padding-bottom: 1; }
    """

    def show(self, detail: Detail) -> None:
        follows = self._scroll.scroll_y >= self._scroll.max_scroll_y
        super().show(detail)
        if follows:
            self._scroll.scroll_end(animate=False)

    def parts(self, detail: Detail) -> Iterator[Part]:
        history, verdict = detail.history, detail.selection.verdict
        if history is None or verdict is None:
            yield unanswered(detail)
        elif not history.stages:
            yield (("Nothing happened since the daemon started: what is known was settled before.", "muted"),)
        else:
            yield Grid(tuple(_rows(history.stages)), ("at", "took", "what"), gives=2)


def _rows(stages: Sequence[Stage]) -> Iterator[tuple[Line, ...]]:
    """Each with how long it took until the next one began."""
    took = [f"{max(later.at - stage.at, 0):.1f} s" for stage, later in pairwise(stages)]
    for stage, seconds in zip(stages, [*took, ""], strict=True):
        clock = time.strftime("%H:%M:%S", time.localtime(stage.at))
        count = f" {stage.done}/{stage.total}" if stage.total else ""
        yield ((clock, "muted"),), ((f"{seconds:>8}", "muted"),), ((stage.text, "plain"), (count, "muted"))

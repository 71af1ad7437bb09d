"""Which archs lack a package: what each of them gets, on which axis the wheels fail, and what there is instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from mfenv_tui.detail import Detail
from mfenv_tui.lines import Grid, Line, Part, Piece
from mfenv_tui.widgets.tab import TextTab
from mfenvd.domain.gaps import Gap, GapCell, gaps
from mfenvd.domain.words import Tone, code_word


class GapsTab(TextTab):
    """Package by arch, of the whole environment whichever arch is selected."""

    TITLE: ClassVar[str] = "Gaps"

    DEFAULT_CSS = """
    GapsTab Prose { padding-bottom: 1; }
    """

    def parts(self, detail: Detail) -> Iterator[Part]:
        found = gaps(detail.selection.verdicts)
        if not found:
            yield (("No gaps: no architecture lacks a package.", "muted"),)
        for number, gap in enumerate(found):
            if number:
                yield ()
            yield from self._gap(gap)

    def _gap(self, gap: Gap) -> Iterator[Part]:
        everywhere: list[Piece] = [(f"  for all archs: {gap.everywhere}", Tone.GOOD)] if gap.everywhere else []
        yield ((gap.name, "strong"), *everywhere)
        yield Grid(tuple(self._row(cell) for cell in gap.cells), gives=1)
        misfits = dict.fromkeys(misfit for cell in gap.cells for misfit in cell.misfits)
        for misfit in misfits:
            yield (
                (f"  {', '.join(misfit.axes)}", Tone.BAD),
                (f": needs {misfit.needs}" if misfit.needs else "", "muted"),
            )
            yield ((f"    {misfit.filename}", "plain"),)

    def _row(self, cell: GapCell) -> tuple[Line, ...]:
        arch: Line = ((f"  {cell.arch}", "plain"),)
        if cell.file is not None:
            return (arch, ((f"{self.signs.of(Tone.GOOD)} {cell.file}", Tone.GOOD),))
        if cell.code is None:
            return (arch, ((f"{self.signs.of(Tone.WAITING)} not resolved", "muted"),))
        why = ", ".join(cell.axes) or code_word(cell.code) or cell.code
        nearest = f"  nearest: {cell.nearest}" if cell.nearest else "  no version has one"
        return (arch, ((f"{self.signs.of(Tone.BAD)} {why}", Tone.BAD), (nearest, "plain")))

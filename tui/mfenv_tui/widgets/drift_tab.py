"""The versions of every package side by side, as they are on each arch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from mfenv_tui.detail import Detail
from mfenv_tui.lines import Grid, Line, Part, Role
from mfenv_tui.widgets.tab import TextTab
from mfenvd.domain.drift import Drifting, side_by_side
from mfenvd.domain.target import Target
from mfenvd.domain.words import Tone


class DriftTab(TextTab):
    """Of the whole environment, whichever arch is selected; those that differ stand on top."""

    TITLE: ClassVar[str] = "Drift"

    DEFAULT_CSS = """
    DriftTab Prose { padding-bottom: 1; }
    """

    def parts(self, detail: Detail) -> Iterator[Part]:
        packages = {verdict.target: verdict.packages for verdict in detail.selection.verdicts if verdict.packages}
        rows = side_by_side(packages)
        if len(packages) < 2:
            yield (("Resolved on fewer than two architectures: nothing to compare.", "muted"),)
            return
        count = sum(row.differs for row in rows)
        noun = "package differs" if count == 1 else "packages differ"
        yield (
            ((f"{self.signs.differs} {count} {noun}", Tone.WARNING),)
            if count
            else ((f"{self.signs.of(Tone.GOOD)} the same versions on all", Tone.GOOD),)
        )
        header = ("package", *(str(target.arch) for target in packages))
        yield Grid(tuple(self._row(row, tuple(packages)) for row in rows), header)

    def _row(self, row: Drifting, targets: tuple[Target, ...]) -> tuple[Line, ...]:
        role: Role = Tone.WARNING if row.differs else "plain"
        name: Line = ((f"{self.signs.differs if row.differs else ' '} {row.name}", role),)
        versions = (row.versions[target] for target in targets)
        return (name, *(((version or self.signs.none, role if version else "muted"),) for version in versions))

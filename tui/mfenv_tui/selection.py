"""What the cursor is on: one cell, or a whole row when it is on the row's name."""

from __future__ import annotations

from dataclasses import dataclass

from mfenv_tui.rows import Cell, Row
from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding
from mfenvd.domain.resolution import LockedPackage


@dataclass(frozen=True)
class Selection:
    """A row and the arch within it; None for all of its archs."""

    row: Row
    arch: Arch | None = None

    @property
    def cell(self) -> Cell | None:
        """None for a whole row, and where the environment has no target on the arch."""
        return self.row.cell(self.arch)

    @property
    def findings(self) -> tuple[Finding, ...]:
        if self.arch is None:
            return self.row.findings
        return self.cell.findings if self.cell else ()

    @property
    def packages(self) -> tuple[LockedPackage, ...]:
        """Of the cell's environment; empty for a whole row, whose archs may differ."""
        return self.cell.verdicts[0].packages if self.cell and self.cell.verdicts else ()

    @property
    def verdict_ids(self) -> tuple[str, ...]:
        """All verdicts that are selected; empty for a file."""
        cells = self.row.cells.values() if self.arch is None else filter(None, (self.cell,))
        return tuple(verdict.id for cell in cells for verdict in cell.verdicts)

"""What the cursor is on: one cell, or a whole row when it is on the row's name."""

from __future__ import annotations

from dataclasses import dataclass

from mfenv_tui.rows import UNDER_WAY, Cell, Row
from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.verdict import Verdict


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
    def under_way(self) -> bool:
        """Whether a resolve of it waits or runs; of a file that cannot be told."""
        cells = self.row.all_cells if self.arch is None else filter(None, (self.cell,))
        return self.row.whole is not None or any(cell.rank == UNDER_WAY for cell in cells)

    @property
    def has_packages(self) -> bool:
        """Whether any of its verdicts is resolved."""
        cells = self.row.cells.values() if self.arch is None else filter(None, (self.cell,))
        return any(verdict.packages for cell in cells for verdict in cell.verdicts)

    @property
    def verdict(self) -> Verdict | None:
        """The weightiest of the cell; None for a whole row."""
        return self.cell.verdicts[0] if self.cell and self.cell.verdicts else None

    @property
    def kind(self) -> str | None:
        """Of the environment (`Verdict.kind`); None for a file."""
        return self.verdicts[0].kind if self.verdicts else None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The weightiest of each arch's, whatever arch is selected."""
        return tuple(cell.verdicts[0] for cell in self.row.cells.values() if cell.verdicts)

    @property
    def verdict_ids(self) -> tuple[str, ...]:
        """All verdicts that are selected; empty for a file."""
        cells = self.row.cells.values() if self.arch is None else filter(None, (self.cell,))
        return tuple(verdict.id for cell in cells for verdict in cell.verdicts)

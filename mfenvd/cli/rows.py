"""Verdicts as the rows of a table: steps that share an environment are one row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone, tone

_WORST_FIRST = (Tone.BAD, Tone.UNKNOWN, Tone.BUSY, Tone.WAITING, Tone.OUTDATED, Tone.WARNING, Tone.GOOD)
_LONGEST_LIST = 3

RowKey = tuple[str, str | None, str]
CellKey = tuple[RowKey, Arch]


@dataclass
class Row:
    """One environment of one flow, or one that the configuration names.

    Attributes:
        source: Absolute path of the file.
        flow: Class name; None for an environment that the configuration names.
        env: As in `Verdict.env`.
        steps: In the order in which they came; empty where there is no flow.
        cells: The verdict to show for each arch: the worst where steps differ.
    """

    source: str
    flow: str | None
    env: str
    steps: list[str] = field(default_factory=list)
    cells: dict[Arch, Verdict] = field(default_factory=dict)

    def label(self, separator: str = "·") -> str:
        """`TrainFlow · start, train`."""
        return f"{self.flow} {separator} {shortened(self.steps)}" if self.flow else self.env

    @property
    def python(self) -> str:
        return "/".join(sorted({verdict.target.python for verdict in self.cells.values()}))

    def add(self, verdict: Verdict) -> None:
        if verdict.step and verdict.step not in self.steps:
            self.steps.append(verdict.step)
        shown = self.cells.get(verdict.target.arch)
        if shown is None or _rank(verdict) < _rank(shown):
            self.cells[verdict.target.arch] = verdict


def row_key(verdict: Verdict) -> RowKey:
    return verdict.source, verdict.flow, verdict.env


def cell_key(verdict: Verdict) -> CellKey:
    return row_key(verdict), verdict.target.arch


def row_of(found: dict[RowKey, Row], verdict: Verdict) -> Row:
    """The row of `found` that `verdict` belongs to, which is made where there is none yet; it knows `verdict` now."""
    row = found.setdefault(row_key(verdict), Row(verdict.source, verdict.flow, verdict.env))
    row.add(verdict)
    return row


def rows(verdicts: Iterable[Verdict]) -> list[Row]:
    """In the order of the verdicts, those of one file together."""
    found: dict[RowKey, Row] = {}
    for verdict in verdicts:
        row_of(found, verdict)
    first = {source: index for index, source in reversed(list(enumerate(row.source for row in found.values())))}
    return sorted(found.values(), key=lambda row: first[row.source])


def archs(of: Iterable[Row]) -> list[Arch]:
    """Every arch that some row has a cell for, in the order of `Arch`."""
    wanted = {arch for row in of for arch in row.cells}
    return [arch for arch in Arch if arch in wanted]


def floor(target: Target) -> str:
    """`glibc 2.26`, `macOS 13.0`, with the CUDA version where there is one; empty on Windows."""
    parts = [f"glibc {target.glibc}" if target.glibc else "", f"macOS {target.macos}" if target.macos else ""]
    parts.append(f"cuda {target.cuda}" if target.cuda else "")
    return " ".join(part for part in parts if part)


def shortened(names: list[str]) -> str:
    """All of a few names, the first few of many."""
    if len(names) <= _LONGEST_LIST + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_LONGEST_LIST])} and {len(names) - _LONGEST_LIST} more"


def _rank(verdict: Verdict) -> int:
    return _WORST_FIRST.index(tone(verdict))

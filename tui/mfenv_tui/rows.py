"""What the table is made of: a row per environment, a cell per arch. Plain values."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

import msgspec

from mfenvd.client.view import holds
from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolver import Progress
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone, code_word, tone, word

UNDER_WAY = 3
"""The rank of what is not settled: after every trouble, before what is well."""

_RANKS = {Tone.BAD: 0, Tone.UNKNOWN: 1, Tone.WARNING: 2, Tone.GOOD: 4}
_SEVERITIES = {
    # severity: its place in a list, the tone of a file that has such a finding
    Severity.ERROR: (0, Tone.BAD),
    Severity.WARNING: (1, Tone.WARNING),
    Severity.NOTICE: (2, Tone.GOOD),
}


class Cell(msgspec.Struct, frozen=True):
    """One row on one arch.

    Attributes:
        tone: What it means.
        word: The same in one or two words.
        findings: Of every step that is folded here, each once, errors first.
        verdicts: What was folded, the weightiest first; empty in the row of a file.
        progress: While it is being resolved; None before the first report.
    """

    tone: Tone
    word: str
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    progress: Progress | None = None

    @property
    def rank(self) -> int:
        return _RANKS.get(self.tone, UNDER_WAY)


class Row(msgspec.Struct, frozen=True):
    """One environment of one flow, or a file, a folder or the daemon with findings of its own.

    Attributes:
        key: Stays the same while the environment behind it changes.
        root: Of the project, absolute; empty for what concerns the daemon itself.
        source: Absolute path of the file; `mfenvd` where the daemon itself is meant.
        flow: None for an environment that the configuration names, and for a file.
        names: The steps that share the environment, or its configured name; empty for a file.
        cells: By arch; no entry where the environment has no target.
        whole: What holds on every arch alike; None but for a file.
        rank: Weightier first; a row that is being resolved again keeps the rank that it had.
    """

    key: str
    root: str
    source: str
    flow: str | None
    names: tuple[str, ...]
    cells: dict[Arch, Cell]
    whole: Cell | None = None
    rank: int = UNDER_WAY

    def cell(self, arch: Arch | None) -> Cell | None:
        """What stands under `arch` (None: the only column, when no arch is known)."""
        return self.whole or (self.cells.get(arch) if arch else None)

    @property
    def order(self) -> tuple[object, ...]:
        """Trouble first; then by file, flow and step, what is said of the file itself before its environments."""
        first = tuple(step_order(name) for name in self.names[:1])
        return (self.rank, self.source, self.flow or "", first, self.key)

    @property
    def name_order(self) -> tuple[object, ...]:
        """By file, flow and step alone."""
        return self.order[1:]

    @property
    def all_cells(self) -> tuple[Cell, ...]:
        """Each once."""
        return (self.whole,) if self.whole else tuple(self.cells.values())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all archs, each once."""
        return merged(finding for cell in self.all_cells for finding in cell.findings)


def folded(verdicts: Iterable[Verdict], progress: Progress | None = None) -> Cell:
    """One cell for several steps on one arch: the weightiest verdict speaks, the findings of all are kept."""
    ordered = tuple(sorted(verdicts, key=lambda verdict: (_rank_of(verdict), step_order(verdict.name))))
    first = ordered[0]
    findings = merged(finding for verdict in ordered for finding in verdict.findings)
    # What is settled stays so while the daemon looks whether it is still true.
    shown = progress if tone(first) is Tone.BUSY else None
    return Cell(tone(first), word(first), findings, ordered, shown)


def file_cell(findings: tuple[Finding, ...]) -> Cell:
    """The cell of a file or folder: its weightiest finding speaks."""
    first = findings[0]
    return Cell(_SEVERITIES[first.severity][1], code_word(first.code) or str(first.severity), findings)


def row_rank(cells: Iterable[Cell], before: int) -> int:
    """The weightiest of what is settled; what is under way counts as `before`, so that rows do not jump."""
    return min((before if cell.rank == UNDER_WAY else cell.rank for cell in cells), default=before)


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, errors first, otherwise in the order given."""
    once: list[Finding] = []
    for finding in findings:
        if finding not in once:
            once.append(finding)
    return tuple(sorted(once, key=lambda finding: _SEVERITIES[finding.severity][0]))


def step_order(name: str) -> tuple[int, str]:
    """Every flow begins with `start` and ends with `end`; the steps between stand by name."""
    return ({"start": 0, "end": 2}.get(name, 1), name)


def relative(path: str, root: str) -> str:
    """`path` as it is named to the user: from the project's folder on, absolute outside of it."""
    if path == root:
        return PurePath(path).name or path
    return path[len(root.rstrip("/\\")) + 1 :] if root and holds(root, path) else path


def _rank_of(verdict: Verdict) -> int:
    return _RANKS.get(tone(verdict), UNDER_WAY)

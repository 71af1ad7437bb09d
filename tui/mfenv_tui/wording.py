"""How a cell, an environment and a finding are written: pieces of text, each with the role that styles it.

What a finding says is the daemon's; here it is only laid out. Colour repeats what glyph and word say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from mfenv_tui.rows import Cell, Row, relative
from mfenv_tui.selection import Selection
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Progress
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone, tone_glyph

Role = Tone | Literal["plain", "strong", "muted", "notice"]
Piece = tuple[str, Role]
Line = tuple[Piece, ...]

CELL_WIDTH = 16
"""A glyph, a space, and a word of at most 14 columns."""

_SEVERITY_ROLES: dict[Severity, Role] = {
    Severity.ERROR: Tone.BAD,
    Severity.WARNING: Tone.WARNING,
    Severity.NOTICE: "notice",
}
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))
_LABEL_WIDTH = 7


@dataclass(frozen=True)
class Signs:
    """The characters that are not words; `ascii_only` for terminals that have no others."""

    ascii_only: bool = False

    def of(self, tone: Tone) -> str:
        return tone_glyph(tone, ascii_only=self.ascii_only)

    def of_severity(self, severity: Severity) -> str:
        role = _SEVERITY_ROLES[severity]
        return self.of(role) if isinstance(role, Tone) else "i"

    @property
    def into(self) -> str:
        return ">" if self.ascii_only else "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"

    @property
    def dot(self) -> str:
        return "-" if self.ascii_only else "·"

    @property
    def none(self) -> str:
        return "-" if self.ascii_only else "\N{EN DASH}"

    @property
    def more(self) -> str:
        return "..." if self.ascii_only else "…"


def cell_pieces(cell: Cell | None, signs: Signs) -> Line:
    """What stands in a cell of the table, at most `CELL_WIDTH` columns."""
    if cell is None:
        return ((signs.none, "muted"),)
    return ((f"{signs.of(cell.tone)} ", cell.tone), (_cell_word(cell), cell.tone))


def _cell_word(cell: Cell) -> str:
    count = _count(cell.progress)
    with_count = f"{cell.word} {count}"
    if not count:
        return cell.word
    return with_count if len(with_count) <= CELL_WIDTH - 2 else count


def _count(progress: Progress | None) -> str:
    return f"{progress.done}/{progress.total}" if progress and progress.total else ""


def row_pieces(row: Row, signs: Signs) -> Line:
    """An environment as the table names it: its flow, then its steps; a file by its name."""
    if not row.names:
        return ((PurePath(row.source).name or row.source, "strong"),)
    steps: Piece = (", ".join(row.names), "strong")
    return ((f"{row.flow} {signs.dot} ", "muted"), steps) if row.flow else (steps,)


def row_title(row: Row, signs: Signs) -> str:
    return "".join(text for text, _ in row_pieces(row, signs))


def place(row: Row, *, with_project: bool) -> str:
    """The row's file from the project's folder on; with the folder's name where there are several projects."""
    path = relative(row.source, row.root)
    if not with_project or path in {row.source, PurePath(row.root).name}:
        return path
    return str(PurePath(PurePath(row.root).name, path))


def fact_lines(selection: Selection, now: float, signs: Signs) -> Iterator[Line]:
    """What holds of the selection besides its findings, a label in front of each; `now` in seconds."""
    row, cell = selection.row, selection.cell
    if selection.arch is None and row.cells:
        width = max(len(arch) for arch in row.cells)
        for arch, each in row.cells.items():
            yield ((f"{arch:<{width}}  ", "muted"), *cell_pieces(each, signs))
    elif cell is not None and cell.verdicts:
        verdict = cell.verdicts[0]
        yield _fact("state", *_state(verdict, cell, now, signs))
        yield _fact("target", (f" {signs.dot} ".join(_target(verdict)), "plain"))
        reasons = dict.fromkeys(reason for each in cell.verdicts for reason in each.reasons)
        if reasons:
            yield _fact("for", ("; ".join(reasons), "plain"))
        if len(row.names) > 1:
            yield _fact("steps", (", ".join(row.names), "plain"))


def brief_lines(selection: Selection, now: float, signs: Signs) -> Iterator[Line]:
    """The same in one line, for a pane that has few."""
    if selection.cell is not None and selection.cell.verdicts:
        verdict = selection.cell.verdicts[0]
        floor = "".join(f" {signs.dot} {part}" for part in _target(verdict)[1:])
        yield (*_state(verdict, selection.cell, now, signs), (floor, "muted"))


def other_lines(selection: Selection, signs: Signs) -> Iterator[Line]:
    """What to show of a selection without findings: its packages."""
    if selection.packages:
        yield package_pieces(selection.packages, signs)
    elif selection.arch is not None and selection.cell is None:
        yield (("Not a target: nothing here runs on this architecture.", "muted"),)
    else:
        yield (("No findings.", "muted"),)


def _fact(label: str, *value: Piece) -> Line:
    return ((f"{label:<{_LABEL_WIDTH}}", "muted"), *value)


def _state(verdict: Verdict, cell: Cell, now: float, signs: Signs) -> Iterator[Piece]:
    yield (f"{signs.of(cell.tone)} {cell.word}", cell.tone)
    progress = cell.progress
    if progress is not None:
        yield (f" {signs.dot} {' '.join(filter(None, (progress.stage, _count(progress))))}", "plain")
    if verdict.packages:
        noun = "package" if len(verdict.packages) == 1 else "packages"
        yield (f" {signs.dot} {len(verdict.packages)} {noun}", "plain")
    if verdict.settled is not None:
        yield (f" {signs.dot} {age(now - verdict.settled)}", "muted")


def _target(verdict: Verdict) -> tuple[str, ...]:
    target = verdict.target
    floors = (("glibc", target.glibc), ("macOS", target.macos), ("CUDA", target.cuda))
    return (str(target.arch), f"Python {target.python}", *(f"{name} {value}" for name, value in floors if value))


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits; clocks may differ a little, so never negative."""
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"


def finding_lines(finding: Finding, root: str, source_line: str | None, signs: Signs) -> Iterator[Line]:
    """A finding in brief: what, where, the fix, and through which packages; how much detail there is."""
    role = _SEVERITY_ROLES[finding.severity]
    yield ((f"{signs.of_severity(finding.severity)} {finding.severity} ", role), (finding.code, "muted"))
    yield ((finding.message, "plain"),)
    if finding.path:
        where = ":".join(str(part) for part in (relative(finding.path, root), finding.line) if part is not None)
        yield ((where, "muted"), *(((f"  {source_line}", "plain"),) if source_line else ()))
    if finding.fix:
        yield (("fix ", Tone.GOOD), (finding.fix, "plain"))
    if len(finding.chain) > 1:
        yield (("via ", "muted"), (f" {signs.into} ".join(finding.chain), "plain"))


def detail_hint(finding: Finding) -> Iterator[Line]:
    """That there is more, where there is."""
    if finding.detail:
        noun = "line" if len(finding.detail) == 1 else "lines"
        yield ((f"{len(finding.detail)} more {noun}: Enter", "muted"),)


def package_pieces(packages: Sequence[LockedPackage], signs: Signs) -> Line:
    """Names and versions, those that were asked for first."""
    ordered = sorted(packages, key=lambda package: not package.requested)
    pieces: list[Piece] = []
    for package in ordered:
        if pieces:
            pieces.append((f" {signs.dot} ", "muted"))
        pieces.append((f"{package.name} {package.version}", "plain" if package.requested else "muted"))
    return tuple(pieces)


def typed_part(fix: str) -> str:
    """What to type out of a fix: the one thing in backticks, else all of it."""
    parts = fix.split("`")
    return parts[1] if len(parts) == 3 else fix


def joined(lines: Iterable[Line]) -> Line:
    """The lines with a line break between each two."""
    pieces: list[Piece] = []
    for line in lines:
        pieces.extend((("\n", "plain"), *line) if pieces else line)
    return tuple(pieces)

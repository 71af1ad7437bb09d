"""How environments are written: their names, their cells, and what holds of them besides findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from mfenv_tui.lines import Labelled, Line, Piece, Signs
from mfenv_tui.rows import UNDER_WAY, Cell, Row, relative
from mfenv_tui.selection import Selection
from mfenvd.domain.codes import Code
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Progress
from mfenvd.domain.verdict import Verdict

CELL_WIDTH = 17
"""A glyph, a space, and a word of at most 14 columns, or `resolving 12/60`."""

AGE_WIDTH = 6
"""`59 min`."""

_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def cell_pieces(cell: Cell | None, signs: Signs, width: int = CELL_WIDTH) -> Line:
    """What stands in a cell of the table: of a resolve under way the word or the count, where not both fit.

    Behind the word a mark where the versions differ from those on another arch.
    """
    if cell is None:
        return ((signs.not_a_target, "muted"),)
    word = _cell_word(cell, width - 2)
    drifts = any(finding.code == Code.DRIFT for finding in cell.findings) and len(word) + 4 <= width
    mark = f" {signs.differs}" if drifts else ""
    return ((f"{signs.of_word(cell.tone, cell.word)} ", cell.tone), (word, cell.tone), (mark, "muted"))


def _cell_word(cell: Cell, width: int) -> str:
    count = _count(cell.progress)
    with_count = f"{cell.word} {count}"
    if not count:
        return cell.word
    return with_count if len(with_count) <= width else count


def _count(progress: Progress | None) -> str:
    return f"{progress.done}/{progress.total}" if progress and progress.total else ""


def row_pieces(row: Row, signs: Signs, width: int | None = None) -> Line:
    """An environment as the table names it: its flow, then its steps; a file by its name.

    In `width` columns the flow is cut, or left out, before the steps are: those tell the rows of a flow apart.
    """
    if not row.names:
        return ((PurePath(row.source).name or row.source, "strong"),)
    steps, flow = ", ".join(row.names), row.flow or ""
    if not flow:
        return ((steps, "strong"),)
    room = width - len(steps) - 3 if width is not None else len(flow)
    if room < len(signs.more) + 2:
        return ((steps, "strong"),)
    if len(flow) > room:
        flow = flow[: room - len(signs.more)] + signs.more
    return ((f"{flow} {signs.dot} ", "muted"), (steps, "strong"))


def row_title(row: Row, signs: Signs) -> str:
    return "".join(text for text, _ in row_pieces(row, signs))


def place(row: Row, *, with_project: bool) -> str:
    """The row's file from the project's folder on; with the folder's name where there are several projects."""
    path = relative(row.source, row.root)
    if not row.names and path == PurePath(path).name:
        return ""  # the row is named after it already
    if not with_project or path in {row.source, PurePath(row.root).name}:
        return path
    return str(PurePath(PurePath(row.root).name, path))


def facts(selection: Selection, now: float, signs: Signs) -> Iterator[Labelled]:
    """What holds of the selection besides its findings; `now` in seconds since the epoch."""
    row, cell = selection.row, selection.cell
    if selection.arch is None:
        yield from (_fact(str(arch), *cell_pieces(each, signs)) for arch, each in row.cells.items())
    elif cell is not None and cell.verdicts:
        verdict = cell.verdicts[0]
        yield _fact("state", *_state(verdict, cell, now, signs))
        yield _fact("target", (f" {signs.dot} ".join(_target(verdict)), "plain"))
        reasons = dict.fromkeys(reason for each in cell.verdicts for reason in each.reasons)
        if reasons:
            yield _fact("for", ("; ".join(reasons), "plain"))
        if len(row.names) > 1:
            yield _fact("steps", (", ".join(row.names), "plain"))


def brief_facts(selection: Selection, now: float, signs: Signs) -> Iterator[Line]:
    """The same in one line, for a pane that has few."""
    if selection.cell is not None and selection.cell.verdicts:
        verdict = selection.cell.verdicts[0]
        floor = "".join(f" {signs.dot} {part}" for part in _target(verdict)[1:])
        yield (*_state(verdict, selection.cell, now, signs), (floor, "muted"))


def without_findings(selection: Selection, signs: Signs) -> Iterator[Line]:
    """What to show of a selection without findings: its packages."""
    cells = selection.row.all_cells if selection.arch is None else filter(None, (selection.cell,))
    if selection.arch is not None and selection.cell is None:
        yield (("Not a target: nothing here runs on this architecture.", "muted"),)
    elif any(cell.rank == UNDER_WAY for cell in cells):
        yield (("No findings so far.", "muted"),)
    elif selection.packages:
        yield _packages(selection.packages, signs)
    elif selection.arch is None:
        yield (("No findings. Each architecture's packages show under its name.", "muted"),)
    else:
        yield (("No findings.", "muted"),)


def _fact(label: str, *value: Piece) -> Labelled:
    return Labelled((label, "muted"), value)


def _state(verdict: Verdict, cell: Cell, now: float, signs: Signs) -> Iterator[Piece]:
    yield (f"{signs.of_word(cell.tone, cell.word)} {cell.word}", cell.tone)
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
    """How long ago, in words."""
    return "just now" if seconds < _UNITS[-1][1] else f"{brief_age(seconds)} ago"


def brief_age(seconds: float) -> str:
    """The same in `AGE_WIDTH` columns, in the largest unit that fits; clocks may differ a little: never negative."""
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{min(int(seconds // length), 999)} {unit}"
    return "now"


def row_age(row: Row, now: float) -> str:
    """How old the oldest of the row's answers is; empty while there is none."""
    settled = [verdict.settled for cell in row.all_cells for verdict in cell.verdicts if verdict.settled is not None]
    return brief_age(now - min(settled)) if settled else ""


def _packages(packages: Sequence[LockedPackage], signs: Signs) -> Line:
    """Names and versions, those that were asked for first."""
    ordered = sorted(packages, key=lambda package: not package.requested)
    pieces: list[Piece] = []
    for package in ordered:
        if pieces:
            pieces.append((f" {signs.dot} ", "muted"))
        pieces.append((f"{package.name} {package.version}", "plain" if package.requested else "muted"))
    return tuple(pieces)

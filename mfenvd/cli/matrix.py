"""The matrix of verdicts: environments by archs, as a table or, where that is too wide, as a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mfenvd.cli.rows import Row, archs, floor, rows
from mfenvd.cli.terminal import Terminal, printable
from mfenvd.domain.arch import Arch
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone, glyph, tone, tone_glyph, word

_SUMMARY = {
    Tone.GOOD: "ready",
    Tone.WARNING: "with warnings",
    Tone.BAD: "blocked",
    Tone.UNKNOWN: "could not tell",
    Tone.BUSY: "under way",
    Tone.WAITING: "queued",
    Tone.OUTDATED: "stale",
}

_NARROWEST_LABEL = 16
_CELL_WIDTH = 18


def matrix(terminal: Terminal, verdicts: Sequence[Verdict]) -> RenderableType:
    """Fits the terminal's width."""
    found = rows(verdicts)
    labels = _labels(terminal, found)
    longest = max((len(line) for label in labels for line in label.plain.splitlines()), default=0)
    excess = _natural_width(terminal, _table(terminal, found, labels, longest)) - terminal.out.width
    label_width = longest - max(excess, 0)
    if label_width < min(longest, _NARROWEST_LABEL):
        return _list(terminal, found, labels)
    return _table(terminal, found, labels, label_width)


def cell(terminal: Terminal, verdict: Verdict) -> Text:
    """Glyph and word."""
    text = f"{glyph(verdict, ascii_only=terminal.ascii_only)} {word(verdict)}"
    return Text(text, style=tone(verdict).value, no_wrap=True)


def summary(terminal: Terminal, verdicts: Sequence[Verdict]) -> Text:
    """How many cells of the matrix are in which condition: `✓ 3 ready  ✗ 1 blocked`."""
    cells = [verdict for row in rows(verdicts) for verdict in row.cells.values()]
    counts = Counter(tone(verdict) for verdict in cells)
    parts = [
        Text(f"{tone_glyph(of, ascii_only=terminal.ascii_only)} {counts[of]} {_SUMMARY[of]}", style=of.value)
        for of in Tone
        if counts[of]
    ]
    return Text("  ").join(parts)


def _labels(terminal: Terminal, found: Sequence[Row]) -> list[Text]:
    """What each row is called, with its file below where the name does not say which it is of.

    That is a flow's where several files have one of that name, and an environment's of a configuration where there are
    several: it may be of any project, as a flow is not.
    """
    files: dict[str | None, set[str]] = {}
    for row in found:
        files.setdefault(row.flow, set()).add(row.source)
    labels = []
    for row in found:
        label = Text(printable(row.label(terminal.dot)))
        if len(files[row.flow]) > 1:
            label.append(f"\n  {printable(terminal.path(row.source))}", "muted")
        labels.append(label)
    return labels


def _natural_width(terminal: Terminal, table: Table) -> int:
    return Measurement.get(terminal.out, terminal.out.options.update(max_width=10_000), table).maximum


def _table(terminal: Terminal, found: Sequence[Row], labels: Sequence[Text], label_width: int) -> Table:
    columns = archs(found)
    floors = {arch: _usual_floor(found, arch) for arch in columns}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    table.add_column(Text("environment", style="muted"), width=max(label_width, len("environment")))
    table.add_column(Text("python", style="muted"), no_wrap=True)
    for arch in columns:
        table.add_column(_header(arch, floors[arch]), no_wrap=True)
    for row, label in zip(found, labels, strict=True):
        cells = (_table_cell(terminal, row.cells.get(arch), floors[arch]) for arch in columns)
        table.add_row(label, Text(row.python, style="muted"), *cells)
    return table


def _header(arch: Arch, usual: str) -> Text:
    return Text.assemble((arch.value, "strong"), (f"\n{usual}" if usual else "", "muted"))


def _table_cell(terminal: Terminal, verdict: Verdict | None, usual: str) -> Text:
    if verdict is None:
        return Text("")
    shown = cell(terminal, verdict)
    own = floor(verdict.target)
    return shown if own == usual else Text.assemble(shown, (f"\n  {own}", "muted"))


def _usual_floor(found: Sequence[Row], arch: Arch) -> str:
    """The floor that most cells of a column have: it stands in the header, others stand in their cells."""
    return Counter(floor(row.cells[arch].target) for row in found if arch in row.cells).most_common(1)[0][0]


def _list(terminal: Terminal, found: Sequence[Row], labels: Sequence[Text]) -> RenderableType:
    width = max((len(arch) for arch in archs(found)), default=0)
    lines = []
    for row, label in zip(found, labels, strict=True):
        name, *file = label.split("\n")
        lines.append(Text.assemble((name.plain, "strong"), (f"  python {row.python}", "muted")))
        lines.extend(file)
        for arch in archs([row]):
            verdict = row.cells[arch]
            shown = cell(terminal, verdict)
            shown.pad_right(_CELL_WIDTH - len(shown))
            lines.append(Text.assemble(f"  {arch:<{width}}  ", shown, (floor(verdict.target), "muted")))
    return Group(*lines)

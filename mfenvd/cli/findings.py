"""Findings for people: what, where in the source, on which archs, why it is needed at all, and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from mfenvd.cli.excerpt import excerpt
from mfenvd.cli.rows import shortened
from mfenvd.cli.terminal import Terminal, printable
from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone, tone_glyph

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTICE: 2}
_STYLES = {Severity.ERROR: "error", Severity.WARNING: "severity.warning", Severity.NOTICE: "notice"}
_TONES = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.WARNING, Severity.NOTICE: Tone.WAITING}


@dataclass
class Folded:
    """A finding and everywhere it applies; `places` maps a flow (or configured environment) to its steps."""

    finding: Finding
    archs: list[Arch] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        if verdict.target.arch not in self.archs:
            self.archs.append(verdict.target.arch)
        steps = self.places.setdefault(verdict.flow or verdict.env, [])
        if verdict.step and verdict.step not in steps:
            steps.append(verdict.step)

    def where(self, separator: str) -> str:
        """`linux-64, osx-64 · TrainFlow: train, evaluate`; empty for what concerns a file as a whole."""
        places = (f"{flow}: {shortened(steps)}" if steps else flow for flow, steps in self.places.items())
        parts = (", ".join(arch.value for arch in Arch if arch in self.archs), "; ".join(places))
        return f" {separator} ".join(part for part in parts if part)


def fold(verdicts: Iterable[Verdict], others: Iterable[Finding] = ()) -> list[Folded]:
    """Each different finding once: errors first, then by place. `others` belong to no verdict."""
    found: dict[bytes, Folded] = {}
    for finding in others:
        found.setdefault(_identity(finding), Folded(finding))
    for verdict in verdicts:
        for finding in verdict.findings:
            found.setdefault(_identity(finding), Folded(finding)).add(verdict)
    return sorted(found.values(), key=_sort_key)


def full(terminal: Terminal, folded: Sequence[Folded], *, verbose: bool = False) -> RenderableType:
    """A block per finding, with an empty line between blocks."""
    blocks: list[RenderableType] = []
    for each in folded:
        blocks.extend(
            ("", _block(terminal, each, verbose=verbose)) if blocks else (_block(terminal, each, verbose=verbose),)
        )
    return Group(*blocks)


def brief(terminal: Terminal, folded: Sequence[Folded]) -> RenderableType:
    """A line per finding, as many as fit the width; longer ones wrap below their message."""
    return Group(*(_line(terminal, each) for each in folded))


def _block(terminal: Terminal, folded: Folded, *, verbose: bool) -> RenderableType:
    finding = folded.finding
    parts: list[RenderableType] = [_headline(finding)]
    if finding.path:
        parts.append(Text.assemble(("  --> ", "muted"), printable(_place(terminal, finding))))
    if finding.severity is not Severity.NOTICE or verbose:
        parts.extend(_source(terminal, finding))
    parts.extend(_notes(terminal, folded, verbose=verbose))
    return Group(*parts)


def _headline(finding: Finding) -> Text:
    head = Text(f"{finding.severity.value}[{finding.code}]", style=_STYLES[finding.severity])
    return Text.assemble(head, ": ", (printable(finding.message), "strong"))


def _source(terminal: Terminal, finding: Finding) -> list[Text]:
    number = str(finding.line or "")
    margin = " " * len(number)
    shown = excerpt(finding, max(terminal.out.width - len(number) - 4, 20))
    if shown is None:
        return []
    line, mark = shown
    return [
        Text(f"{margin} |", style="muted", no_wrap=True, overflow="ignore"),
        Text.assemble((f"{number} | ", "muted"), line, no_wrap=True, overflow="ignore"),
        Text.assemble((f"{margin} | ", "muted"), (mark, _STYLES[finding.severity]), no_wrap=True, overflow="ignore"),
    ]


def _notes(terminal: Terminal, folded: Folded, *, verbose: bool) -> list[RenderableType]:
    finding = folded.finding
    notes: list[RenderableType] = []
    where = folded.where(terminal.dot)
    if where:
        notes.append(_note("on", where, "muted"))
    if len(finding.chain) > 1:
        notes.append(_note("needed by", f" {terminal.arrow} ".join(finding.chain), ""))
    if verbose:
        notes.extend(_note("", line, "muted") for line in finding.detail)
    elif finding.detail and finding.severity is Severity.ERROR:
        lines = "line" if len(finding.detail) == 1 else "lines"
        notes.append(_note("", f"{len(finding.detail)} more {lines} with --verbose", "muted"))
    if finding.fix:
        notes.append(_note("fix", finding.fix, "fix"))
    return notes


def _note(label: str, text: str, style: str) -> RenderableType:
    shown = Text.assemble((f"{label}: ", "strong") if label else "", (printable(text), style))
    return Padding(shown, (0, 0, 0, 4), expand=False)


def _line(terminal: Terminal, folded: Folded) -> Text:
    finding = folded.finding
    sign = tone_glyph(_TONES[finding.severity], ascii_only=terminal.ascii_only)
    style = _STYLES[finding.severity]
    head = (f"{sign} {finding.severity.value} {finding.code}", style)
    place = _place(terminal, finding)
    return Text.assemble(head, f"  {printable(place)}" if place else "", f"  {printable(finding.message)}")


def _place(terminal: Terminal, finding: Finding) -> str:
    if finding.path is None:
        return ""
    return msgspec.structs.replace(finding, path=terminal.path(finding.path)).place


def _identity(finding: Finding) -> bytes:
    return msgspec.json.encode(finding, order="deterministic")


def _sort_key(folded: Folded) -> tuple[object, ...]:
    finding = folded.finding
    return _ORDER[finding.severity], finding.path or "", finding.line or 0, finding.column or 0, finding.code

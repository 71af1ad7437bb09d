"""Text in pieces, each with the role that gives it its style. Colour repeats what glyphs and words say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mfenvd.domain.finding import Severity
from mfenvd.domain.words import NOT_A_TARGET, Tone, tone_glyph, word_glyph

Role = Tone | Literal["plain", "strong", "muted", "notice"]
Piece = tuple[str, Role]
Line = tuple[Piece, ...]

SEVERITY_ROLES: dict[Severity, Role] = {
    Severity.ERROR: Tone.BAD,
    Severity.WARNING: Tone.WARNING,
    Severity.NOTICE: "notice",
}


@dataclass(frozen=True)
class Labelled:
    """A value behind a label; labels and values of neighbouring ones stand below each other.

    Attributes:
        label: The label's text and role.
        value: What wraps within its own column,
        cut: or is cut at its end instead, for code.
    """

    label: Piece
    value: Line
    cut: bool = False


@dataclass(frozen=True)
class Grid:
    """Cells below each other, each cut where its column ends.

    Attributes:
        rows: From the top.
        header: Titles of the columns; empty where they need none.
        gives: The column that is cut before the others are.
    """

    rows: tuple[tuple[Line, ...], ...]
    header: tuple[str, ...] = ()
    gives: int = 0


Part = Line | Labelled | Grid


@dataclass(frozen=True)
class Signs:
    """The characters that are not words; `ascii_only` for terminals that have no others."""

    ascii_only: bool = False

    def of(self, tone: Tone) -> str:
        return tone_glyph(tone, ascii_only=self.ascii_only)

    def of_word(self, tone: Tone, word: str) -> str:
        return word_glyph(tone, word, ascii_only=self.ascii_only)

    @property
    def not_a_target(self) -> str:
        return NOT_A_TARGET[1 if self.ascii_only else 0]

    def of_severity(self, severity: Severity) -> str:
        role = SEVERITY_ROLES[severity]
        return self.of(role) if isinstance(role, Tone) else "i"

    @property
    def into(self) -> str:
        return ">" if self.ascii_only else "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"

    @property
    def differs(self) -> str:
        return "#" if self.ascii_only else "\N{NOT EQUAL TO}"

    @property
    def becomes(self) -> str:
        return "->" if self.ascii_only else "→"

    @property
    def bar(self) -> str:
        return "-" if self.ascii_only else "─"

    @property
    def point(self) -> str:
        return "*" if self.ascii_only else "●"

    @property
    def mark(self) -> str:
        return "|" if self.ascii_only else "│"

    @property
    def dot(self) -> str:
        return "-" if self.ascii_only else "·"

    @property
    def none(self) -> str:
        return "-" if self.ascii_only else "\N{EN DASH}"

    @property
    def more(self) -> str:
        return "..." if self.ascii_only else "…"


def printable(text: str) -> str:
    """`text` without control characters, which could move the cursor, change colours, or run when pasted."""
    return "".join(char if char.isprintable() or char == "\n" else " " if char == "\t" else "?" for char in text)


def joined(lines: Iterable[Line]) -> Line:
    """The lines as one, with a line break between each two."""
    pieces: list[Piece] = []
    for number, line in enumerate(lines):
        pieces.extend((("\n", "plain"), *line) if number else line)
    return tuple(pieces)

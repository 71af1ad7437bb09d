r"""Lines as pip puts them together: continuations joined, comments removed, places kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from mfenvd.domain.finding import Location

_COMMENT = re.compile(r"(?:^|(?<=\s))#")
_BLANK_THEN_COMMENT = re.compile(r"\s*#")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)\}")


class _Piece(msgspec.Struct, frozen=True):
    """Where a part of a logical line comes from: `start` is its first character there, `column` in the file."""

    start: int
    line: int
    column: int


class LogicalLine(msgspec.Struct, frozen=True):
    """One requirement or option, from one or several lines of a file.

    Attributes:
        text: Without comment and surrounding blanks, never empty.
        path: Absolute path of the file.
    """

    text: str
    path: str
    pieces: tuple[_Piece, ...]

    def location(self, offset: int = 0) -> Location:
        """Where `text[offset]` stands in the file."""
        piece = next(piece for piece in reversed(self.pieces) if piece.start <= offset)
        return Location(self.path, piece.line, piece.column + offset - piece.start)


def logical_lines(content: str, path: str) -> Iterator[LogicalLine]:
    r"""The lines of a requirements file.

    As pip does it: a line that ends in a backslash continues on the next one unless it is a comment, and a
    comment ends what it continues; a `#` after a blank begins a comment.
    """
    joined, pieces = "", []
    for number, line in enumerate(content.splitlines(), start=1):
        comment = _BLANK_THEN_COMMENT.match(line) is not None
        continued = line.endswith("\\") and not comment
        body = line.strip("\\") if continued else line
        shift = len(line) - len(line.lstrip("\\")) if continued else 0
        # A comment inside a continuation has to be recognised after joining.
        lead = " " if comment else ""
        pieces.append(_Piece(len(joined), number, 1 + shift - len(lead)))
        joined += lead + body
        if not continued:
            yield from _trimmed(joined, pieces, path)
            joined, pieces = "", []
    if pieces:
        yield from _trimmed(joined, pieces, path)


def one_line(text: str, location: Location) -> Iterator[LogicalLine]:
    """`text` as a line that stands elsewhere than in a requirements file; nothing when it is only a comment."""
    yield from _trimmed(text, [_Piece(0, location.line or 1, location.column or 1)], location.path)


def expand(text: str, environ: Mapping[str, str]) -> tuple[str, list[str], list[str]]:
    """`text` with each `${VAR}` replaced, the variables used, and those among them that are unset or empty."""
    used = list(dict.fromkeys(match["name"] for match in _VARIABLE.finditer(text)))
    for name in used:
        text = text.replace(f"${{{name}}}", environ.get(name) or f"${{{name}}}")
    return text, used, [name for name in used if not environ.get(name)]


def _trimmed(joined: str, pieces: list[_Piece], path: str) -> Iterator[LogicalLine]:
    comment = _COMMENT.search(joined)
    bare = joined[: comment.start()] if comment else joined
    text = bare.strip()
    if text:
        indent = len(bare) - len(bare.lstrip())
        moved = tuple(_Piece(piece.start - indent, piece.line, piece.column) for piece in pieces)
        yield LogicalLine(text, path, moved)

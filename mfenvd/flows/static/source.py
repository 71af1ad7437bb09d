"""A parsed Python file, and places in it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mfenvd.domain.finding import Location


@dataclass(eq=False, slots=True)
class Source:
    """A file as text and tree. `path` is absolute."""

    path: str
    text: str
    tree: ast.Module
    _lines: list[str] = field(default_factory=list)

    def location(self, node: ast.AST) -> Location:
        """Where `node` begins, line and column from 1."""
        line = getattr(node, "lineno", None)
        if line is None:
            return Location(self.path)
        offset: int = node.col_offset  # type: ignore[attr-defined]
        text = self._line(line)
        if not text.isascii():  # ast counts bytes of UTF-8, editors count characters
            offset = len(text.encode()[:offset].decode(errors="replace"))
        return Location(self.path, line, offset + 1)

    def segment(self, node: ast.AST) -> str:
        """The text of `node` on one line, shortened where it is long."""
        text = " ".join(self._text(node).split())
        return text if len(text) <= 120 else text[:117] + "…"

    def _text(self, node: ast.AST) -> str:
        first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
        if first is None or last is None:
            return type(node).__name__
        lines = [self._line(number) for number in range(first, last + 1)]
        lines[-1] = lines[-1].encode()[: node.end_col_offset].decode(errors="replace")  # type: ignore[attr-defined]
        lines[0] = lines[0].encode()[node.col_offset :].decode(errors="replace")  # type: ignore[attr-defined]
        return "\n".join(lines)

    def _line(self, number: int) -> str:
        if not self._lines:
            self._lines = self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return self._lines[min(number, len(self._lines)) - 1]

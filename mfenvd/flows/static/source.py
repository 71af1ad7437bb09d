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
        try:
            text = ast.get_source_segment(self.text, node) or ast.unparse(node)
        except (RecursionError, ValueError, AttributeError):
            text = type(node).__name__
        text = " ".join(text.split())
        return text if len(text) <= 120 else text[:117] + "…"

    def _line(self, number: int) -> str:
        if not self._lines:
            self._lines = self.text.splitlines() or [""]
        return self._lines[min(number, len(self._lines)) - 1]

"""The line of source that a finding is about, with a mark under the column."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mfenvd.cli.terminal import printable
from mfenvd.domain.finding import Finding
from mfenvd.domain.redact import redact

_TAB = 4
_LARGEST_FILE = 4 * 1024 * 1024
_ELLIPSIS = "..."


def excerpt(finding: Finding, width: int) -> tuple[str, str] | None:
    """The source line and a line with `^` below its column, both at most `width` columns.

    None when the finding has no line or the file no longer has it. Credentials are hidden.
    """
    if finding.path is None or finding.line is None:
        return None
    lines = _lines(finding.path)
    if not 1 <= finding.line <= len(lines):
        return None
    line = lines[finding.line - 1]
    column = max((finding.column or 1) - 1, 0)
    shown = _clean(line)
    start = min(len(_clean(line[:column])), max(len(shown) - 1, 0))
    if finding.column is None:
        start = len(shown) - len(shown.lstrip())
    shown, start = _window(shown.rstrip(), start, width)
    return shown, " " * start + "^"


def _window(line: str, column: int, width: int) -> tuple[str, int]:
    """The part of a long line around `column`."""
    if len(line) > width:
        indent = min(len(line) - len(line.lstrip()), column)
        line, column = line[indent:], column - indent
    if len(line) <= width:
        return line, column
    room = max(width - 2 * len(_ELLIPSIS), 1)
    first = max(0, min(column - room // 3, len(line) - room))
    before = _ELLIPSIS if first else ""
    after = _ELLIPSIS if first + room < len(line) else ""
    return f"{before}{line[first : first + room]}{after}", column - first + len(before)


def _clean(text: str) -> str:
    return printable(redact(text).expandtabs(_TAB))


@lru_cache(maxsize=64)
def _lines(path: str) -> tuple[str, ...]:
    """Empty when the file cannot be read, is no text or is too large to be source."""
    try:
        file = Path(path)
        if file.stat().st_size > _LARGEST_FILE:
            return ()
        return tuple(file.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ()

"""Lines of the files that findings are about."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mfenvd.domain.redact import redact

_LARGEST = 2**21
_LONGEST_LINE = 160


def source_line(path: str | None, line: int | None) -> str | None:
    """The line as it is now, without indentation and credentials; None when it cannot be read."""
    found = source_lines(path, line, line) if line else ()
    return found[0][1].strip() or None if found else None


def source_lines(path: str | None, first: int | None, last: int | None) -> tuple[tuple[int, str], ...]:
    """Numbered lines from `first` to `last`, both included, as far as the file has them."""
    if path is None or first is None or last is None:
        return ()
    lines = _lines(path)
    numbers = range(max(first, 1), min(last, len(lines)) + 1)
    return tuple((number, redact(lines[number - 1].expandtabs(4))[:_LONGEST_LINE]) for number in numbers)


def _lines(path: str) -> tuple[str, ...]:
    try:
        stat = Path(path).stat()
    except OSError:
        return ()
    return _read(path, stat.st_mtime_ns, stat.st_size) if stat.st_size <= _LARGEST else ()


@lru_cache(maxsize=16)
def _read(path: str, _modified: int, _size: int) -> tuple[str, ...]:
    """Kept for as long as the file stays as it is."""
    try:
        return tuple(Path(path).read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ()

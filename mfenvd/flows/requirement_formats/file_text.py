"""A file's text, whatever it turns out to be: a folder, a pipe, a video."""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.findings import Unusable

MAX_BYTES = 2 * 1024 * 1024
MAX_LOCK_BYTES = 32 * 1024 * 1024
"""A lock lists every file of every package; those of large workspaces pass 5 MiB."""
MAX_YAML_BYTES = 256 * 1024
"""PyYAML's own parser reads about 250 KiB a second; the one in C ends the process on deep nesting."""

# UTF-32 first: its mark begins like that of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING_COOKIE = re.compile(rb"coding[:=]\s*([-\w.]+)")


def read_text(path: Path, origin: Location | None = None, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of the file at `path`.

    The encoding is what a byte order mark says, else what a coding cookie in a comment of the first two lines
    says (PEP 263, as pip reads it), else UTF-8.

    Args:
        path: Absolute.
        origin: Where another file refers to it; None when it was asked for directly.
        max_bytes: More is not read.

    Raises:
        Unusable: It is missing, not a regular file, too large, binary, or not in its encoding.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise Unusable(findings.unreadable(path, f"is {kind}", origin))
        if status.st_size > max_bytes:
            reason = f"has {status.st_size / 2**20:.1f} MiB, more than the {max_bytes / 2**20:g} MiB that mfenv reads"
            raise Unusable(findings.unreadable(path, reason, origin))
        data = path.read_bytes()
    except FileNotFoundError:
        raise Unusable(findings.missing_file(path, origin)) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Unusable(findings.unreadable(path, f"cannot be opened ({reason})", origin)) from None
    return _decode(data, path, origin)


def _decode(data: bytes, path: Path, origin: Location | None) -> str:
    mark, encoding = next(((m, e) for m, e in _BYTE_ORDER_MARKS if data.startswith(m)), (b"", ""))
    cookie = None if encoding else _cookie(data)
    encoding = encoding or cookie or "utf-8"
    try:
        text = data[len(mark) :].decode(encoding)
    except LookupError:
        raise Unusable(findings.unreadable(path, f"names the unknown encoding {encoding}", origin)) from None
    except UnicodeError:
        reason = "is binary" if b"\0" in data else f"is not in {encoding.upper()}"
        raise Unusable(findings.unreadable(path, reason, origin)) from None
    if "\0" in text:
        raise Unusable(findings.unreadable(path, "is binary", origin))
    return text


def _cookie(data: bytes) -> str | None:
    for line in data.split(b"\n", 2)[:2]:
        found = _CODING_COOKIE.search(line) if line.startswith(b"#") else None
        if found:
            return found.group(1).decode("ascii", "replace")
    return None

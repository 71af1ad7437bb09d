"""Files of mfenv's own that cannot be used: a full disk above all, whichever program notices it."""

from __future__ import annotations

import re

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.redact import redact

_FULL = re.compile(r"No space left on device|Disk quota exceeded|not enough space on the disk", re.IGNORECASE)


def says_disk_is_full(words: str) -> str | None:
    """The system's own words for a full disk in what another program says; None where there are none."""
    found = _FULL.search(words)
    return found[0] if found else None


def files_unusable(error: OSError) -> Finding:
    """MFE909: a file or folder of mfenv's own cannot be written or read."""
    return _finding(f"{error.strerror or error} ({error.filename or 'unknown file'})")


def disk_full(words: str) -> Finding:
    """MFE909: another program that works for mfenv found the disk full; `words` are its own."""
    return _finding(says_disk_is_full(words) or "the disk is full", words)


def _finding(reason: str, words: str = "") -> Finding:
    return Finding(
        code=Code.FILES_UNUSABLE,
        severity=Severity.ERROR,
        message=f"mfenv cannot use its files: {redact(reason)}.",
        fix="Make room on the disk, or make the folder writable; `mfenv status` shows which folders are used.",
        detail=tuple(redact(words).splitlines()[:20]),
    )

"""How much memory a process uses and a machine has; what is not used any more is given back to the system."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path


def _find_trim() -> Callable[[int], int] | None:
    """`malloc_trim` of glibc, which otherwise keeps for the next time what was freed between things that stay."""
    if sys.platform != "linux":
        return None
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        # musl keeps little.
        return None
    return trim


_trim = _find_trim()


def give_back() -> None:
    """Takes a millisecond or two; does nothing where the system's allocator does it by itself."""
    if _trim is not None:
        _trim(0)


def resident(pid: int) -> int:
    """Bytes of memory that the process `pid` has in use.

    Raises:
        OSError: There is no such process, or not any more.
    """
    if sys.platform == "linux":
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    # 4 MiB of modules, which Linux can do without.
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error as error:
        raise ProcessLookupError(str(error)) from error


def installed() -> int:
    """Bytes of memory that the machine has."""
    if sys.platform != "win32":
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.virtual_memory().total)

"""Gives back the memory of package lists that were read through once.

py-rattler maps a list into memory and reads all of it to find where each package stands; from then on it reads a few
pages of it. The pages stay accounted to the process all the same: several hundred MiB for a large channel.
"""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

_MAPPED = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r--\S \S+ \S+ \d+ +(\S.*\.json)$", re.MULTILINE)
_DONT_NEED = 4
"""`MADV_DONTNEED` of Linux: pages of a file are read again when they are needed."""


def give_back() -> int:
    """Takes the pages of mapped `.json` files out of this process's memory; their content stays as it is.

    Returns:
        The size of the mappings in bytes; 0 where the system is not Linux.
    """
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    maps = Path("/proc/self/maps").read_text("utf-8", errors="replace")
    found = _MAPPED.findall(maps)
    sizes = []
    for start, end, _ in found:
        address, size = int(start, 16), int(end, 16) - int(start, 16)
        libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), _DONT_NEED)
        sizes.append(size)
    return sum(sizes)

"""Where the uv is that comes with its wheel."""

from __future__ import annotations

import threading
from functools import lru_cache

import uv

_looking = threading.Lock()


@lru_cache(maxsize=1)
def find_uv() -> str:
    """The path of the program.

    Raises:
        FileNotFoundError: There is none.
    """
    # It asks sysconfig, which until Python 3.12 answers None to one thread while it begins in another.
    with _looking:
        return uv.find_uv_bin()

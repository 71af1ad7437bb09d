"""A file that another process is writing, read while it grows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_INTERVAL = 0.03
"""Seconds between two looks: a small part of what uv takes to fetch a page."""


@contextmanager
def following(path: Path, heard: Callable[[str], None]) -> Iterator[None]:
    """Passes on what is in the file, line by whole line, until the block ends and everything was passed on.

    Args:
        path: Of a text file, which is there.
        heard: Called with one or more lines, in a thread of its own; while it runs nothing else is passed on.
    """
    ended = threading.Event()

    def follow() -> None:
        rest, is_last = b"", False
        with path.open("rb") as file:
            while not is_last:
                is_last = ended.wait(_INTERVAL)
                lines, newline, rest = (rest + file.read()).rpartition(b"\n")
                if newline:
                    heard(lines.decode(errors="replace"))

    thread = threading.Thread(target=follow, name="following")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

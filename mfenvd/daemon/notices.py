"""What the system notes about a set of folders. Used by one thread.

Setting up a watch holds Python's lock for some 40 us per folder, so that large sets are watched in parts; what is
added later is a part of its own until `compact`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from watchfiles._rust_notify import RustNotify

STEP_MS = 20
DEBOUNCE_MS = 150
"""A burst is over after STEP_MS without a further change, and reported after DEBOUNCE_MS in any case."""

POLLING_MS = 3_000
LARGEST_PART = 500
MOST_PARTS = 6

# Elsewhere one recursive watch per root is the system's own way; on Linux it would watch each ignored folder too.
RECURSIVE = sys.platform != "linux"

_ATTEMPTS = 3
_log = logging.getLogger(__name__)


class Notices:
    """A watch that can grow; `limited` is told why the system watches no more folders when it does not."""

    def __init__(self, limited: Callable[[str], None]) -> None:
        self._limited = limited
        self._parts: list[RustNotify] = []

    def add(self, folders: Collection[str]) -> None:
        """Watches `folders` too."""
        ordered = sorted(folders)
        size = max(LARGEST_PART, len(ordered) // MOST_PARTS + 1)
        for start in range(0, len(ordered), size):
            part = self._new_part(ordered[start : start + size])
            if part is not None:
                self._parts.append(part)

    def replace(self, folders: Collection[str]) -> set[str]:
        """Watches `folders` instead of the ones before; what had been noted about those."""
        before, self._parts = self._parts, []
        self.add(folders)
        noted = _noted(before)
        for part in before:
            part.close()
        return noted

    @property
    def is_scattered(self) -> bool:
        """Whether it is in many parts, each of which costs a wake-up."""
        return len(self._parts) > MOST_PARTS

    @property
    def parts(self) -> int:
        return len(self._parts)

    def noted(self) -> set[str]:
        """The paths that changed since the last call; waits for a burst to end."""
        return _noted(self._parts)

    def close(self) -> None:
        for part in self._parts:
            part.close()
        self._parts = []

    def _new_part(self, folders: list[str]) -> RustNotify | None:
        for _ in range(_ATTEMPTS):
            there = [folder for folder in folders if os.access(folder, os.R_OK | os.X_OK)]
            if not there:
                return None
            try:
                return _notify(there)
            except (FileNotFoundError, PermissionError):
                # It went after the look; the others are there.
                continue
            except OSError as error:
                reason = str(error).partition(" about ")[0]
                _log.warning("the system watches no more folders (%s): polling", reason)
                self._limited(reason)
                return _notify(there, polling=True)
        return _notify([folder for folder in folders if Path(folder).is_dir()], lenient=True)


def _notify(folders: list[str], *, polling: bool = False, lenient: bool = False) -> RustNotify:
    return RustNotify(folders, False, polling, POLLING_MS, RECURSIVE, lenient)


def _noted(parts: Iterable[RustNotify]) -> set[str]:
    found: set[str] = set()
    step = STEP_MS
    for part in parts:
        noted = part.watch(DEBOUNCE_MS, step, 1, None)
        if isinstance(noted, set):
            found.update(path for _, path in noted)
        step = 1
    return found

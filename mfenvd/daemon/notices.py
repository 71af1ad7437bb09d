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
from typing import NamedTuple

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

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


class _Part(NamedTuple):
    watch: RustNotify
    folders: tuple[str, ...]


class Notices:
    """A watch that can grow; `limited` is told why the system watches no more folders when it does not."""

    def __init__(self, limited: Callable[[str], None]) -> None:
        self._limited = limited
        self._parts: list[_Part] = []

    def add(self, folders: Collection[str]) -> None:
        """Watches `folders` too."""
        ordered = sorted(folders)
        size = max(LARGEST_PART, len(ordered) // MOST_PARTS + 1)
        for start in range(0, len(ordered), size):
            some = ordered[start : start + size]
            watch = self._new_watch(some)
            if watch is not None:
                self._parts.append(_Part(watch, tuple(some)))

    def replace(self, folders: Collection[str]) -> set[str]:
        """Watches `folders` instead of the ones before; what had been noted about those."""
        before, self._parts = self._parts, []
        self.add(folders)
        noted, _ = _noted(before)
        for part in before:
            part.watch.close()
        return noted

    @property
    def is_scattered(self) -> bool:
        """Whether it is in many parts, each of which costs a wake-up."""
        return len(self._parts) > MOST_PARTS

    @property
    def parts(self) -> int:
        return len(self._parts)

    def noted(self) -> set[str]:
        """The paths that changed since the last call; waits for a burst to end.

        A folder among them may be watched no more, and anything in it may have changed: it is to be added again.
        """
        noted, ended = _noted(self._parts)
        for part in ended:
            part.watch.close()
            self._parts.remove(part)
        return noted

    def close(self) -> None:
        for part in self._parts:
            part.watch.close()
        self._parts = []

    def _new_watch(self, folders: list[str]) -> RustNotify | None:
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


def _noted(parts: Iterable[_Part]) -> tuple[set[str], list[_Part]]:
    """What was noted, and the parts that have ended, the folders of which are among it."""
    found: set[str] = set()
    ended = []
    step = STEP_MS
    for part in parts:
        try:
            noted = part.watch.watch(DEBOUNCE_MS, step, 1, None)
        except WatchfilesRustInternalError as error:
            # Something has a name that is no text. What else was noted is lost, and so is what would be.
            _log.info("%s: what is watched with it is looked at anew", error)
            ended.append(part)
            noted = {(0, folder) for folder in part.folders}
        if isinstance(noted, set):
            found.update(path for _, path in noted)
        step = 1
    return found, ended

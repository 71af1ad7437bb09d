"""Reads a project in a thread: what changed since the last time, or all of it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mfenvd.daemon.verdicts import Understanding
from mfenvd.domain.plan import Plan
from mfenvd.domain.resolver import Context
from mfenvd.domain.settings import Settings
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import Paths


class Reader(Protocol):
    """Reads a project, see `mfenvd.flows.project.ProjectReader`. Used by one thread at a time."""

    @property
    def settings(self) -> Settings: ...

    @property
    def watched(self) -> frozenset[str]:
        """Files outside the folder that matter too."""
        ...

    def read(self) -> Plan: ...

    def update(self, changed: Collection[Path]) -> Plan: ...


ReaderFactory = Callable[[Path, Surroundings, Paths], Reader]


class FolderGoneError(Exception):
    """The root went away while it was read."""


@dataclass(frozen=True)
class Reading:
    """What a reading thread brings back; `files` are all that it was read from, wherever they are."""

    understanding: Understanding
    settings: Settings
    files: frozenset[str]


class _Growing:
    """Counts the threads that read a whole project, which stays for long.

    Meanwhile nothing looks for garbage, and what was taken in is not looked through later: it makes no cycles, and
    with a thousand flows each look would hold the loop for 50 ms.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._count += 1
            gc.disable()
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                if not self._count:
                    gc.freeze()
                    gc.enable()


_growing = _Growing()


class ReadingOf:
    """One project's reader, made anew for other surroundings and after a failure."""

    def __init__(self, paths: Paths, new_reader: ReaderFactory) -> None:
        self._paths = paths
        self._new_reader = new_reader
        # With the surroundings that it was made for.
        self._reader: tuple[Surroundings, Reader] | None = None

    def take(self, changed: Collection[str], before: Understanding | None, context: Context, *, anew: bool) -> Reading:
        """Reads what `changed`, all of it if `anew`. Blocking; one call at a time.

        Raises:
            FolderGoneError: The root is not there any more: what was read may be half of it.
        """
        with _growing() if anew else nullcontext():
            return self._take(changed, before, context, anew=anew)

    def _take(self, changed: Collection[str], before: Understanding | None, context: Context, *, anew: bool) -> Reading:
        root = Path(context.root)
        kept, self._reader = self._reader, None
        if kept is None or kept[0] != context.surroundings:
            kept = (context.surroundings, self._new_reader(root, context.surroundings, self._paths))
            anew = True
        reader = kept[1]
        if anew or before is None:
            plan = reader.read()
        elif changed:
            plan = reader.update([Path(path) for path in sorted(changed)])
        else:
            plan = before.plan
        if not root.is_dir():
            raise FolderGoneError(root)
        self._reader = kept
        sources = {*plan.reads, *(one.source for one in plan.environments)}
        files = frozenset({*sources, *(file for files in plan.reads.values() for file in files), *reader.watched})
        return Reading(Understanding.of(plan, context, before), reader.settings, files)

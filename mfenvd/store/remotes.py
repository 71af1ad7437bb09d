"""The buckets that are in use, and how each of them fares."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from mfenvd.store.object_errors import ObjectStoreProblem, ReadOnly
from mfenvd.store.objects import ObjectStore

# Seconds. What passes by itself is tried again soon, and ever later; what somebody has to mend first, not that often.
_FIRST_PAUSE = 2.0
_FIRST_PAUSE_FOR_PEOPLE = 30.0
_LONGEST_PAUSE = 300.0

Open = Callable[[str], ObjectStore]
"""Opens the store at a URL; raises ObjectStoreProblem."""


class Remote:
    """One bucket's root, for reading and for writing. Safe for threads.

    Args:
        url: The root.
        open_store: Opens it, when it is first needed.
        clock: Seconds that never go back.
        writes: False where nothing is ever to be sent.
    """

    def __init__(
        self, url: str, open_store: Open, clock: Callable[[], float] = time.monotonic, *, writes: bool = True
    ) -> None:
        self.url, self.writes = url, writes
        self._open, self._clock = open_store, clock
        self._lock = threading.Lock()
        self._store: ObjectStore | None = None
        self._problem: ObjectStoreProblem | None = None
        self._refusal: ReadOnly | None = None
        self._times = 0
        self._until = 0.0
        self._read_only_until = 0.0

    def store(self) -> ObjectStore:
        """The store.

        Raises:
            ObjectStoreProblem: Its client is not installed, its address is wrong.
        """
        with self._lock:
            if self._store is None:
                self._store = self._open(self.url)
            return self._store

    @property
    def is_available(self) -> bool:
        """Whether it is worth asking now."""
        return self._clock() >= self._until

    @property
    def is_writable(self) -> bool:
        """Whether it is worth sending something now."""
        return self.writes and self.is_available and self._clock() >= self._read_only_until

    @property
    def problem(self) -> ObjectStoreProblem | None:
        """Why it was left alone when it was last needed; None when all is well."""
        return self._problem

    @property
    def read_only(self) -> ReadOnly | None:
        """That it may only be read, when it was last written to."""
        return self._refusal

    @property
    def next_try(self) -> float | None:
        """Seconds until it is worth sending something again; None when it is now."""
        seconds = max(self._until, self._read_only_until) - self._clock()
        return seconds if seconds > 0 else None

    def failed(self, problem: ObjectStoreProblem) -> None:
        """Leaves it alone for a while, longer each time; of several threads that fail together one counts."""
        with self._lock:
            if isinstance(problem, ReadOnly):
                self._refusal = problem
                self._read_only_until = self._clock() + _LONGEST_PAUSE
                return
            if self._clock() < self._until:
                return
            self._problem = problem
            first = _FIRST_PAUSE if problem.passes else _FIRST_PAUSE_FOR_PEOPLE
            longest = min(_LONGEST_PAUSE, first * 2**self._times)
            self._times += 1
            # At random, so that a team's workstations do not come back together.
            self._until = self._clock() + random.uniform(longest / 2, longest)  # noqa: S311 - no secret

    def worked(self, *, written: bool = False) -> None:
        """Notes that it did what it was asked."""
        with self._lock:
            self._problem, self._times, self._until = None, 0, 0.0
            if written:
                self._refusal, self._read_only_until = None, 0.0

    def close(self) -> None:
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None


class Remotes:
    """Buckets by their roots.

    Args:
        open_store: Opens one.
        writes: False where nothing is ever to be sent to any of them.
    """

    def __init__(self, open_store: Open, *, writes: bool = True) -> None:
        self._open, self._writes = open_store, writes
        self._lock = threading.Lock()
        self._known: dict[str, Remote] = {}

    def __getitem__(self, url: str) -> Remote:
        with self._lock:
            return self._known.setdefault(url, Remote(url, self._open, writes=self._writes))

    def all(self) -> tuple[Remote, ...]:
        with self._lock:
            return tuple(self._known.values())

    def close(self) -> None:
        for remote in self.all():
            remote.close()

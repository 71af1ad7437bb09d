"""Threads of one process that want the same thing at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """Those that want one thing.

    Attributes:
        is_answered: Whether one of them has been through.
        failure: For the first of them to tell the others.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted_by = 0
        self.is_answered = False
        self.failure: Exception | None = None


_turns: dict[str, Turn] = {}
_turns_lock = threading.Lock()


@contextmanager
def one_at_a_time(key: str) -> Iterator[Turn]:
    """A block that one thread at a time goes through for each `key`, with the same turn for all that wait meanwhile."""
    with _turns_lock:
        turn = _turns.setdefault(key, Turn())
        turn.wanted_by += 1
    try:
        with turn.lock:
            try:
                yield turn
            finally:
                turn.is_answered = True
    finally:
        with _turns_lock:
            turn.wanted_by -= 1
            if not turn.wanted_by:
                del _turns[key]

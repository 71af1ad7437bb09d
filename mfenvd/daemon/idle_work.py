"""Work that nobody waits for: looked for every now and then, one thing at a time."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any


class IdleWork(ABC):
    """Lives in the loop's thread.

    Args:
        pause: Seconds between two looks.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._look_again)

    async def close(self) -> None:
        """Ends what runs: it is begun again by the next daemon."""
        if self._timer:
            self._timer.cancel()
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))

    @property
    def is_under_way(self) -> bool:
        """Whether what was begun last is not done yet."""
        return self._task is not None and not self._task.done()

    @abstractmethod
    def look(self) -> None:
        """Begins what is due, if anything, and if the daemon has nothing better to do."""

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work` in the background; only while nothing is under way."""
        self._task = asyncio.get_running_loop().create_task(work)

    def _look_again(self) -> None:
        self.start()
        self.look()

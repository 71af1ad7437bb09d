"""Many requests to draw, few drawings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual.message_pump import MessagePump


class Pace:
    """Runs `draw` at once when nothing was drawn lately, else once `interval` seconds after the last time.

    While the terminal has not taken what was drawn before, it waits: over a slow line, keys would come after a backlog.
    """

    def __init__(
        self,
        pump: MessagePump,
        draw: Callable[[], None],
        interval: float,
        is_taken: Callable[[], bool] = lambda: True,
    ) -> None:
        self._pump = pump
        self._draw = draw
        self._interval = interval
        self._is_taken = is_taken
        self._drawn = float("-inf")
        self._waiting = False

    def request(self) -> None:
        """Have everything that changed until then drawn soon."""
        if not self._waiting:
            self._waiting = True
            self._run_in(max(0.0, self._drawn + self._interval - time.monotonic()))

    def _run_in(self, delay: float) -> None:
        # Not `set_timer`: a Textual timer that is late by its own length at its start never fires.
        asyncio.get_running_loop().call_later(delay, self._pump.call_next, self._run)

    def _run(self) -> None:
        if not self._is_taken():
            self._run_in(self._interval)
            return
        self._waiting = False
        self._drawn = time.monotonic()
        self._draw()

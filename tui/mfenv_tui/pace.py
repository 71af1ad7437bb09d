"""Many requests to draw, few drawings."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.message_pump import MessagePump


class Pace:
    """Runs `draw` at once when nothing was drawn lately, else once `interval` seconds after the last time."""

    def __init__(self, timers: MessagePump, draw: Callable[[], None], interval: float) -> None:
        self._timers = timers
        self._draw = draw
        self._interval = interval
        self._drawn = float("-inf")
        self._waiting = False

    def request(self) -> None:
        """Have everything that changed until then drawn soon."""
        if not self._waiting:
            self._waiting = True
            self._timers.set_timer(max(0.001, self._drawn + self._interval - time.monotonic()), self._run)

    def _run(self) -> None:
        self._waiting = False
        self._drawn = time.monotonic()
        self._draw()

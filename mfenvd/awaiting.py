"""Runs py-rattler's coroutines from blocking code."""

from __future__ import annotations

import asyncio
import atexit
import functools
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_TAIL = 0.05
"""Seconds that py-rattler's threads get to let go of the interpreter after their last answer."""


_last = 0.0


def awaited(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """What `coroutine` returns, or raises. Every call of py-rattler that is awaited goes through here.

    A thread of py-rattler still holds the interpreter for a moment after its answer has arrived; a process that ends
    in that moment dies by a signal instead.
    """
    global _last  # noqa: PLW0603 - of the whole process, as its end is
    _register()
    try:
        return asyncio.run(coroutine)
    finally:
        _last = time.monotonic()


@functools.cache
def _register() -> None:
    atexit.register(_wait)


def _wait() -> None:
    time.sleep(max(0.0, _last + _TAIL - time.monotonic()))

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


def awaited(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """What `coroutine` returns, or raises. Every call of py-rattler that is awaited goes through here.

    A thread of py-rattler still holds the interpreter for a moment after its answer has arrived; a process that ends
    in that moment dies by a signal instead.
    """
    _wait_at_exit()
    return asyncio.run(coroutine)


@functools.cache
def _wait_at_exit() -> None:
    atexit.register(time.sleep, _TAIL)

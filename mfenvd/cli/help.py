"""How help texts are put together."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

DAEMON = "With the daemon"
ONE_SHOT = "Without a daemon"


def examples(*lines: str) -> str:
    """The part below the options: command lines that can be pasted."""
    return "\n\n".join(("Examples:", *lines))


def flowing(command: Callable[..., object] | None) -> str | None:
    """What a command says of itself, each paragraph one line: the terminal breaks it, not the source."""
    text = inspect.getdoc(command)
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text) if text else None

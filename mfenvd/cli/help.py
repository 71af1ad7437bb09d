"""How help texts are put together."""

from __future__ import annotations

DAEMON = "With the daemon"
ONE_SHOT = "Without a daemon"


def examples(*lines: str) -> str:
    """The part below the options: command lines that can be pasted."""
    return "\n\n".join(("Examples:", *lines))

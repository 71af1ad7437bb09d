"""The environment variables of programs that are to depend on as little as can be."""

from __future__ import annotations

import os

_NEEDED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT")


def bare_environ() -> dict[str, str]:
    """What a program needs to start at all, from this process: no settings, no credentials."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}

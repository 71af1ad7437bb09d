"""Which environments are in use."""

from __future__ import annotations

import os
from pathlib import Path

import psutil


def is_in_use(prefix: Path) -> bool:
    """Whether a process of this user runs from `prefix`, works in it, or was told of it (as micromamba and pip are)."""
    inside = f"{prefix}{os.sep}"
    own = os.getpid()
    for process in psutil.process_iter(["exe", "cwd", "cmdline"]):
        if process.pid == own:
            continue
        said = (process.info["exe"], process.info["cwd"], *(process.info["cmdline"] or ()))
        if any(text and (text.startswith(inside) or text.endswith(str(prefix))) for text in said):
            return True
    return False

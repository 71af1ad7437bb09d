"""Ends a process together with everything that it started."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def end_tree(pid: int) -> None:
    """Kills the process `pid`, which leads a group of its own, and all of its group; gone already is fine."""
    if sys.platform == "win32":
        _end_by_parentage(pid)
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM for a group that has only processes left that wait to be reaped.
        return


def end_own_tree() -> NoReturn:
    """Kills this process and what it started."""
    if sys.platform == "win32" or os.getpgrp() == os.getpid():
        end_tree(os.getpid())
    os._exit(1)


def _end_by_parentage(pid: int) -> None:
    import psutil

    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue

"""Progress of many files: a bar with bytes on a terminal, nothing elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from mfenvd.cli.terminal import Terminal

_UNITS = ("bytes", "KiB", "MiB", "GiB")


class Transfers:
    """One bar. Safe to call from any thread."""

    def __init__(self, progress: Progress | None, task: TaskID, files: int) -> None:
        self._progress, self._task, self._files = progress, task, files
        self._done = 0
        self._lock = threading.Lock()

    def advance(self, size: int) -> None:
        """One more file is through."""
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress.update(self._task, advance=size, files=f"{self._done}/{self._files}")


@contextmanager
def transfers(terminal: Terminal, what: str, files: int, size: int, *, quiet: bool = False) -> Iterator[Transfers]:
    """A bar on standard error while the block runs.

    Args:
        terminal: Nothing is shown where its standard error is no terminal.
        what: A word for what is done.
        files: How many there are.
        size: Their bytes.
        quiet: Nothing is shown there either.
    """
    if quiet or not terminal.err.is_terminal:
        yield Transfers(None, TaskID(0), files)
        return
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[files]}", markup=False, style="muted"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=terminal.err,
        transient=True,
        refresh_per_second=8,
    )
    with progress:
        yield Transfers(progress, progress.add_task(what, total=size, files=f"0/{files}"), files)


def bytes_as_text(size: int) -> str:
    """Bytes for people, in powers of 1024."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size} bytes"

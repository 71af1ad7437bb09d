"""`environments.txt`, from which conda tools know which environments there are.

Nobody locks it: conda and micromamba append lines, and write the whole file anew to drop those of environments that
are gone (libmamba, `EnvironmentsManager`). What is appended here is therefore looked for afterwards.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from mfenvd.atomic_write import write_atomically

_ATTEMPTS = 20
_PAUSE = 0.05
"""Seconds between attempts: another program's rewriting takes a thousandth of one."""


class NotRegisteredError(OSError):
    """Another program keeps taking the line out."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"{file} loses what is written to it")


class Registry:
    """The file with the prefixes of all environments, one per line.

    Args:
        file: `~/.conda/environments.txt`.
        lock: File that is locked while this class writes.
    """

    def __init__(self, file: Path, lock: Path) -> None:
        self.file = file
        self._lock = lock

    def prefixes(self) -> list[Path]:
        """The registered prefixes that are environments, in the order in which micromamba lists them."""
        return sorted({Path(line) for line in self._lines() if line and (Path(line) / "conda-meta/history").exists()})

    def contains(self, prefix: Path) -> bool:
        return str(prefix) in self._lines()

    def add(self, prefix: Path) -> None:
        """Registers `prefix`, which others see at once.

        Raises:
            OSError: The file cannot be written.
        """
        with self._writing():
            for _ in range(_ATTEMPTS):
                if self.contains(prefix):
                    return
                self._append(prefix)
                # Long enough for a program that read the file before to have written it.
                time.sleep(_PAUSE / 10)
                if self.contains(prefix):
                    return
                time.sleep(_PAUSE)
        raise NotRegisteredError(self.file)

    def remove(self, prefix: Path) -> None:
        """Takes `prefix` out; what others append meanwhile stays.

        Raises:
            OSError: The file cannot be written.
        """
        with self._writing():
            if not self.contains(prefix):
                return
            with self.file.open("rb") as old:
                content = old.read()
                kept = [
                    line for line in content.splitlines(keepends=True) if line.rstrip(b"\r\n") != os.fsencode(prefix)
                ]
                write_atomically(self.file, b"".join(kept), mode=None)
                appended = old.read()  # to the old file, by a program that had opened it already
            if appended:
                with self.file.open("ab", buffering=0) as file:
                    file.write(appended)

    def _lines(self) -> list[str]:
        try:
            return os.fsdecode(self.file.read_bytes()).splitlines()
        except FileNotFoundError:
            return []

    def _append(self, prefix: Path) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: never in the middle of what others append.
        with self.file.open("ab", buffering=0) as file:
            file.write(self._separator() + os.fsencode(prefix) + b"\n")

    def _separator(self) -> bytes:
        """A line's end where somebody left the last line without one."""
        content = self.file.read_bytes()
        return b"\n" if content and not content.endswith(b"\n") else b""

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._lock):
            yield

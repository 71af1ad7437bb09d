"""One daemon per user: the lock that it holds for life, and the socket that only the holder may replace."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from mfenvd.paths import Paths

_BACKLOG = 128


class UnsafeFolderError(Exception):
    """The folder for the socket or the lock belongs to somebody else."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} belongs to another user or is a link; mfenvd keeps nothing there")


class Instance:
    """The right to be the daemon of this user."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        # Lock and socket are used from the loop's thread only.
        self._lock = FileLock(paths.lock, mode=0o600)

    def acquire(self) -> bool:
        """Takes the lock if it is free; it is let go when the process ends, however it ends.

        Raises:
            OSError: The folders cannot be made.
            UnsafeFolderError: The one for the lock is not this user's own.
        """
        for folder in (self._paths.state, self._paths.log):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(Path(self._paths.runtime))
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def listen(self) -> socket.socket:
        """The bound socket, under the process's umask.

        One that a killed daemon left behind is removed, as only the holder of the lock may.
        """
        path = self._paths.socket
        make_private(path.parent)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
        return listener

    def hide(self) -> None:
        """Nobody finds the daemon any more."""
        if sys.platform != "win32":
            self._paths.socket.unlink(missing_ok=True)

    def release(self) -> None:
        self._lock.release()


def make_private(folder: Path) -> None:
    """Makes `folder`, or makes sure that it is this user's own and that nobody else may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        return
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise UnsafeFolderError(folder)
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)

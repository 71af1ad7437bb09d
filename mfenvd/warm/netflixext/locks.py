"""The lock files of metaflow-netflixext (1.3.17, `conda.py`, `CondaLock`): who can make the file has the lock.

A run that was killed leaves its file behind, and every later run waits for it, up to an hour. A holder keeps the file
open, which tells a file that was left behind from one that is held.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

_log = logging.getLogger(__name__)

CHECK_LOCK = Path("/tmp/mf-conda-check.lock")  # noqa: S108 - where the extension has it, for all users
_ENVIRONMENTS, _PACKAGES = "mf_env-creation.lock", "mf_pkgs-update.lock"

YOUNG = 60.0
"""Seconds for which nobody's file is left alone: its maker may be about to open it."""

ELSEWHERE = 3600.0
"""Seconds for a file on a disk that other machines share, whose processes are not seen from here."""

_SHARED = ("nfs", "cifs", "smb", "afs", "lustre", "gpfs", "beegfs", "ceph", "9p", "fuse.sshfs")
_LOOK_AGAIN = 0.1


class LockHeldError(Exception):
    """Somebody has the lock for longer than is waited for."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is held")
        self.path = path


def environments_lock(envs_dir: Path) -> Path:
    """The file of whoever makes, removes or looks up an environment in a folder of environments."""
    return envs_dir / _ENVIRONMENTS


def all_locks(envs_dir: Path, pkgs_dirs: Iterable[Path]) -> tuple[Path, ...]:
    """Every file that a run may wait for."""
    return (CHECK_LOCK, environments_lock(envs_dir), *(folder / _PACKAGES for folder in pkgs_dirs))


@contextlib.contextmanager
def held(path: Path, seconds: float) -> Iterator[None]:
    """Has the lock, waiting for it for so many seconds; what was left behind is removed.

    Raises:
        LockHeldError: It is held by another process all the time.
        OSError: The folder refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + seconds
    while (descriptor := _made(path)) is None:
        if not remove_stale(path):
            if time.monotonic() > until:
                raise LockHeldError(path)
            time.sleep(_LOOK_AGAIN)
    try:
        yield
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def remove_stale(path: Path) -> bool:
    """Removes a lock file that a killed process left behind; whether the file is gone."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return True
    age = time.time() - status.st_mtime
    if status.st_uid != os.getuid() or age < (ELSEWHERE if _is_on_shared_disk(path) else YOUNG) or _is_open(path):
        return False
    _log.warning("%s was left behind %d seconds ago and is removed", path, age)
    return _take_away(path, status.st_ino)


def _made(path: Path) -> int | None:
    try:
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR)
    except FileExistsError:
        return None


def _take_away(path: Path, inode: int) -> bool:
    """Removes the file with this inode, and no other that is at its place by now."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".mfenv-lock-") as folder:
        aside = Path(folder, path.name)
        try:
            path.rename(aside)
        except FileNotFoundError:
            return True
        if aside.stat().st_ino == inode:
            return True
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        return False


def _is_open(path: Path) -> bool:
    """Whether a process has the file open, as far as this user may look."""
    text = str(path.resolve())
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(file.path == text for file in process.open_files()):
                return True
    return False


def _is_on_shared_disk(path: Path) -> bool:
    folder = path.resolve()
    with contextlib.suppress(OSError):
        disks = {Path(disk.mountpoint): disk.fstype for disk in psutil.disk_partitions(all=True)}
        kind = next((disks[parent] for parent in folder.parents if parent in disks), "")
        return kind.startswith(_SHARED)
    return False

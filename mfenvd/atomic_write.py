"""Files that are whole whenever they are there: written under another name in the same folder, then renamed.

boltons' `atomic_save`, which conda-lock brings, leaves its temporary file behind when the disk is full, and every later
write of the same file then fails.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

PRIVATE = 0o600

# Names that the daemon's watch takes for what an editor writes in passing.
_PREFIX, _SUFFIX = ".mfenv-", ".tmp"

_ABANDONED_AFTER = 24 * 3600.0
"""Seconds after which nobody can be writing any more, a machine that sleeps over night included."""


def write_atomically(path: Path, content: bytes, *, mode: int | None = PRIVATE, sync: bool = False) -> None:
    """Puts `content` at `path`; killed at any instant, what was there before is there, or this.

    Args:
        path: Of the file, in a folder that is there. A link is replaced, not followed.
        content: All of it.
        mode: Its permissions, whatever the umask. None for those of the file that is replaced, and for those of any new
            file where there is none.
        sync: Whether the same holds when the power fails: the content is on the disk before the name leads to it.

    Raises:
        OSError: About `path`: it cannot be written; what was there before still is.
    """
    try:
        with staged(path, content, mode=mode, sync=sync) as temporary:
            temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def copy_atomically(source: Path, path: Path, folder: Path) -> None:
    """Puts a copy of `source` at `path`, as `write_atomically`, with the permissions of any new file.

    Args:
        source: A file of any size.
        path: Of the copy, in a folder that is there. A link is replaced, not followed.
        folder: Where it is until it is whole, on the same disk: one that is written to again, so that what killed
            processes left there is removed.

    Raises:
        OSError: About `path`: it cannot be written, or `source` not be read; what was there before still is.
    """
    try:
        with _passing(folder) as temporary:
            shutil.copyfile(source, temporary)
            temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_for_a_while(path: Path, content: bytes, seconds: float) -> None:
    """As `write_atomically`, into a folder that is made where it is missing, and from which old files go.

    Args:
        path: Of the file.
        content: All of it.
        seconds: After which no file of the folder is of use any more.

    Raises:
        OSError: It cannot be written, or what is old cannot be removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    oldest = time.time() - seconds
    for file in path.parent.iterdir():
        # Another process may rename or remove it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_mtime < oldest:
                file.unlink()


@contextlib.contextmanager
def staged(path: Path, content: bytes, *, mode: int | None = PRIVATE, sync: bool = False) -> Iterator[Path]:
    """`content` in a file beside `path`, for who has something to look at before renaming it; removed if not renamed.

    What killed processes left in the folder is removed once it is a day old.

    Args:
        path: As `write_atomically`, and so are all others.
        content: All of it.
        mode: Its permissions.
        sync: Whether it is on the disk.

    Raises:
        OSError: The file cannot be written.
    """
    exact = _mode_of(path) if mode is None else mode
    opener = partial(os.open, mode=0o666 if exact is None else exact)
    with _passing(path.parent) as temporary:
        with open(temporary, "xb", opener=opener) as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if exact is not None:
            temporary.chmod(exact)
        yield temporary


@contextlib.contextmanager
def _passing(folder: Path) -> Iterator[Path]:
    """A name in `folder` that nobody else has; a file of that name is removed afterwards if it was not renamed."""
    _sweep(folder)
    temporary = folder / f"{_PREFIX}{os.urandom(8).hex()}{_SUFFIX}"
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _mode_of(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _sweep(folder: Path) -> None:
    oldest = time.time() - _ABANDONED_AFTER
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX) and entry.stat().st_mtime < oldest:
                Path(entry).unlink()

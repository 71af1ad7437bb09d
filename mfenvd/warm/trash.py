"""Folders removed so that nobody finds what is left of one: out of sight in one step, and emptied at leisure."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

_PREFIX = ".mfenv-trash-"


def new_trash(folder: Path) -> Path:
    """A new folder in `folder`, whose content nobody needs: `empty_trash` removes it.

    Raises:
        OSError: It cannot be made.
    """
    return Path(tempfile.mkdtemp(dir=folder, prefix=_PREFIX))


def out_of_sight(path: Path, folder: Path) -> Path:
    """Moves `path` into new trash in `folder`, on the same disk; returns the trash, to be removed.

    Raises:
        FileNotFoundError: It is not there.
        OSError: It cannot be moved.
    """
    trash = new_trash(folder)
    try:
        path.rename(trash / path.name)
    except OSError:
        trash.rmdir()
        raise
    return trash


def discard(path: Path, folder: Path) -> None:
    """Removes `path`, out of sight first.

    Raises:
        OSError: As `out_of_sight`.
    """
    shutil.rmtree(out_of_sight(path, folder), ignore_errors=True)


def is_trash(path: Path) -> bool:
    return path.name.startswith(_PREFIX)


def empty_trash(folder: Path) -> None:
    """Removes the trash in `folder`, that of killed processes too."""
    for trash in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(trash, ignore_errors=True)

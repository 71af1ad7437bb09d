"""Which of the stored files go when there are too many, and how one goes that somebody may want at this moment."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

IN_USE = 6 * 3600.0
"""Seconds for which a file that was asked for counts as being in use: downloading the rest of an environment over a
slow line takes its time."""

_TRASH = "evicted-"
_ABANDONED_AFTER = 600.0


class Entry(msgspec.Struct, frozen=True):
    """A stored file.

    Attributes:
        folder: It is in there, alone; named after its sha256.
        used: When it was asked for last, in seconds since the epoch.
        size: Bytes.
    """

    folder: Path
    used: float
    size: int

    @property
    def sha256(self) -> str:
        return self.folder.name


class Trimmed(msgspec.Struct, frozen=True):
    """So many files, so many bytes."""

    files: int = 0
    size: int = 0


def entries(archives: Path) -> Iterator[Entry]:
    """All files below a store's `archives`."""
    for folder in archives.glob("??/*"):
        with contextlib.suppress(FileNotFoundError):  # it goes at this moment
            size = sum(path.stat().st_size for path in folder.iterdir())
            yield Entry(folder, folder.stat().st_mtime, size)


def trimmed(found: Iterable[Entry]) -> Trimmed:
    """How many `found` are, and their bytes."""
    sizes = [entry.size for entry in found]
    return Trimmed(len(sizes), sum(sizes))


def surplus(found: Iterable[Entry], limit: int, keep: Collection[str], max_age: float | None) -> list[Entry]:
    """What has to go, as `ArchiveStore.trim` promises; the least recently used first."""
    now = time.time()
    by_use = sorted(found, key=lambda entry: entry.used)
    total = sum(entry.size for entry in by_use)
    going = []
    for entry in by_use:
        is_old = max_age is not None and now - entry.used > max_age
        if (total <= limit and not is_old) or entry.used > now - IN_USE:
            break
        if entry.sha256 not in keep:
            going.append(entry)
            total -= entry.size
    return going


def evicted(entry: Entry, incoming: Path) -> bool:
    """Removes a file unless somebody asked for it meanwhile.

    It is taken out of sight first, in one step. Whoever asks for it notes so before reading: what was noted by then
    comes back, and whoever comes later finds nothing and fetches it anew.

    Args:
        entry: As it was found.
        incoming: A folder on the same disk.
    """
    trash = Path(tempfile.mkdtemp(dir=incoming, prefix=_TRASH))
    moved = trash / entry.sha256
    try:
        entry.folder.rename(moved)
        if moved.stat().st_mtime > entry.used:
            with contextlib.suppress(OSError):  # another process has fetched it again by now
                moved.rename(entry.folder)
            return False
    except OSError:
        return False  # another process was faster
    finally:
        shutil.rmtree(trash, ignore_errors=True)
    return True


def sweep_evicted(incoming: Path) -> None:
    """Removes what a killed process had taken out of sight."""
    oldest = time.time() - _ABANDONED_AFTER
    for trash in incoming.glob(f"{_TRASH}*"):
        with contextlib.suppress(FileNotFoundError):
            if trash.stat().st_mtime < oldest:
                shutil.rmtree(trash, ignore_errors=True)

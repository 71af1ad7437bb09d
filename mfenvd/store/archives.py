"""Wheels and conda packages as files under their sha256, shared by all processes of the user."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.errors import DownloadError, NotDownloaded, StoreUnwritable, WrongContent
from mfenvd.store.eviction import Entry, Trimmed, entries, evicted, surplus, sweep_evicted, trimmed
from mfenvd.store.facts import Facts
from mfenvd.store.hashing import digest_of, sha256_of

_log = logging.getLogger(__name__)

Download = Callable[[LockedPackage, BinaryIO], "str | None"]
"""Writes a package's file to a stream that can be read too, and is empty; raises DownloadError.

Returns the sha256 of what is in the stream where it has read that again, so that nobody else need; else None.
"""

PARALLEL = 8
"""Downloads at once."""

# Files that are read at once: hashing leaves Python's lock, and a disk does not get faster by more.
_READING = 4

# Seconds after which a file that nobody finished is not in the works any more.
_ABANDONED_AFTER = 24 * 3600.0


def store_folder(cache_dir: str) -> Path:
    """Where the store is, below mfenv's cache folder."""
    return Path(cache_dir) / "store"


class ArchiveStore:
    """Files by sha256: `archives/ab/abcd…/NAME`. A file is there whole or not at all.

    Args:
        folder: Created when needed.

    Attributes:
        quarantine: Where damaged files are set aside, for a day.
    """

    def __init__(self, folder: Path) -> None:
        self._archives = folder / "archives"
        self._incoming = folder / "incoming"
        self.quarantine = folder / "quarantine"
        self._facts = Facts(folder / "facts")

    def get(self, sha256: str, filename: str) -> Path | None:
        """The file, its content checked against `sha256` now; None when it is not here, or no longer itself.

        A damaged file is moved out of the way.
        """
        path = self._place(sha256) / filename
        with contextlib.suppress(OSError):  # a store on a read-only disk serves all the same
            os.utime(path.parent)  # before it is read, so that nobody removes it meanwhile
        try:
            found = sha256_of(path)
        except FileNotFoundError:
            return None
        if found != sha256:
            self._set_aside(path)
            return None
        return path

    def has(self, package: LockedPackage) -> bool:
        """Whether the file of `package` is here, its content not looked at: for showing, not for using it."""
        return package.sha256 is not None and (self._place(package.sha256) / package.filename).is_file()

    def fetch(self, package: LockedPackage, download: Download) -> Path:
        """The file of `package`, downloaded when it is not here yet.

        A package without a known sha256 is taken as it comes where its md5 is not known or right, and is that file from
        then on.

        Raises:
            NotDownloaded: Its server does not give it.
            WrongContent: Its server gives something else.
            StoreUnwritable: It cannot be kept.
        """
        sha256 = package.sha256 or self._facts.get(f"sha256 of {package.url}")
        if sha256 is not None:
            known = self.get(sha256, package.filename)
            if known is not None:
                return known
        try:
            with self._only_one(sha256 or hashlib.sha256(package.url.encode()).hexdigest()):
                # Another process may have fetched it while this one waited.
                return (self.get(sha256, package.filename) if sha256 else None) or self._fetched(package, download)
        except OSError as error:
            raise StoreUnwritable(str(error.filename or self._archives), error.strerror or str(error)) from error

    def entries(self) -> Iterator[Entry]:
        """All files, in no order."""
        return entries(self._archives)

    def trim(
        self, limit: int, keep: Collection[str] = (), max_age: float | None = None, *, dry_run: bool = False
    ) -> Trimmed:
        """Removes the files that were not used for longest until the rest is within `limit` bytes.

        What was used in the last hours stays in any case: a job of some process may be at it.

        Args:
            limit: Bytes.
            keep: sha256 of files that stay whatever they cost.
            max_age: Seconds; what was not used for as long is removed whatever the size. None for no such limit.
            dry_run: Whether nothing is removed.
        """
        going = surplus(self.entries(), limit, keep, max_age)
        if dry_run:
            return trimmed(going)
        self._sweep()
        self._incoming.mkdir(parents=True, exist_ok=True)
        return trimmed(entry for entry in going if evicted(entry, self._incoming))

    def verify(self, seen: Callable[[Entry, bool], None]) -> tuple[Path, ...]:
        """Reads every file and sets aside those that are damaged: they are fetched again when they are wanted.

        Args:
            seen: Is told of each one, and whether it is right.

        Returns:
            The damaged ones, where they were.
        """
        damaged: list[Path] = []
        with ThreadPoolExecutor(_READING, thread_name_prefix="verify") as pool:
            found = list(self.entries())
            for entry, wrong in zip(found, pool.map(_damaged, found), strict=True):
                for path in wrong:
                    self._set_aside(path)
                damaged += wrong
                seen(entry, not wrong)
        return tuple(damaged)

    def close(self) -> None:
        self._facts.close()

    def _fetched(self, package: LockedPackage, download: Download) -> Path:
        self._incoming.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                found = _download(package, file, download)
            return self._kept(partial, package, found or sha256_of(partial))
        finally:
            partial.unlink(missing_ok=True)

    def _kept(self, partial: Path, package: LockedPackage, found: str) -> Path:
        """Puts a downloaded file, whose sha256 is `found`, where it belongs."""
        if package.sha256 is None:
            # Old lists of conda channels have only this.
            if package.md5 is not None and (md5 := digest_of(partial, "md5")) != package.md5:
                raise WrongContent(package, "md5", md5, package.md5)
            self._facts.put(f"sha256 of {package.url}", found)
        elif found != package.sha256:
            raise WrongContent(package, "sha256", found, package.sha256)
        path = self._place(found) / package.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(path)
        return path

    def _place(self, sha256: str) -> Path:
        return self._archives / sha256[:2] / sha256

    @contextlib.contextmanager
    def _only_one(self, key: str) -> Iterator[None]:
        """One process at a time downloads what `key` stands for."""
        folder = self._incoming / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):
            yield

    def _set_aside(self, path: Path) -> None:
        _log.warning("%s was damaged and is set aside", path)
        self.quarantine.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            path.replace(self.quarantine / f"{path.parent.name}-{path.name}")

    def _sweep(self) -> None:
        """Removes what nobody will finish, and what was set aside."""
        oldest = time.time() - _ABANDONED_AFTER
        for path in (*self._incoming.glob("*"), *self._incoming.glob("locks/*"), *self.quarantine.glob("*")):
            with contextlib.suppress(OSError):
                if path.is_file() and path.stat().st_mtime < oldest:
                    path.unlink()
        sweep_evicted(self._incoming)


def _damaged(entry: Entry) -> list[Path]:
    """The files of an entry that are not what its name says."""
    wrong = []
    for path in entry.folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # evicted meanwhile
            if sha256_of(path) != entry.sha256:
                wrong.append(path)
    return wrong


def _download(package: LockedPackage, file: BinaryIO, download: Download) -> str | None:
    try:
        found = download(package, file)
    except DownloadError as error:
        raise NotDownloaded(package, error.detail) from error
    file.flush()
    os.fsync(file.fileno())
    return found

"""What shall be in a bucket, and what is known to be there: kept on disk, shared by all processes of the user."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from mfenvd.disk_cache import PROBLEMS, JsonDisk, open_cache
from mfenvd.store.errors import StoreUnwritable

_log = logging.getLogger(__name__)

MOST_WAITING = 50_000
"""Objects in the queue, some hundred bytes each. What does not go in is wanted again later."""


def mirror_folder(cache_dir: str) -> Path:
    """Where the queue and the record of the mirror are."""
    return Path(cache_dir) / "mirror"


class Upload(msgspec.Struct, frozen=True):
    """One object that shall be in a bucket.

    Attributes:
        root: URL of the store, as `s3://team/metaflow/conda`.
        key: Of the object, below `root`.
        sha256: Hex digits, of the content.
        size: Bytes.
        filename: Of the file in the archive store that is the content; empty where `text` is.
        text: The content of a small object.
        replace: Whether it takes the place of what is there: for names that move on, not for what never changes.
    """

    root: str
    key: str
    sha256: str
    size: int
    filename: str = ""
    text: str = ""
    replace: bool = False

    @property
    def name(self) -> str:
        """What tells it from others."""
        return name_of(self.root, self.key)


def name_of(root: str, key: str) -> str:
    """How an object of a bucket is called here."""
    return f"{root}/{key}"


class Uploads:
    """The queue, and the record of what was seen in a bucket.

    An upload is in the record only after its bucket confirmed it, and leaves the queue only after it is in the record:
    killed in between, it is confirmed once more. Losing both costs time only.

    Args:
        folder: Created when needed.
        most: Uploads that can wait.
    """

    def __init__(self, folder: Path, most: int = MOST_WAITING) -> None:
        self._waiting = _Table(folder / "waiting")
        self._mirrored = _Table(folder / "mirrored")
        self._most = most

    def add(self, uploads: Iterable[Upload]) -> int:
        """Queues what is not known to be in its bucket.

        Returns:
            How many of `uploads` found no room; they are to be added again later.

        Raises:
            StoreUnwritable: The queue cannot be written; so do all other methods that write.
        """
        new = [upload for upload in uploads if not self.is_mirrored(upload)]
        known = {upload.name for upload in new if self._waiting.get(upload.name) is not None}
        room = max(0, self._most - len(self._waiting))
        left_out = 0
        with self._waiting.at_once():
            for upload in new:
                if upload.name not in known and room <= 0:
                    left_out += 1
                    continue
                room -= upload.name not in known
                self._waiting.put(upload)
        return left_out

    def waiting(self, root: str | None = None) -> Iterator[Upload]:
        """What is queued, oldest first.

        Args:
            root: Only what goes there.
        """
        return (upload for upload in self._waiting if root in {None, upload.root})

    def mirrored(self, root: str | None = None) -> Iterator[Upload]:
        """What was seen in its bucket."""
        return (upload for upload in self._mirrored if root in {None, upload.root})

    def is_mirrored(self, upload: Upload) -> bool:
        """Whether the bucket was seen to have just this."""
        known = self._mirrored.get(upload.name)
        return known is not None and known.sha256 == upload.sha256

    def confirmed(self, uploads: Collection[Upload]) -> None:
        """Notes that their buckets have `uploads`."""
        with self._mirrored.at_once():
            for upload in uploads:
                self._mirrored.put(upload)
        with self._waiting.at_once():
            for upload in uploads:
                self._remove(upload)

    def given_up(self, upload: Upload) -> None:
        """Takes out of the queue what cannot be uploaded."""
        self._remove(upload)

    def lost(self, upload: Upload) -> None:
        """Forgets that the bucket has `upload`, and queues it again."""
        self._waiting.put(upload)
        self._mirrored.remove(upload.name)

    def forget(self, root: str, key: str) -> None:
        """Forgets that the bucket has an object."""
        self._mirrored.remove(name_of(root, key))

    def needed(self) -> frozenset[str]:
        """sha256 of the files that wait for their upload: these must stay in the archive store."""
        return frozenset(upload.sha256 for upload in self._waiting if upload.filename)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Closes the calling thread's connections; the next use opens them again."""
        self._waiting.close()
        self._mirrored.close()

    def _remove(self, upload: Upload) -> None:
        # What was queued under the same name in the meantime stays.
        if self._waiting.get(upload.name) == upload:
            self._waiting.remove(upload.name)


class _Table:
    """Uploads by name, in the order in which they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = open_cache(folder, JsonDisk)

    def get(self, name: str) -> Upload | None:
        if self._cache is None:
            return None
        try:
            found = self._cache.get(name)
            return None if found is None else msgspec.convert(found, Upload)
        except PROBLEMS as error:
            _log.warning("%s is not readable: %s", self._folder, error)
            return None

    def put(self, upload: Upload) -> None:
        with self._writing() as cache:
            cache.set(upload.name, upload)

    def remove(self, name: str) -> None:
        with self._writing() as cache:
            cache.delete(name)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """What is written inside is written together, and much faster."""
        with self._writing() as cache, cache.transact():
            yield

    def close(self) -> None:
        if self._cache is not None:
            self._cache.close()

    def __iter__(self) -> Iterator[Upload]:
        for name in self._cache or ():
            upload = self.get(name)
            if upload is not None:
                yield upload

    def __len__(self) -> int:
        return 0 if self._cache is None else len(self._cache)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Any]:
        if self._cache is None:
            raise StoreUnwritable(str(self._folder), "it cannot be opened")
        try:
            yield self._cache
        except PROBLEMS as error:
            raise StoreUnwritable(str(self._folder), str(error)) from error

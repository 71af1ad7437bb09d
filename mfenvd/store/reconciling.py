"""What is known to be in a bucket, held against what is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import msgspec

from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.archives import ArchiveStore, Download
from mfenvd.store.errors import DownloadError
from mfenvd.store.object_errors import MissingObject
from mfenvd.store.objects import ObjectStore, sha256_read_back
from mfenvd.store.receiving import Place, Receiver
from mfenvd.store.sending import PARALLEL
from mfenvd.store.uploads import Upload, Uploads

_log = logging.getLogger(__name__)

Seen = Callable[[Upload, bool], None]
"""Is told of each object that was looked at, and whether it is right."""


class Reconciled(msgspec.Struct, frozen=True):
    """What a bucket had.

    Attributes:
        objects: How many were looked for.
        lost: Those that were not there, or not themselves. They are queued again.
        mended: Files of this machine that were damaged or gone, and were taken from the bucket.
    """

    objects: int
    lost: tuple[Upload, ...] = ()
    mended: tuple[Upload, ...] = ()


class Reconciler:
    """Puts back what a bucket lost, and what this machine lost.

    Args:
        uploads: What is known to be in buckets.
        archives: This machine's files.
        receiver: Takes files out of buckets.
    """

    def __init__(self, uploads: Uploads, archives: ArchiveStore, receiver: Receiver) -> None:
        self._uploads, self._archives, self._receiver = uploads, archives, receiver

    def reconcile(self, store: ObjectStore) -> Reconciled:
        """Holds the record against a listing: a request for each thousand objects, and no content is read.

        Raises:
            ObjectStoreProblem: The bucket cannot be listed.
            StoreUnwritable: The queue cannot be written.
        """
        known = list(self._uploads.mirrored(store.url))
        there = {info.key: info.size for info in store.list()} if known else {}
        return self._reconciled(known, [upload for upload in known if there.get(upload.key) != upload.size])

    def verify(self, store: ObjectStore, stop: threading.Event, seen: Seen | None = None) -> Reconciled:
        """Holds every object in the record against this machine's file by hash, and mends whichever is wrong.

        Where this machine has no such file any more, the object is read and held against its hash.

        Raises:
            ObjectStoreProblem: The bucket cannot be read.
            StoreProblem: The queue or the archive store cannot be written.
        """
        known = [upload for upload in self._uploads.mirrored(store.url) if not upload.replace]
        lost: list[Upload] = []
        mended: list[Upload] = []

        def look(upload: Upload) -> tuple[bool, bool] | None:
            return None if stop.is_set() else self._looked_at(upload, store)

        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="verify") as pool:
            for upload, came in zip(known, pool.map(look, known), strict=True):
                if came is None:
                    continue
                right, restored = came
                if not right:
                    lost.append(upload)
                if restored:
                    mended.append(upload)
                if seen is not None:
                    seen(upload, right)
        return self._reconciled(known, lost, mended)

    def _looked_at(self, upload: Upload, store: ObjectStore) -> tuple[bool, bool]:
        """Whether the bucket is right, and whether this machine's file was not, and is now."""
        package = _package(upload)
        here = bool(upload.filename) and self._archives.has(package)
        path = self._archives.get(upload.sha256, upload.filename) if here else None
        if path is not None:
            return store.confirm(upload.key, path, upload.sha256), False
        right = _sha256(store, upload.key) == upload.sha256
        if right and here:
            self._archives.fetch(package, self._from_bucket(upload))
        return right, right and here

    def _from_bucket(self, upload: Upload) -> Download:
        def download(package: LockedPackage, file: BinaryIO) -> None:
            if not self._receiver.receive(package, Place(upload.root, upload.key), file):
                raise DownloadError(f"{upload.root} does not give it")

        return download

    def _reconciled(self, known: list[Upload], lost: list[Upload], mended: list[Upload] | None = None) -> Reconciled:
        for upload in lost:
            _log.warning("%s is not in the bucket as it should be, and is uploaded again", upload.name)
            self._uploads.lost(upload)
        return Reconciled(len(known), tuple(lost), tuple(mended or ()))


def _package(upload: Upload) -> LockedPackage:
    """The file of an upload, as the archive store knows files."""
    return LockedPackage(upload.filename, "", upload.filename, upload.name, sha256=upload.sha256, size=upload.size)


def _sha256(store: ObjectStore, key: str) -> str | None:
    """Of an object's content; None when there is none."""
    try:
        return sha256_read_back(store, key)
    except MissingObject:
        return None

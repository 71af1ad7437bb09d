"""Packages out of a bucket, checked against the hash that the index gave."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import BinaryIO

import msgspec

from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.hashing import digest_of_stream
from mfenvd.store.object_errors import MissingObject, ObjectStoreProblem
from mfenvd.store.remotes import Remotes
from mfenvd.store.uploads import Uploads

_log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True):
    """Where an object may be: the URL of its store's root, and its key below that."""

    root: str
    key: str


class Receiver:
    """Takes packages from buckets.

    Args:
        uploads: What is known to be there.
        remotes: Where from.
        quarantine: Folder for what was not what it should be.
    """

    def __init__(self, uploads: Uploads, remotes: Remotes, quarantine: Path) -> None:
        self._uploads, self._remotes, self._quarantine = uploads, remotes, quarantine

    def receive(self, package: LockedPackage, place: Place, file: BinaryIO) -> bool:
        """Writes the package's file to `file`, which can be read and is empty; it stays so unless all is well.

        A package whose sha256 is not known is never taken from a bucket.

        Returns:
            Whether it did.
        """
        remote = self._remotes[place.root]
        if package.sha256 is None or not remote.is_available:
            return False
        try:
            remote.store().get_file(place.key, file)
            remote.worked()
        except MissingObject:
            remote.worked()
        except ObjectStoreProblem as problem:
            _log.info("not taken from the bucket: %s", problem)
            remote.failed(problem)
        else:
            if self._is_right(package, place, file):
                return True
        file.seek(0)
        file.truncate()
        return False

    def _is_right(self, package: LockedPackage, place: Place, file: BinaryIO) -> bool:
        file.flush()
        file.seek(0)
        if digest_of_stream(file, "sha256") == package.sha256:
            return True
        _log.warning("%s/%s is not the file that was resolved: it is set aside, and not used", place.root, place.key)
        # So that it is uploaded again once the right one is here.
        self._uploads.forget(place.root, place.key)
        self._quarantine.mkdir(parents=True, exist_ok=True)
        file.seek(0)
        with (self._quarantine / f"{package.sha256}-from-bucket-{package.filename}").open("wb") as aside:
            shutil.copyfileobj(file, aside)
        return False

"""Metaflow's remote datastore put together for the warm room: what is there, and what is queued to go there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from mfenvd.buckets import address_of, bucket_of
from mfenvd.domain.layouts import core_key_of
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Progress
from mfenvd.domain.warming import WarmTask
from mfenvd.environments import PackageFiles
from mfenvd.store.errors import StoreUnwritable
from mfenvd.store.findings import finding_of
from mfenvd.store.uploads import Upload, Uploads, mirror_folder
from mfenvd.warm.plan import Datastore, MicromambaSettings, NotMadeError, Report

_AT_ONCE = 8


def datastore_of(task: WarmTask, settings: MicromambaSettings) -> Datastore | None:
    """The datastore of one of Metaflow's environments; None where mfenv does not mirror to it."""
    bucket = bucket_of(task.context)
    # What a single launch says otherwise (`--datastore-root`) is left to that launch.
    if bucket is None or bucket.url != address_of(task.of_core.package_root):
        return None
    files = PackageFiles(task.context, settings, task.indexes)
    return Mirrored(bucket, files, Uploads(mirror_folder(task.context.cache_dir)), core_key_of)


class Mirrored:
    """What `plan.Datastore` promises, of a bucket.

    Args:
        bucket: Which.
        files: Packages' files.
        uploads: What is there, and what is queued.
        key_of: Where a package is in the bucket.
    """

    def __init__(
        self, bucket: Bucket, files: PackageFiles, uploads: Uploads, key_of: Callable[[LockedPackage], str]
    ) -> None:
        self.bucket = bucket
        self._files = files
        self._uploads = uploads
        self._key_of = key_of

    def confirmed(self, packages: Iterable[LockedPackage]) -> frozenset[str]:
        """URLs of those that the bucket is known to have, with the right content."""
        return frozenset(package.url for package in packages if self._is_mirrored(package))

    def offer(self, packages: Sequence[LockedPackage], report: Report) -> None:
        """Has them uploaded, downloading what is not on this machine.

        Raises:
            NotMadeError: One cannot be had, or the queue cannot be written.
        """
        uploads: list[Upload] = []
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="offer") as pool:
            for upload in pool.map(self._upload, packages):
                uploads.append(upload)
                report(Progress("collecting packages for the datastore", len(uploads), len(packages)))
        self._queue(uploads)

    def _queue(self, uploads: Sequence[Upload]) -> None:
        try:
            self._uploads.add(uploads)
        except StoreUnwritable as problem:
            raise NotMadeError(finding_of(problem)) from problem

    def _is_mirrored(self, package: LockedPackage) -> bool:
        # Of what was built, or has no known hash, the file itself says what it is.
        with contextlib.suppress(NotMadeError):
            if package.sha256 is None or package.built:
                return self._uploads.is_mirrored(self._upload(package))
            return self._uploads.is_mirrored(Upload(self.bucket.url, self._key_of(package), package.sha256, 0))
        return False

    def _upload(self, package: LockedPackage) -> Upload:
        path = self._files.stored(package)
        return Upload(self.bucket.url, self._key_of(package), path.parent.name, path.stat().st_size, path.name)

"""The team's bucket and this machine, brought into step while somebody watches: `mfenv mirror push` and the like."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import msgspec

from mfenvd.buckets import opener
from mfenvd.domain.finding import Finding
from mfenvd.domain.layouts import core_key_of
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.archives import PARALLEL, ArchiveStore, Download, store_folder
from mfenvd.store.bucket_findings import bucket_finding
from mfenvd.store.errors import DownloadError, NotDownloaded
from mfenvd.store.mirror import Mirror
from mfenvd.store.receiving import Place
from mfenvd.store.uploads import Upload

Seen = Callable[[int], None]
"""Is told, in any thread, that one more object is through, and its bytes."""


KeyOf = Callable[[LockedPackage], str]
"""A package's key in a bucket."""


class Amount(msgspec.Struct, frozen=True):
    """So many objects, so many bytes."""

    objects: int = 0
    size: int = 0


class Pushed(msgspec.Struct, frozen=True):
    """What a push did. docs/json.md promises these fields.

    Attributes:
        bucket: URL of its root.
        lost: Keys of objects that the bucket should have had, and had not; they are among those that were sent.
        sent: What it confirmed.
        waiting: What could not be sent, and waits.
        findings: Why.
    """

    bucket: str
    lost: tuple[str, ...]
    sent: Amount
    waiting: Amount
    findings: tuple[Finding, ...] = ()


class Pulled(msgspec.Struct, frozen=True):
    """What a pull did. docs/json.md promises these fields.

    Attributes:
        bucket: URL of its root.
        here: What was on this machine before.
        fetched: What came.
        missing: Files that the bucket does not have, or not as they should be.
        findings: Why it could not be read.
    """

    bucket: str
    here: Amount
    fetched: Amount
    missing: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


class Compared(msgspec.Struct, frozen=True):
    """What comparing both sides found. docs/json.md promises these fields.

    Attributes:
        bucket: URL of its root.
        objects: How many were looked at.
        lost: Keys of objects that were not there, or not themselves.
        mended: Files of this machine that were damaged, and were taken from the bucket.
        sent: What was uploaded again.
        findings: Why something could not be.
    """

    bucket: str
    objects: int
    lost: tuple[str, ...]
    mended: tuple[str, ...]
    sent: Amount
    findings: tuple[Finding, ...] = ()


class TeamBucket:
    """One bucket, opened with the credentials of this process's own variables.

    Args:
        bucket: Which.
        cache_dir: mfenv's cache folder.
        seen: Is told of each object that is through.
        key_of: Where a package is.
    """

    def __init__(
        self, bucket: Bucket, cache_dir: str, seen: Seen = lambda _: None, key_of: KeyOf = core_key_of
    ) -> None:
        self._url = bucket.url
        self._seen, self._key_of = seen, key_of
        self._archives = ArchiveStore(store_folder(cache_dir))
        self._mirror = Mirror(cache_dir, opener(bucket), self._sent, root=bucket.url, writes=not bucket.read_only)

    @property
    def is_used(self) -> bool:
        """Whether anything waits for it, or was seen there."""
        return bool(self.waiting().objects or self.mirrored().objects)

    def waiting(self) -> Amount:
        """What is queued for it."""
        return _amount(upload.size for upload in self._mirror.uploads.waiting(self._url))

    def mirrored(self) -> Amount:
        """What it is known to have."""
        return _amount(upload.size for upload in self._mirror.uploads.mirrored(self._url))

    def push(self) -> Pushed:
        """Puts back what it lost, and sends what waits.

        Raises:
            ObjectStoreProblem: It cannot be listed.
            StoreProblem: The queue cannot be written.
        """
        lost = self._mirror.reconcile(self._url).lost
        sent, findings = self._sent_all()
        return Pushed(self._url, _keys(lost), sent, self.waiting(), findings)

    def send(self) -> tuple[Finding, ...]:
        """Sends what waits; what was wrong with that.

        Raises:
            StoreProblem: The queue cannot be written.
        """
        return self._sent_all()[1]

    def pull(self, packages: Iterable[LockedPackage]) -> Pulled:
        """Fetches what is known to be there, and of `packages` what is there, as far as it is not on this machine.

        Raises:
            StoreProblem: The store cannot be written.
        """
        wanted = dict(self._known(packages))
        here = {package for package in wanted if self._archives.has(package)}
        fetched, missing = [], []
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="pull") as pool:
            away = [package for package in wanted if package not in here]
            for package, size in zip(away, pool.map(lambda one: self._pulled(one, wanted[one]), away), strict=True):
                if size is None:
                    missing.append(package.filename)
                else:
                    fetched.append(size)
                self._seen(size or 0)
        known = _amount(package.size or 0 for package in here)
        return Pulled(self._url, known, _amount(fetched), tuple(sorted(missing)), self._findings())

    def verify(self) -> Compared:
        """Compares both sides by hash and mends whichever is wrong.

        Raises:
            ObjectStoreProblem: It cannot be read.
            StoreProblem: The queue or the store cannot be written.
        """
        found = self._mirror.verify(self._url, threading.Event(), lambda upload, _: self._seen(upload.size))
        sent, findings = self._sent_all() if found.lost else (Amount(), ())
        mended = tuple(upload.filename for upload in found.mended)
        return Compared(self._url, found.objects, _keys(found.lost), mended, sent, findings)

    def close(self) -> None:
        self._mirror.close()

    def _sent(self, upload: Upload) -> None:
        self._seen(upload.size)

    def _sent_all(self) -> tuple[Amount, tuple[Finding, ...]]:
        sent = self._mirror.send()
        findings = tuple(bucket_finding(root, problem) for root, problem in sent.problems.items())
        return Amount(sent.objects, sent.size), findings

    def _findings(self) -> tuple[Finding, ...]:
        problem = self._mirror.remotes[self._url].problem
        return (bucket_finding(self._url, problem),) if problem else ()

    def _known(self, packages: Iterable[LockedPackage]) -> Iterator[tuple[LockedPackage, str]]:
        """Packages with their keys."""
        for upload in self._mirror.uploads.mirrored(self._url):
            if upload.filename:
                name = upload.filename
                yield LockedPackage(name, "", name, "", sha256=upload.sha256, size=upload.size), upload.key
        for package in packages:
            if package.sha256 is not None and not package.built:
                yield _file_of(package), self._key_of(package)

    def _pulled(self, package: LockedPackage, key: str) -> int | None:
        """Bytes of what came; None where nothing did."""
        try:
            return self._archives.fetch(package, self._from(key)).stat().st_size
        except NotDownloaded:
            return None

    def _from(self, key: str) -> Download:
        def download(package: LockedPackage, file: BinaryIO) -> str | None:
            if not self._mirror.receiver.receive(package, Place(self._url, key), file):
                raise DownloadError(f"{self._url} does not give it")
            return package.sha256

        return download


def _file_of(package: LockedPackage) -> LockedPackage:
    """Only what its file is: the same file of several environments is one."""
    return LockedPackage(package.filename, "", package.filename, "", sha256=package.sha256, size=package.size)


def _amount(sizes: Iterable[int]) -> Amount:
    found = list(sizes)
    return Amount(len(found), sum(found))


def _keys(uploads: Iterable[Upload]) -> tuple[str, ...]:
    return tuple(sorted(upload.key for upload in uploads))

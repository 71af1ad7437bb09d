"""Uploads that wait, brought to their buckets."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import Enum
from pathlib import Path

import msgspec

from mfenvd.store.archives import ArchiveStore
from mfenvd.store.confirming import Stored, listed
from mfenvd.store.object_errors import AlreadyThere, MissingObject, ObjectStoreProblem, ReadOnly, WrongObject
from mfenvd.store.objects import ObjectStore
from mfenvd.store.remotes import Remote, Remotes
from mfenvd.store.uploads import Upload, Uploads

_log = logging.getLogger(__name__)

PARALLEL = 8
"""Uploads at once."""

# So many objects, or what was stored in so many seconds, are confirmed together; fewer than some are asked about each.
_TOGETHER = 1000
_TOGETHER_SECONDS = 5.0
_FEW = 10

Watch = Callable[[Upload], None]
"""Is told of each upload that its bucket confirmed."""


class Sent(msgspec.Struct, frozen=True):
    """What came of a round of uploads.

    Attributes:
        objects: Confirmed by their buckets.
        size: Their bytes.
        problems: The last one of each root that had any.
    """

    objects: int = 0
    size: int = 0
    problems: dict[str, ObjectStoreProblem] = {}


class _Came(Enum):
    """What became of an upload that met no problem."""

    SENT = 1
    LEFT = 2


_Result = _Came | Stored | ObjectStoreProblem


class _FileGone(Exception):  # noqa: N818 - it is caught here
    """The archive store has no such file any more."""


class Sender:
    """Sends what waits, several at once.

    Args:
        uploads: The queue.
        archives: Where the files are.
        remotes: Where they go.
        watch: Called in any thread.
        root: Only what goes there is sent; None for all.
    """

    def __init__(
        self,
        uploads: Uploads,
        archives: ArchiveStore,
        remotes: Remotes,
        watch: Watch | None = None,
        *,
        root: str | None = None,
    ) -> None:
        self._uploads, self._archives, self._remotes = uploads, archives, remotes
        self._root = root
        self._watch = watch or (lambda _: None)
        # Names of what a bucket that may only be read was seen not to have.
        self._absent: set[str] = set()

    def send(self, stop: threading.Event) -> Sent:
        """Sends all that waits and whose bucket is not left alone just now.

        What fails stays in the queue. So does what `stop` comes before, and what a bucket that may only be read does
        not have; what it has is confirmed. Where nothing is ever to be sent, what is not there is given up.

        Raises:
            StoreUnwritable: The queue cannot be written.
        """
        if all(remote.is_writable for remote in self._remotes.all()):
            self._absent.clear()
        objects, size = 0, 0
        problems: dict[str, ObjectStoreProblem] = {}
        for upload, came in self._results(stop):
            if came is _Came.SENT:
                objects, size = objects + 1, size + upload.size
            elif isinstance(came, ObjectStoreProblem):
                problems[upload.root] = came
        return Sent(objects, size, problems)

    def _results(self, stop: threading.Event) -> Iterator[tuple[Upload, _Result]]:
        """Each upload that was tried, with what became of it in the end."""
        stored: dict[str, list[Stored]] = defaultdict(list)
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="send") as pool:
            began = time.monotonic()
            for upload, came in self._put_all(pool, stop):
                if not isinstance(came, Stored):
                    yield upload, came
                    continue
                stored[upload.root].append(came)
                if len(stored[upload.root]) >= _TOGETHER or time.monotonic() - began >= _TOGETHER_SECONDS:
                    yield from self._confirmed(stored.pop(upload.root), pool)
                    began = time.monotonic()
            for batch in stored.values():
                yield from self._confirmed(batch, pool)

    def _put_all(self, pool: ThreadPoolExecutor, stop: threading.Event) -> Iterator[tuple[Upload, _Result]]:
        """Each upload that was tried, with what became of it so far."""
        running: dict[Future[_Result], Upload] = {}
        for upload in self._uploads.waiting(self._root):
            if stop.is_set():
                break
            if not self._is_due(upload):
                continue
            running[pool.submit(self._tried, upload, stop)] = upload
            # No more than is needed to keep all threads busy: what waits stays on disk.
            if len(running) >= 2 * PARALLEL:
                yield from _finished(running)
        while running:
            yield from _finished(running)

    def _is_due(self, upload: Upload) -> bool:
        remote = self._remotes[upload.root]
        return remote.is_writable or (remote.is_available and upload.name not in self._absent)

    def _tried(self, upload: Upload, stop: threading.Event) -> _Result:
        remote = self._remotes[upload.root]
        if stop.is_set() or not self._is_due(upload):
            return _Came.LEFT
        try:
            came = self._sent(upload, remote)
        except ObjectStoreProblem as problem:
            _log.info("not uploaded: %s", problem)
            remote.failed(problem)
            return problem
        except _FileGone:
            _log.warning("%s is gone and cannot be uploaded to %s", upload.filename, upload.root)
            self._uploads.given_up(upload)
            return _Came.LEFT
        if came is _Came.SENT:
            self._record([upload])
        elif came is _Came.LEFT:
            self._absent.add(upload.name)
            if not remote.writes:
                self._uploads.given_up(upload)
            return remote.read_only or came
        return came

    def _sent(self, upload: Upload, remote: Remote) -> _Came | Stored:
        """Whether the bucket has it now, or is still to confirm it; LEFT only where nothing may be written."""
        store, path = remote.store(), self._path(upload)
        try:
            if remote.is_writable:
                etag = _put(upload, path, store)
                remote.worked(written=True)
                return _Came.SENT if etag is None else Stored(upload, etag)
        except ReadOnly as refusal:
            _log.info("not uploaded: %s", refusal)
            remote.failed(refusal)
        is_there = _is_there(upload, path, store)
        remote.worked()
        return _Came.SENT if is_there else _Came.LEFT

    def _confirmed(self, batch: Sequence[Stored], pool: ThreadPoolExecutor) -> Iterator[tuple[Upload, _Result]]:
        """What became of uploads of one bucket that has stored them."""
        shown = self._listed(batch)
        sure = [each.upload for each in batch if each.upload.key in shown]
        self._record(sure)
        yield from ((upload, _Came.SENT) for upload in sure)
        others = [each.upload for each in batch if each.upload.key not in shown]
        yield from zip(others, pool.map(self._asked_about, others), strict=True)

    def _listed(self, batch: Sequence[Stored]) -> frozenset[str]:
        """Keys of those that one look into their bucket confirms."""
        if len(batch) < _FEW:
            return frozenset()
        try:
            return listed(self._remotes[batch[0].upload.root].store(), batch)
        except ObjectStoreProblem as problem:  # not everybody who may write may list
            _log.info("not listed: %s", problem)
            return frozenset()

    def _asked_about(self, upload: Upload) -> _Result:
        """What became of an upload that its bucket has stored."""
        remote = self._remotes[upload.root]
        if not remote.is_available:
            return _Came.LEFT
        try:
            path = self._path(upload)
            if path is None or not remote.store().confirm(upload.key, path, upload.sha256):
                raise WrongObject(upload.name, upload.sha256)
        except ObjectStoreProblem as problem:
            _log.info("not confirmed: %s", problem)
            remote.failed(problem)
            return problem
        except (_FileGone, FileNotFoundError):
            return _Came.LEFT  # it is found out in the next round
        self._record([upload])
        return _Came.SENT

    def _record(self, uploads: Sequence[Upload]) -> None:
        """Notes what is confirmed."""
        self._uploads.confirmed(uploads)
        for upload in uploads:
            self._watch(upload)

    def _path(self, upload: Upload) -> Path | None:
        """The file of an upload that has one."""
        if not upload.filename:
            return None
        path = self._archives.get(upload.sha256, upload.filename)
        if path is None:
            raise _FileGone
        return path


def _put(upload: Upload, path: Path | None, store: ObjectStore) -> str | None:
    """Leaves an upload in its bucket.

    Returns:
        The etag that it has there, and is still to be seen with; None where the bucket has confirmed it.
    """
    if path is None:
        _send_text(upload, store)
        return None
    try:
        return _put_file(upload, path, store)
    except FileNotFoundError as error:
        raise _FileGone from error


def _is_there(upload: Upload, path: Path | None, store: ObjectStore) -> bool:
    """Whether the bucket has just this, without writing anything."""
    if path is not None:
        return store.confirm(upload.key, path, upload.sha256)
    try:
        content, _ = store.get_bytes(upload.key)
    except MissingObject:
        return False
    return not upload.replace or content == upload.text.encode()


def _put_file(upload: Upload, path: Path, store: ObjectStore) -> str | None:
    """As `_put`. What is there under the same key with another content is replaced: the index's hash decides."""
    try:
        etag = store.put_file(upload.key, path, upload.sha256, replace=upload.replace)
    except AlreadyThere:
        if store.confirm(upload.key, path, upload.sha256):
            return None
        _log.warning("%s holds another content, which is replaced", upload.name)
        etag = store.put_file(upload.key, path, upload.sha256, replace=True)
    if etag is None and not store.confirm(upload.key, path, upload.sha256):
        raise WrongObject(upload.name, upload.sha256)
    return etag


def _send_text(upload: Upload, store: ObjectStore) -> None:
    """Leaves a small object in the bucket; where one is that never changes, that one counts."""
    content = upload.text.encode()
    try:
        store.put_bytes(upload.key, content, replace=upload.replace)
    except AlreadyThere:
        store.get_bytes(upload.key)
        return
    found, _ = store.get_bytes(upload.key)
    if found != content:
        raise WrongObject(upload.name, upload.sha256)


def _finished(running: dict[Future[_Result], Upload]) -> Iterator[tuple[Upload, _Result]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()

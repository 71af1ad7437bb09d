"""Uploads that wait, brought to their buckets."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import Enum
from pathlib import Path

import msgspec

from mfenvd.store.archives import ArchiveStore
from mfenvd.store.object_errors import AlreadyThere, MissingObject, ObjectStoreProblem, ReadOnly, WrongObject
from mfenvd.store.objects import ObjectStore
from mfenvd.store.remotes import Remote, Remotes
from mfenvd.store.uploads import Upload, Uploads

_log = logging.getLogger(__name__)

PARALLEL = 8
"""Uploads at once."""

Watch = Callable[[Upload], None]
"""Is told of each upload that its bucket confirmed."""


class Sent(msgspec.Struct, frozen=True):
    """What came of a round of uploads.

    Attributes:
        objects: Confirmed by their buckets.
        size: Their bytes.
        gone: Whose file is not in the archive store any more: to be fetched and wanted again.
        problems: The last one of each root that had any.
    """

    objects: int = 0
    size: int = 0
    gone: tuple[Upload, ...] = ()
    problems: dict[str, ObjectStoreProblem] = {}


class _Came(Enum):
    """What became of an upload that met no problem."""

    SENT = 1
    GONE = 2
    LEFT = 3


_Result = _Came | ObjectStoreProblem


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
        gone: list[Upload] = []
        problems: dict[str, ObjectStoreProblem] = {}
        for upload, came in self._results(stop):
            if came is _Came.SENT:
                objects, size = objects + 1, size + upload.size
            elif came is _Came.GONE:
                gone.append(upload)
            elif isinstance(came, ObjectStoreProblem):
                problems[upload.root] = came
        return Sent(objects, size, tuple(gone), problems)

    def _results(self, stop: threading.Event) -> Iterator[tuple[Upload, _Result]]:
        """Each upload that was tried, with what became of it."""
        running: dict[Future[_Result], Upload] = {}
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="send") as pool:
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
            is_there = self._sent(upload, remote)
        except ObjectStoreProblem as problem:
            _log.info("not uploaded: %s", problem)
            remote.failed(problem)
            return problem
        except _FileGone:
            _log.warning("%s is gone and cannot be uploaded to %s", upload.filename, upload.root)
            self._uploads.given_up(upload)
            return _Came.GONE
        if not is_there:
            self._absent.add(upload.name)
            if not remote.writes:
                self._uploads.given_up(upload)
            return remote.read_only or _Came.LEFT
        self._uploads.confirmed(upload)
        self._watch(upload)
        return _Came.SENT

    def _sent(self, upload: Upload, remote: Remote) -> bool:
        """Whether the bucket has it now; not only where nothing may be written."""
        store, path = remote.store(), self._path(upload)
        try:
            if remote.is_writable:
                _put(upload, path, store)
                remote.worked(written=True)
                return True
        except ReadOnly as refusal:
            _log.info("not uploaded: %s", refusal)
            remote.failed(refusal)
        is_there = _is_there(upload, path, store)
        remote.worked()
        return is_there

    def _path(self, upload: Upload) -> Path | None:
        """The file of an upload that has one."""
        if not upload.filename:
            return None
        path = self._archives.get(upload.sha256, upload.filename)
        if path is None:
            raise _FileGone
        return path


def _put(upload: Upload, path: Path | None, store: ObjectStore) -> None:
    if path is None:
        _send_text(upload, store)
        return
    try:
        _put_file(upload, path, store)
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


def _put_file(upload: Upload, path: Path, store: ObjectStore) -> None:
    """Leaves the file in the bucket, and makes sure of it.

    What is there under the same key with another content is replaced: the index's hash says which one is right.
    """
    try:
        store.put_file(upload.key, path, upload.sha256, replace=upload.replace)
    except AlreadyThere:
        if store.confirm(upload.key, path, upload.sha256):
            return
        _log.warning("%s holds another content, which is replaced", upload.name)
        store.put_file(upload.key, path, upload.sha256, replace=True)
    if not store.confirm(upload.key, path, upload.sha256):
        raise WrongObject(upload.name, upload.sha256)


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

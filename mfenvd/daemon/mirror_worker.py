"""A process that sends to one bucket: `python -m mfenvd.daemon.mirror_worker`.

What it is for comes in over stdin, how it goes out over what was stdout. It ends when its stdin does. The clients of
buckets are loaded here, and take the credentials from this process's own variables.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from typing import BinaryIO, NoReturn

from mfenvd.buckets import opener, take_credentials
from mfenvd.daemon.circumstances import LOOK_SECONDS, reason_to_wait
from mfenvd.daemon.frames import CARRY, Carried, Carry, frame, read_frame
from mfenvd.daemon.pipes import take_pipes
from mfenvd.daemon.secrets import hide, scrubbed, secret_values
from mfenvd.daemon.trees import end_own_tree
from mfenvd.domain.mirror import BucketStatus, Health
from mfenvd.domain.redact import redact
from mfenvd.domain.resolution import Outcome
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.bucket_findings import bucket_finding, health_of
from mfenvd.store.eviction import Trimmed, trimmed
from mfenvd.store.mirror import Mirror
from mfenvd.store.object_errors import ObjectStoreProblem
from mfenvd.store.uploads import Upload

TELL_SECONDS = 0.5
_RATE_SECONDS = 5.0
_NICENESS = 5


def main() -> None:
    """Works until stdin ends."""
    orders, replies = take_pipes()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    content = read_frame(orders)
    if content is not None:
        _Carrier(CARRY.decode(content), orders, replies).run()


class _Carrier:
    """Sends what waits for one bucket, and says how it goes."""

    def __init__(self, order: Carry, orders: BinaryIO, replies: BinaryIO) -> None:
        self._bucket, self._orders, self._replies = order.bucket, orders, replies
        self._secrets = secret_values(order.surroundings)
        take_credentials(order.surroundings)
        self._mirror = Mirror(
            order.cache_dir,
            opener(order.bucket),
            self._confirmed,
            root=order.bucket.url,
            writes=not order.bucket.read_only,
        )
        self._more = threading.Event()
        self._stop = threading.Event()
        self._wait_because = ""
        self._lock = threading.Lock()
        self._told = 0.0
        self._sent = 0
        known = [upload.size for upload in self._mirror.uploads.mirrored(self._bucket.url)]
        self._objects, self._bytes = len(known), sum(known)
        # Counted anew for each round, and when more came: a long queue takes a while to be counted.
        self._waiting = self._waiting_bytes = 0
        self._archives = ArchiveStore(store_folder(order.cache_dir))
        self._here = Trimmed()
        self._lately: list[tuple[float, int]] = []
        self._since: float | None = None

    def run(self) -> NoReturn:
        threading.Thread(target=self._receive, daemon=True).start()
        if self._bucket.pause_on_battery or self._bucket.pause_on_metered:
            threading.Thread(target=self._look, daemon=True).start()
        while True:
            self._more.clear()
            self._stop.clear()
            self._wait_because = reason_to_wait(self._bucket)
            self._count()
            if not self._wait_because:
                self._mirror.send(self._stop)
                self._count()
            self._here = trimmed(self._archives.entries())
            self._tell()
            self._more.wait(LOOK_SECONDS if self._wait_because or self._stop.is_set() else self._mirror.pause)

    def _look(self) -> None:
        """Ends a round of uploads once there is a reason to wait."""
        while True:
            time.sleep(LOOK_SECONDS)
            if reason_to_wait(self._bucket):
                self._stop.set()

    def _receive(self) -> None:
        while read_frame(self._orders) is not None:
            self._more.set()
            self._count()
        end_own_tree()

    def _confirmed(self, upload: Upload) -> None:
        """In any of the threads that send."""
        with self._lock:
            now = time.monotonic()
            self._sent += 1
            self._objects += 1
            self._bytes += upload.size
            self._waiting = max(0, self._waiting - 1)
            self._waiting_bytes = max(0, self._waiting_bytes - upload.size)
            self._lately.append((now, upload.size))
            is_due = now - self._told >= TELL_SECONDS
            if is_due:
                self._told = now
        if is_due:
            self._tell()

    def _count(self) -> None:
        """What waits now."""
        waiting = [upload.size for upload in self._mirror.uploads.waiting(self._bucket.url)]
        with self._lock:
            self._waiting, self._waiting_bytes = len(waiting), sum(waiting)

    def _tell(self) -> None:
        """How it goes, to the daemon."""
        remote = self._mirror.remotes[self._bucket.url]
        problem = remote.problem or remote.read_only
        with self._lock:
            self._note(problem)
            status = BucketStatus(
                url=self._bucket.url,
                endpoint=self._bucket.endpoint and redact(self._bucket.endpoint),
                health=Health.OK if problem is None else health_of(problem),
                problem=self._wait_because if problem is None else hide(str(problem), self._secrets),
                since=self._since,
                waiting=self._waiting,
                waiting_bytes=self._waiting_bytes,
                objects=self._objects,
                bytes=self._bytes,
                rate=self._rate(),
                here=self._here.files,
                here_bytes=self._here.size,
            )
            finding = None if problem is None else bucket_finding(self._bucket.url, problem)
            shown = scrubbed(Outcome(findings=(finding,) if finding else ()), self._secrets).findings
            self._send(Carried(status, self._sent, shown[0] if shown else None))

    def _note(self, problem: ObjectStoreProblem | None) -> None:
        """Since when it is so."""
        if problem is None:
            self._since = None
        elif self._since is None:
            self._since = time.time()

    def _rate(self) -> float:
        """Bytes a second."""
        oldest = time.monotonic() - _RATE_SECONDS
        self._lately = [(when, size) for when, size in self._lately if when >= oldest]
        return sum(size for _, size in self._lately) / _RATE_SECONDS

    def _send(self, carried: Carried) -> None:
        try:
            self._replies.write(frame(carried))
            self._replies.flush()
        except BrokenPipeError:
            end_own_tree()


if __name__ == "__main__":
    main()

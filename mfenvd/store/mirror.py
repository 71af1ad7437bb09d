"""The store room's two halves together: this machine's archives, and the buckets that they are mirrored to."""

from __future__ import annotations

import threading

from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.receiving import Receiver
from mfenvd.store.reconciling import Reconciled, Reconciler, Seen
from mfenvd.store.remotes import Open, Remotes
from mfenvd.store.sending import Sender, Sent, Watch
from mfenvd.store.uploads import Uploads, mirror_folder


class Mirror:
    """What a worker process does for the mirror.

    Queueing and asking what is mirrored needs only `Uploads`, which is light and can be opened by any process.

    Args:
        cache_dir: mfenv's cache folder.
        open_store: Opens a bucket by the URL of its root.
        watch: Is told of each upload that its bucket confirmed, in any thread.
        root: Only what goes there is sent; None for all.
        writes: False where nothing is ever to be sent: what the bucket has is confirmed.

    Attributes:
        uploads: The queue and the record.
        remotes: How the buckets fare.
        receiver: Takes packages out of buckets.
    """

    def __init__(
        self,
        cache_dir: str,
        open_store: Open,
        watch: Watch | None = None,
        *,
        root: str | None = None,
        writes: bool = True,
    ) -> None:
        folder = store_folder(cache_dir)
        self._archives = ArchiveStore(folder)
        self.uploads = Uploads(mirror_folder(cache_dir))
        self.remotes = Remotes(open_store, writes=writes)
        self.receiver = Receiver(self.uploads, self.remotes, folder / "quarantine")
        self._sender = Sender(self.uploads, self._archives, self.remotes, watch, root=root)
        self._reconciler = Reconciler(self.uploads, self._archives, self.receiver)

    def send(self, stop: threading.Event | None = None) -> Sent:
        """Sends what waits, until nothing is left that can be sent just now.

        Raises:
            StoreUnwritable: The queue cannot be written.
        """
        return self._sender.send(stop or threading.Event())

    def reconcile(self, root: str) -> Reconciled:
        """Looks whether the bucket still lists what it had, and queues what it lost.

        Raises:
            ObjectStoreProblem: The bucket cannot be listed.
            StoreUnwritable: The queue cannot be written.
        """
        return self._reconciler.reconcile(self.remotes[root].store())

    def verify(self, root: str, stop: threading.Event | None = None, seen: Seen | None = None) -> Reconciled:
        """Compares both sides by hash, and mends: what the bucket lost is queued, what this machine lost is fetched.

        Raises:
            ObjectStoreProblem: The bucket cannot be read.
            StoreProblem: The queue or the archives cannot be written.
        """
        return self._reconciler.verify(self.remotes[root].store(), stop or threading.Event(), seen)

    def close(self) -> None:
        self.remotes.close()
        self.uploads.close()
        self._archives.close()

    @property
    def pause(self) -> float | None:
        """Seconds until a bucket that is left alone is worth trying; None when nothing waits for that."""
        if not len(self.uploads):
            return None
        pauses = [pause for remote in self.remotes.all() if (pause := remote.next_try) is not None]
        return min(pauses, default=None)

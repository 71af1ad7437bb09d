"""What processes do that are killed at it. No server is imported here, so that they start soon."""

from multiprocessing.synchronize import Event
from pathlib import Path
from typing import BinaryIO

from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.receiving import Place
from mfenvd.store.uploads import Uploads, mirror_folder
from tests.store.mirrors import mirror_to


def send(endpoint: str, cache: str, root: str, ready: Event | None = None) -> None:
    """Sends what waits; `ready` is set right before."""
    mirror = mirror_to(endpoint, Path(cache))
    mirror.remotes[root].store().head("nothing")  # connected
    if ready is not None:
        ready.set()
    mirror.send()


def receive(endpoint: str, cache: str, root: str, source: str, ready: Event | None = None) -> None:
    """Fetches into the archive store below `cache` what the mirror below `source` sent; `ready` is set right before."""
    mirror = mirror_to(endpoint, Path(cache))
    mirror.remotes[root].store().head("nothing")  # connected
    sent = list(Uploads(mirror_folder(source)).mirrored(root))
    places = {upload.sha256: Place(root, upload.key) for upload in sent}
    archives = ArchiveStore(store_folder(cache))

    def download(package: LockedPackage, file: BinaryIO) -> None:
        assert mirror.receiver.receive(package, places[package.sha256 or ""], file), package

    if ready is not None:
        ready.set()
    for each in sent:
        archives.fetch(LockedPackage(each.filename, "1", each.filename, "", sha256=each.sha256), download)

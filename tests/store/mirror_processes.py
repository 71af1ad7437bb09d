"""What processes do that are killed at it. No server is imported here, so that they start soon."""

from multiprocessing.synchronize import Event
from pathlib import Path

from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.receiving import Place
from tests.store.mirrors import mirror_to


def send(endpoint: str, cache: str, root: str, ready: Event | None = None) -> None:
    """Sends what waits; `ready` is set right before."""
    mirror = mirror_to(endpoint, Path(cache))
    mirror.remotes[root].store().head("nothing")  # connected
    if ready is not None:
        ready.set()
    mirror.send()


def receive(endpoint: str, cache: str, root: str, ready: Event | None = None) -> None:
    """Fetches everything that is below `root` into the archive store; `ready` is set right before."""
    mirror = mirror_to(endpoint, Path(cache))
    store = mirror.remotes[root].store()
    places: dict[str | None, Place] = {}
    packages = []
    for info in map(store.head, [listed.key for listed in store.list()]):
        assert info is not None
        name = info.key.rpartition("/")[2]
        places[info.sha256] = Place(root, info.key)
        packages.append(LockedPackage(name, "1", name, "", sha256=info.sha256))

    def missing(package: LockedPackage, _: object) -> None:
        raise AssertionError(package)

    if ready is not None:
        ready.set()
    download = mirror.receiver.before(missing, lambda package: [places[package.sha256]])
    ArchiveStore(store_folder(cache)).fetch_all(packages, download)

"""Mirrors of a few small packages."""

import hashlib
from pathlib import Path
from typing import BinaryIO

from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.mirror import Mirror
from mfenvd.store.opening import Access, open_store
from mfenvd.store.sending import Watch
from mfenvd.store.uploads import Upload


def mirror_to(endpoint: str, cache: Path, watch: Watch | None = None, *, writes: bool = True) -> Mirror:
    """A mirror whose buckets are at `endpoint`."""
    return Mirror(str(cache), lambda url: open_store(url, Access(endpoint=endpoint)), watch, writes=writes)


def package_of(name: str, content: bytes | None = None) -> LockedPackage:
    """A package whose file is `content`, by default its name."""
    sha256 = hashlib.sha256(name.encode() if content is None else content).hexdigest()
    return LockedPackage(name, "1", f"{name}.whl", f"https://files.example/{name}.whl", sha256=sha256)


def stored(cache: Path, name: str, content: bytes | None = None) -> LockedPackage:
    """A package whose file is in the archive store."""

    def download(_: LockedPackage, file: BinaryIO) -> None:
        file.write(name.encode() if content is None else content)

    wanted = package_of(name, content)
    ArchiveStore(store_folder(str(cache))).fetch(wanted, download)
    return wanted


def upload_of(package: LockedPackage, root: str, size: int | None = None) -> Upload:
    """Its upload to core's layout; `size` where its content is not its name."""
    assert package.sha256 is not None
    size = len(package.name) if size is None else size
    return Upload(root, f"files.example/{package.filename}", package.sha256, size, package.filename)

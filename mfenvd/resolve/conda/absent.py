"""Lets py-rattler remember that a channel has nothing for a subdir.

Most channels lack some subdirs. py-rattler takes these as empty when a server says so, but does not write it down, and
without going to the network it then knows of no list at all. An empty list beside the others says the same; a server
that has one by now replaces it when it is asked again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from mfenvd.atomic_write import write_atomically


def has_list(folder: Path, channel: str, subdir: str) -> bool:
    """Whether py-rattler has a whole list (not one in shards) in `folder`, its cache."""
    return _file(folder, channel, subdir).exists()


def write_empty_list(folder: Path, channel: str, subdir: str) -> None:
    """Puts an empty list into `folder`, in the layout that conda's tools share.

    Raises:
        OSError: `folder` cannot be written.
    """
    file = _file(folder, channel, subdir)
    content = msgspec.json.encode({"info": {"subdir": subdir}, "packages": {}, "packages.conda": {}})
    write_atomically(file, content)
    state = {
        "url": f"{channel}/{subdir}/repodata.json",
        "mtime_ns": file.stat().st_mtime_ns,
        "size": len(content),
        "blake2_hash": hashlib.blake2b(content, digest_size=32).hexdigest(),
    }
    write_atomically(file.with_suffix(".info.json"), msgspec.json.encode(state))


def _file(folder: Path, channel: str, subdir: str) -> Path:
    name = hashlib.md5(f"{channel}/{subdir}".encode(), usedforsecurity=False).hexdigest()[:8]
    return folder / f"{name}.json"

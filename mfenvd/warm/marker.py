"""The file in an environment that says that it is mfenv's, whole, and of what."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

import msgspec

from mfenvd.atomic_write import write_atomically
from mfenvd.warm.plan import LocalEnvironment

GRACE = 14 * 24 * 3600.0
"""Seconds for which what mfenv made stays that nobody asks for: a branch is taken up again after some days."""

_NAME = ".mfenv.json"


class Marker(msgspec.Struct, frozen=True):
    """Written last, when everything else is there.

    Attributes:
        id: Metaflow's.
        platform: As in the environment's path.
        content: `content_key` of what was laid out; empty for an environment that Metaflow made.
        made: Seconds since the epoch.
        registry: The `environments.txt` that it is registered in; empty where it is found without one.
        adopted: Metaflow made it, and mfenv looks after it.
        compiled: Whether its modules have their bytecode.
    """

    id: str
    platform: str
    content: str
    made: float
    registry: str = ""
    adopted: bool = False
    compiled: bool = False


def content_key(wanted: LocalEnvironment) -> str:
    """Equal for environments with the same packages installed from the same files."""
    installed = wanted.wheels.packages if wanted.wheels is not None and wanted.installs_wheels else ()
    files = sorted(
        (package.filename, package.sha256 or package.url) for package in (*wanted.conda.packages, *installed)
    )
    return hashlib.sha256(msgspec.json.encode(files)).hexdigest()


def read_marker(prefix: Path) -> Marker | None:
    """None where there is none: the environment is not ours, or not whole."""
    try:
        return msgspec.json.decode((prefix / _NAME).read_bytes(), type=Marker)
    except (OSError, msgspec.DecodeError):
        return None


def holds(prefix: Path, wanted: LocalEnvironment) -> bool:
    """Whether it is ours, whole, and of the packages of `wanted`."""
    marker = read_marker(prefix)
    return marker is not None and marker.content == content_key(wanted)


def mark_made(prefix: Path, wanted: LocalEnvironment, registry: str = "") -> None:
    """Says that `wanted` was made there just now, and is whole.

    Raises:
        OSError: The environment cannot be written.
    """
    write_marker(prefix, Marker(wanted.id, wanted.platform, content_key(wanted), time.time(), registry))


def write_marker(prefix: Path, marker: Marker) -> None:
    """Puts it in place, whole.

    Raises:
        OSError: The environment cannot be written.
    """
    write_atomically(prefix / _NAME, msgspec.json.encode(marker), sync=True)


def mark_compiled(prefix: Path) -> None:
    """Notes that the environment has its bytecode; when it was last wanted stays as it is."""
    marker = read_marker(prefix)
    if marker is None:
        return
    with contextlib.suppress(OSError):  # it would be compiled again, which finds everything done
        wanted = (prefix / _NAME).stat()
        write_marker(prefix, msgspec.structs.replace(marker, compiled=True))
        os.utime(prefix / _NAME, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))


def stamp(prefix: Path) -> None:
    """Notes that the environment was wanted now."""
    with contextlib.suppress(OSError):  # a lost stamp costs nothing but an earlier removal
        os.utime(prefix / _NAME)


def last_wanted(prefix: Path) -> float:
    """When it was last wanted, or used: seconds since the epoch.

    Starting its Python follows the link `bin/python`, whose access time the system notes once a day at least
    (`relatime`); where it does not, only wanting counts.
    """
    times = [0.0]
    with contextlib.suppress(OSError):
        times.append((prefix / _NAME).stat().st_mtime)
    with contextlib.suppress(OSError):
        times.append((prefix / "bin" / "python").lstat().st_atime)
    return min(max(times), time.time())

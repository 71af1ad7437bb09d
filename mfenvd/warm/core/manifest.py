"""Metaflow's `conda.manifest`, shared with Metaflow itself, which locks when it writes and not when it reads.

Written in place under Metaflow's own lock: a file put in its place by renaming would lose what a Metaflow writes that
waits for the lock of the old one. What is written is whole JSON at every moment but those within one system call.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mfenvd.warm.core.entries import Entry, same_packages

try:
    import fcntl
except ImportError:  # pragma: no cover - Metaflow's environments need it too: there is no Metaflow on plain Windows
    fcntl = None  # type: ignore[assignment]

_NAME = "conda.manifest"
_LOCK_SECONDS = 10.0
_Manifest = dict[str, Any]


class ManifestError(Exception):
    """The manifest cannot be used; `reason` says why, `readable` whether only writing failed."""

    def __init__(self, path: Path, reason: str, *, readable: bool) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.readable = readable


class Wanted(msgspec.Struct, frozen=True):
    """One entry: where it goes and what it is to hold."""

    id: str
    platform: str
    kind: str
    lines: Entry


class Written(msgspec.Struct, frozen=True):
    """What came of writing.

    Attributes:
        changed: Whether the file is another one now.
        kept: The entries that were there and hold other packages.
    """

    changed: bool
    kept: tuple[Wanted, ...] = ()


def manifest_path(local_root: str, flow: str) -> Path:
    """Where Metaflow keeps a flow's manifest."""
    return Path(local_root, flow, _NAME)


def read(path: Path) -> _Manifest:
    """The whole manifest; empty where there is none.

    Raises:
        ManifestError: It cannot be read, or is not what Metaflow writes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ManifestError(path, error.strerror or str(error), readable=False) from error
    try:
        _lock(descriptor, path, exclusive=False)
        return _decoded(_content(descriptor), path)
    finally:
        os.close(descriptor)


def find(manifest: Mapping[str, Any], id_: str, platform: str, kind: str) -> Entry | None:
    """An entry; None where there is none, or one that Metaflow takes for none (an empty list)."""
    found = manifest.get(id_, {}).get(platform, {}).get(kind)
    return found or None


def write(path: Path, wanted: tuple[Wanted, ...], *, replace: bool = False) -> Written:
    """Puts entries into the manifest. Entries that are there stay, those that are not wanted always.

    Args:
        path: Of the manifest; folders above it are made.
        wanted: The entries.
        replace: Put them in the place of those that are there.

    Raises:
        ManifestError: It cannot be written, or is not what Metaflow writes.
    """
    with _opened(path) as descriptor:
        before = _content(descriptor)
        manifest = _decoded(before, path)
        kept = tuple(_put(manifest, wanted, replace=replace))
        after = json.dumps(manifest).encode()
        if manifest == _decoded(before, path):
            return Written(changed=False, kept=kept)
        try:
            _overwrite(descriptor, after, len(before))
        except OSError as error:
            raise ManifestError(path, error.strerror or str(error), readable=True) from error
    return Written(changed=True, kept=kept)


def _put(manifest: _Manifest, wanted: tuple[Wanted, ...], *, replace: bool) -> Iterator[Wanted]:
    """Puts in what is missing; yields what is there and holds other packages."""
    for one in wanted:
        there = find(manifest, one.id, one.platform, one.kind)
        if there is None or (replace and not same_packages(there, one.lines)):
            manifest.setdefault(one.id, {}).setdefault(one.platform, {})[one.kind] = one.lines
        elif not same_packages(there, one.lines):
            yield Wanted(one.id, one.platform, one.kind, there)
        else:
            _add_paths(there, one.lines)


def _add_paths(there: Entry, lines: Entry) -> None:
    """Says of packages that are there where they are kept, once that is known; never takes it back."""
    paths = {line["url"]: line["path"] for line in lines if "path" in line}
    for line in there:
        if line.get("url") in paths and "path" not in line:
            line["path"] = paths[line["url"]]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file, made if need be, locked against every other writer."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(descriptor, path, exclusive=True)
                if _is_still(path, descriptor):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)
    except OSError as error:
        raise ManifestError(path, error.strerror or str(error), readable=True) from error


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the file that was opened is the one that has this name: it may have been deleted meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int, path: Path, *, exclusive: bool) -> None:
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise ManifestError(path, f"it is locked for {_LOCK_SECONDS:.0f} seconds", readable=True) from None
            time.sleep(0.002)
        else:
            return


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _overwrite(descriptor: int, content: bytes, length_before: int) -> None:
    """One write, with blanks over the rest of what was there: cutting it off then changes nothing to a reader."""
    padded = content.ljust(length_before)
    written = 0
    while written < len(padded):
        written += os.pwrite(descriptor, padded[written:], written)
    os.ftruncate(descriptor, len(content))


def _decoded(content: bytes, path: Path) -> _Manifest:
    if not content.strip():
        return {}
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise ManifestError(path, str(error), readable=False) from error
    if not _is_manifest(manifest):
        raise ManifestError(path, "it has another form than Metaflow gives it", readable=False)
    return dict(manifest)


def _is_manifest(value: Any) -> bool:
    """Whether it is ids, platforms and kinds, each with a list of packages."""
    return isinstance(value, dict) and all(
        isinstance(platforms, dict)
        and all(
            isinstance(kinds, dict)
            and all(
                isinstance(lines, list) and all(isinstance(line, dict) for line in lines) for lines in kinds.values()
            )
            for kinds in platforms.values()
        )
        for platforms in value.values()
    )

"""What mfenv keeps on this machine to save time: how much it is, whether it is sound, and making it smaller."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from mfenvd.domain.resolver import Context
from mfenvd.domain.settings import CacheSettings
from mfenvd.flows.settings import load_settings
from mfenvd.hydrating import forget_hydrated, hydrated_folder
from mfenvd.paths import find_paths
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.eviction import IN_USE, Entry, Trimmed, trimmed
from mfenvd.store.uploads import Uploads, mirror_folder
from mfenvd.warm.building import extracted_folder
from mfenvd.warm.census import census
from mfenvd.warm.checks import linked_packages
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.extracted import trim_extracted
from mfenvd.warm.netflixext import environments as netflixext

YOUNG = 14 * 24 * 3600.0
"""Seconds for which an extracted package stays that no environment is linked from."""

_COUNTED_FIRST = {"uv": 0, "conda": 1}
"""Folders of unpacked packages, whose files the others share."""


class Part(msgspec.Struct, frozen=True):
    """One folder of the cache: its name, its path, and its bytes on disk."""

    name: str
    path: str
    size: int


class Usage(msgspec.Struct, frozen=True):
    """How much of the packages' files there is, and what for. docs/json.md promises these fields.

    Attributes:
        limits: What the configuration allows.
        stored: All of them.
        linked: Those that environments refer to, which stay.
        waiting: Those that wait for their upload, which stay.
        in_use: Those that were asked for lately, which stay for now.
        quarantined: Damaged ones, set aside.
        parts: The folders of the cache, the largest first.
    """

    limits: CacheSettings
    stored: Trimmed
    linked: Trimmed
    waiting: Trimmed
    in_use: Trimmed
    quarantined: Trimmed
    parts: tuple[Part, ...]


class Shrunk(msgspec.Struct, frozen=True):
    """What was removed, or would be.

    Attributes:
        dry_run: Whether nothing was removed.
        files: Wheels and conda archives.
        extracted: Conda packages that no environment is linked from, as `name-version-build`.
        hydrated: Environments that `mfenv hydrate` made; their prefixes.
    """

    dry_run: bool
    files: Trimmed
    extracted: tuple[str, ...] = ()
    hydrated: tuple[str, ...] = ()


class Verified(msgspec.Struct, frozen=True):
    """What reading everything found: so many files, so many bytes, and the damaged ones, which are set aside."""

    files: Trimmed
    damaged: tuple[str, ...]


class PackageCache:
    """The cache of this machine's user.

    Args:
        context: Where it is.
        environments: What needs its files.
    """

    def __init__(self, context: Context, environments: LocalEnvironments) -> None:
        self._folder = Path(context.cache_dir)
        self._environments = environments
        self._store = ArchiveStore(store_folder(context.cache_dir))
        self.limits = load_settings(Path(context.root), find_paths())[0].cache

    def usage(self) -> Usage:
        """How much there is of what."""
        stored = list(self._store.entries())
        linked, waiting, lately = set(self._linked()), self._waiting(), time.time() - IN_USE
        parts = _parts(path for path in self._folder.glob("*") if path.is_dir())
        return Usage(
            limits=self.limits,
            stored=trimmed(stored),
            linked=trimmed(entry for entry in stored if entry.sha256 in linked),
            waiting=trimmed(entry for entry in stored if entry.sha256 in waiting),
            in_use=trimmed(entry for entry in stored if entry.used > lately),
            quarantined=_files_of(self._store.quarantine),
            parts=tuple(sorted(parts, key=lambda part: (-part.size, part.name))),
        )

    def shrink(self, limits: CacheSettings, young: float = YOUNG, *, dry_run: bool = False) -> Shrunk:
        """Removes files that exceed `limits`, extracted packages linked nowhere, and unused hydrated environments.

        What an environment refers to stays, what waits for its upload, and what was asked for lately.

        Args:
            limits: For files.
            young: Seconds for which everything else stays.
            dry_run: Whether nothing is removed; only files are looked at then.
        """
        keep = {*self._linked(), *self._waiting()}
        files = self._store.trim(limits.max_size, keep, limits.max_age, dry_run=dry_run)
        if dry_run:
            return Shrunk(dry_run, files)
        # What is being linked at this moment was extracted lately.
        oldest = time.time() - max(young, IN_USE)
        extracted = trim_extracted(extracted_folder(self._folder), self._extracted(), oldest)
        return Shrunk(dry_run, files, extracted, forget_hydrated(hydrated_folder(str(self._folder)), oldest))

    def verify(self, seen: Callable[[Entry, bool], None]) -> Verified:
        """Reads every file; those that are damaged are set aside, and fetched again when they are wanted.

        Args:
            seen: Is told of each one, and whether it is right.
        """
        found: list[Entry] = []

        def noted(entry: Entry, right: bool) -> None:
            found.append(entry)
            seen(entry, right)

        damaged = self._store.verify(noted)
        return Verified(trimmed(found), tuple(sorted(path.name for path in damaged)))

    def _extracted(self) -> frozenset[str]:
        """Conda packages of all environments, those included that nobody may find."""
        ours = (*self._environments.own(), *netflixext.made_here(self._folder))
        prefixes = {*ours, *self._environments.registry.prefixes()}
        return frozenset().union(*map(linked_packages, prefixes))

    def _waiting(self) -> frozenset[str]:
        """sha256 of the stored files that are still to be uploaded."""
        uploads = Uploads(mirror_folder(str(self._folder)))
        try:
            return uploads.needed()
        finally:
            uploads.close()

    def _linked(self) -> Iterator[str]:
        """sha256 of the stored files that environments refer to."""
        for found in census(self._environments.registry):
            for link in Path(found.prefix).glob(".pip/wheels/*"):
                if link.is_symlink():
                    yield link.readlink().parent.name


def _parts(folders: Iterable[Path]) -> list[Part]:
    """Each with its bytes on disk; a file with several names counts once, where others link it from."""
    seen: set[tuple[int, int]] = set()
    ordered = sorted(folders, key=lambda folder: _COUNTED_FIRST.get(folder.name, len(_COUNTED_FIRST)))
    return [Part(folder.name, str(folder), _size(folder, seen)) for folder in ordered]


def _size(folder: Path, seen: set[tuple[int, int]]) -> int:
    """Bytes on disk of the files that are not in `seen`, which they are added to."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                stat = os.lstat(os.path.join(parent, name))  # noqa: PTH118 - a hundred thousand files
            except FileNotFoundError:
                continue
            if (stat.st_dev, stat.st_ino) not in seen:
                seen.add((stat.st_dev, stat.st_ino))
                size += stat.st_size
    return size


def _files_of(folder: Path) -> Trimmed:
    sizes = [path.stat().st_size for path in folder.glob("*") if path.is_file()]
    return Trimmed(len(sizes), sum(sizes))

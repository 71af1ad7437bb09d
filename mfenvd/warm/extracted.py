"""rattler's folder of extracted conda packages, kept from growing for ever."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from mfenvd.warm.trash import discard, empty_trash, new_trash


def scratch(folder: Path) -> Path:
    """A new folder to link things into that nobody needs: `trim_extracted` removes it.

    Removing thousands of links takes as long as making them, and that is not the moment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return new_trash(folder)


def trim_extracted(folder: Path, linked: Collection[str], oldest: float) -> tuple[str, ...]:
    """Removes packages that no environment was linked from and that were not extracted lately; returns their names.

    What is needed again is extracted again from its archive.

    Args:
        folder: rattler's package cache.
        linked: Packages of all environments, as `name-version-build`.
        oldest: Seconds since the epoch: what was extracted later stays, an environment may be in the making.
    """
    if not folder.is_dir():
        return ()
    empty_trash(folder)
    removed = []
    for package in sorted(_older(folder, oldest)):
        if package.name in linked:
            continue
        with contextlib.suppress(OSError):  # another process was faster, or holds it
            discard(package, folder)
            removed.append(package.name)
    return tuple(removed)


def _older(folder: Path, oldest: float) -> Iterator[Path]:
    """Packages that were extracted before `oldest`."""
    for lock in folder.glob("*.lock"):
        package = folder / lock.name.removesuffix(".lock")
        if package.is_dir() and lock.stat().st_mtime < oldest:
            yield package

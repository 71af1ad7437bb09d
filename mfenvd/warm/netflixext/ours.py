"""Which entries of the extension's manifests are mfenv's own, so that they do not gather there for ever.

Every change of a flow's packages is another request, with another entry; every resolve of the same one may give another
environment. What is noted here was put there by mfenv, and is taken out again once nobody has wanted it for a while.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from mfenvd.atomic_write import write_atomically
from mfenvd.warm.marker import GRACE
from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.manifest import EnvId, Wanted, Written

EDITED_GRACE = 3 * 24 * 3600.0
"""Seconds for which an entry stays that a flow asked for: most are of a state that was saved while it was edited."""


class Note(msgspec.Struct, frozen=True):
    """An entry that mfenv made; the note's file is touched whenever somebody wants it.

    Attributes:
        manifest: Absolute path.
        id: Which entry.
        resolved_on: As the entry says.
        grace: Seconds for which it stays unwanted.
        envs_dir: Where the extension makes environments of it, as far as that is known.
    """

    manifest: str
    id: EnvId
    resolved_on: str
    grace: float = EDITED_GRACE
    envs_dir: str | None = None


def write(  # noqa: PLR0913 - all that is noted
    cache_dir: Path,
    path: Path,
    wanted: Collection[Wanted],
    *,
    replace: bool = False,
    grace: float = GRACE,
    envs_dir: str | None = None,
) -> Written:
    """As `manifest.write`; what was not there is mfenv's own from now on, and what was is wanted again.

    Args:
        cache_dir: mfenv's cache folder.
        path: Of the manifest.
        wanted: The environments.
        replace: Steps get them even where they got other ones before.
        grace: Seconds for which those that are new stay unwanted.
        envs_dir: Where the extension makes environments of them.

    Raises:
        ManifestError: It cannot be written, or is not what the extension writes.
        OSError: The cache folder cannot be written.
    """

    def putting(one: Wanted, is_new: bool) -> None:
        if is_new:
            _put(cache_dir, Note(str(path), one.id, str(one.entry.get("resolved_on")), grace, envs_dir))
        else:
            wanted_again(cache_dir, path, one.id)

    return manifest.write(path, wanted, replace=replace, putting=putting)


def wanted_again(cache_dir: Path, path: Path, id_: EnvId) -> None:
    """Notes that somebody wants an environment, if it is mfenv's own."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(_file(cache_dir, path, id_))


def notes(cache_dir: Path) -> Iterator[Note]:
    """All that is noted.

    Raises:
        OSError: The cache folder cannot be read.
    """
    for file in sorted(_folder(cache_dir).glob("*.json")):
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            yield msgspec.json.decode(file.read_bytes(), type=Note)


def last_wanted(cache_dir: Path, note: Note) -> float | None:
    """Seconds since the epoch; None where the note is gone."""
    try:
        return _file(cache_dir, Path(note.manifest), note.id).stat().st_mtime
    except FileNotFoundError:
        return None


def forget(cache_dir: Path, path: Path, id_: EnvId) -> None:
    """Notes that an entry is not mfenv's own, or not there, any more."""
    _file(cache_dir, path, id_).unlink(missing_ok=True)


def _put(cache_dir: Path, note: Note) -> None:
    file = _file(cache_dir, Path(note.manifest), note.id)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, msgspec.json.encode(note))


def _folder(cache_dir: Path) -> Path:
    return cache_dir / "environments" / "netflixext" / "entries"


def _file(cache_dir: Path, path: Path, id_: EnvId) -> Path:
    key = "\n".join([str(path), id_.arch, id_.req, id_.full])
    return _folder(cache_dir) / f"{hashlib.sha256(os.fsencode(key)).hexdigest()[:32]}.json"

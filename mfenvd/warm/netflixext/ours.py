"""Which entries of the extension's manifests are mfenv's own, so that they do not gather there for ever.

Every change of a flow's packages is another request, with another entry. What is noted here was put there by mfenv, and
is taken out again once no flow has wanted it for a while and neither an alias nor a run refers to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from pathlib import Path

import msgspec

from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.manifest import EnvId, ManifestError

GRACE = 3 * 24 * 3600.0
"""Seconds for which an entry stays that no flow asks for. Writing it anew takes as long as reading the flow."""

_log = logging.getLogger(__name__)


class _Note(msgspec.Struct, frozen=True):
    """An entry that mfenv made; the note's file is touched whenever a flow wants it."""

    manifest: str
    id: EnvId
    resolved_on: str


def note(cache_dir: Path, path: Path, id_: EnvId, resolved_on: str) -> None:
    """Remembers that mfenv put an environment into the manifest at `path`."""
    file = _file(cache_dir, path, id_)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.encode(_Note(str(path), id_, resolved_on)))


def wanted_again(cache_dir: Path, path: Path, id_: EnvId) -> None:
    """Notes that a flow wants an environment, if it is mfenv's own."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(_file(cache_dir, path, id_))


def prune(cache_dir: Path, grace: float = GRACE) -> tuple[EnvId, ...]:
    """Takes out of the manifests what is mfenv's own and was not wanted for `grace` seconds. Returns what is gone."""
    gone: list[EnvId] = []
    for file in sorted(_folder(cache_dir).glob("*.json")):
        try:
            if file.stat().st_mtime > time.time() - grace:
                continue
            one = msgspec.json.decode(file.read_bytes(), type=_Note)
            if manifest.remove(Path(one.manifest), {one.id: one.resolved_on}):
                file.unlink()
                gone.append(one.id)
        except msgspec.DecodeError:
            file.unlink()
        except (OSError, ManifestError) as error:
            _log.info("an entry stays for now: %s", error)
    return tuple(gone)


def _folder(cache_dir: Path) -> Path:
    return cache_dir / "environments" / "netflixext" / "entries"


def _file(cache_dir: Path, path: Path, id_: EnvId) -> Path:
    key = "\n".join([str(path), id_.arch, id_.req, id_.full])
    return _folder(cache_dir) / f"{hashlib.sha256(os.fsencode(key)).hexdigest()[:32]}.json"

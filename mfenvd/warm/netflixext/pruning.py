"""Takes entries of mfenv's own out of the extension's manifests that nobody wants any more."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mfenvd.warm.marker import GRACE
from mfenvd.warm.netflixext import manifest, ours
from mfenvd.warm.netflixext.environments import made_here
from mfenvd.warm.netflixext.manifest import EnvId, ManifestError
from mfenvd.warm.netflixext.marks import laid_out
from mfenvd.warm.netflixext.ours import Note

_log = logging.getLogger(__name__)


class Pruned(msgspec.Struct, frozen=True):
    """An entry that was taken out, or would be.

    Attributes:
        manifest: Absolute path.
        id: Which it was.
    """

    manifest: str
    id: EnvId


def prune(cache_dir: Path, grace: float = GRACE, *, dry_run: bool = False) -> tuple[Pruned, ...]:
    """Takes out of the manifests what is mfenv's own and was not wanted for a while.

    What has an alias stays, what a run had, and what an environment on this machine was made of.

    Args:
        cache_dir: mfenv's cache folder.
        grace: Seconds; what a flow has asked for stays `ours.EDITED_GRACE` at most.
        dry_run: Only says what would be gone.

    Raises:
        OSError: The cache folder cannot be written.
    """
    notes = list(ours.notes(cache_dir))
    folders = {Path(note.envs_dir) for note in notes if note.envs_dir is not None}
    folders |= {prefix.parent.parent for prefix in made_here(cache_dir)}
    used = laid_out(folders)
    gone: list[Pruned] = []
    for path in sorted({note.manifest for note in notes}):
        own = {note.id: note for note in notes if note.manifest == path and note.id not in used}
        gone += _pruned(cache_dir, Path(path), own, grace, dry_run=dry_run)
    return tuple(gone)


def _pruned(
    cache_dir: Path, path: Path, own: Mapping[EnvId, Note], grace: float, *, dry_run: bool
) -> tuple[Pruned, ...]:
    def is_due(id_: EnvId) -> bool:
        wanted = ours.last_wanted(cache_dir, own[id_])
        return wanted is not None and wanted <= time.time() - min(own[id_].grace, grace)

    due = {id_: note.resolved_on for id_, note in own.items() if is_due(id_)}
    if not due:
        return ()
    try:
        removed = manifest.remove(path, due, is_due, dry_run=dry_run)
    except ManifestError as error:
        _log.info("entries stay for now: %s", error)
        return ()
    if not dry_run:
        for id_ in removed.gone:
            # A run that had read it before writes it back. It is looked for once more when it is due again.
            ours.wanted_again(cache_dir, path, id_)
        for id_ in (*removed.absent, *removed.of_others):
            ours.forget(cache_dir, path, id_)
    return tuple(Pruned(str(path), id_) for id_ in removed.gone)

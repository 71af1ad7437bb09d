"""Aliases, and what they lead to, in a datastore that is a folder of this machine (1.3.17, `conda.py`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from mfenvd.atomic_write import write_atomically
from mfenvd.domain.alias import Alias, AliasKind
from mfenvd.domain.arch import Arch
from mfenvd.domain.layouts import alias_key, environment_key
from mfenvd.warm.netflixext.manifest import EnvId, Wanted, is_entry, is_id


def read_ids(content: bytes) -> tuple[str, str] | None:
    """The request and full id that the file of an alias leads to; None where it does not, as anybody may write it."""
    try:
        ids = msgspec.json.decode(content, type=tuple[str, str])
    except msgspec.DecodeError:
        return None
    return ids if all(map(is_id, ids)) else None


class AliasFiles:
    """The files of aliases, each with a request and a full id.

    Args:
        root: Where the extension keeps packages and environments; None where it keeps nothing on this machine.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root

    def ids(self, alias: Alias) -> tuple[str, str] | None:
        """What the alias leads to; None where there is no file of it."""
        if self._root is None:
            return None
        try:
            return read_ids((self._root / alias_key(alias.key)).read_bytes())
        except FileNotFoundError:
            return None

    def find(self, alias: Alias) -> tuple[Wanted, ...]:
        """The environment of that name or of those ids, one entry for each arch; nothing where it is not there."""
        if self._root is None or alias.kind not in {AliasKind.NAME, AliasKind.IDS}:
            return ()
        request, _, full = alias.name.partition(":")
        ids = (request, full) if alias.kind is AliasKind.IDS else self.ids(alias)
        names = (alias.key,) if alias.can_be_given else ()
        return tuple(_described(self._root, ids, names)) if ids is not None else ()

    def put(self, alias: Alias, ids: tuple[str, str]) -> None:
        """Lets the alias lead to `ids`, for all who may look into the folder; seen whole or not at all.

        Raises:
            OSError: The folder refuses.
        """
        if self._root is None:
            return
        file = self._root / alias_key(alias.key)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, msgspec.json.encode(ids), mode=None)


def local_root(config: Mapping[str, str]) -> Path | None:
    """The root of a local datastore by Metaflow's configuration; None for another datastore, or where nothing is kept.

    Args:
        config: The environment with Metaflow's configuration below it.
    """
    sysroot = config.get("METAFLOW_DATASTORE_SYSROOT_LOCAL")
    root = config.get("METAFLOW_CONDA_LOCALROOT") or (sysroot and str(Path(sysroot, "conda_env")))
    is_local = config.get("METAFLOW_DEFAULT_DATASTORE", "local") == "local"
    ignored = "local" in config.get("METAFLOW_CONDA_IGNORE_CACHING_DATASTORES", "")
    return Path(root) if root and is_local and not ignored else None


def _described(root: Path, ids: tuple[str, str], aliases: tuple[str, ...]) -> Iterator[Wanted]:
    for arch in Arch:
        id_ = EnvId(str(arch), *ids)
        with contextlib.suppress(OSError, msgspec.DecodeError):
            entry = msgspec.json.decode((root / environment_key(id_.arch, id_.req, id_.full)).read_bytes())
            if is_entry(entry):
                yield Wanted(id_, entry, is_default=False, aliases=aliases)

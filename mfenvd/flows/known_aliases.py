"""Which environments metaflow-netflixext's manifest has by name, and for which archs (1.3.17, `conda_v2.cnd`)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mfenvd.domain.alias import Alias, AliasKind
from mfenvd.domain.arch import Arch

_Ids = tuple[str, str]


class _Manifest(msgspec.Struct):
    """What is looked at; packages are passed over, whatever they are."""

    mappings: dict[str, _Ids] = {}
    mutable_aliases: dict[str, _Ids] = {}
    aliases: dict[str, _Ids] = {}
    environments: dict[str, dict[str, dict[str, msgspec.Raw]]] = {}


def known_archs(path: Path, alias: Alias) -> tuple[Arch, ...]:
    """The archs that an environment is there for; none where the manifest does not know it, or cannot be read.

    Args:
        path: Of the manifest.
        alias: What the environment is called.
    """
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError):
        return ()
    ids = _ids(manifest, alias)
    if ids is None:
        return ()
    req, full = ids
    return tuple(arch for arch in Arch if full in manifest.environments.get(str(arch), {}).get(req, {}))


def _ids(manifest: _Manifest, alias: Alias) -> _Ids | None:
    if alias.kind is AliasKind.IDS:
        req, _, full = alias.name.partition(":")
        return req, full
    if alias.kind is AliasKind.STEP:
        return manifest.mappings.get(alias.key)
    return manifest.aliases.get(alias.key) or manifest.mutable_aliases.get(alias.key)

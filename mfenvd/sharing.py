"""Resolved environments given a name: into metaflow-netflixext's manifest, and into a datastore on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.alias import Alias
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.sharing import Asked, AskedEnvironment
from mfenvd.shared_environments import AliasTakenError
from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.alias_files import AliasFiles
from mfenvd.warm.netflixext.entries import ENV_TYPES
from mfenvd.warm.netflixext.entries import Asked as Hashed
from mfenvd.warm.netflixext.manifest import EnvId, Wanted
from mfenvd.warm.netflixext.recording import Resolved, records

_KINDS = {env_type: kind for kind, env_type in ENV_TYPES.items()}


class Shared(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        request: The request id of the arch that was asked for first.
        full_id: Likewise.
        archs: That it is there for now, of those asked for.
        aliases: Its new names, as `team/project/env:v1`.
        findings: What others do not get.
    """

    request: str
    full_id: str
    archs: tuple[str, ...]
    aliases: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def share(
    asked: Asked,
    packages: Mapping[str, Sequence[LockedPackage]],
    aliases: Sequence[Alias],
    *,
    is_default: bool,
    user: str,
) -> Shared:
    """Writes down what was resolved, and what it is called from now on.

    Args:
        asked: The extension's answer.
        packages: All that is installed, by arch; of an environment that was known already, anything.
        aliases: Its names.
        is_default: Whether flows that ask for the same get it, also where they got another one before.
        user: Who resolved, where the extension does not say.

    Raises:
        AliasTakenError: A name that is given once is another environment's. Nothing was written.
        NotAnEntryError: The extension has no words for a package.
        ManifestError: The manifest cannot be written.
        OSError: The datastore's folder cannot be written.
    """
    path = Path(asked.manifest)
    wanted = _wanted(asked, packages, tuple(alias.key for alias in aliases), user, is_default=is_default)
    first = next(one.id for one in wanted if one.id.arch == asked.environments[0].arch)
    ids = (first.req, first.full)
    files = AliasFiles(Path(asked.root) if asked.datastore == "local" and asked.root is not None else None)
    before = manifest.read(path)
    for alias in aliases:
        known = {before.named(alias.key), files.ids(alias)} - {None, ids}
        if known and not alias.is_mutable:
            raise AliasTakenError(str(alias))
    written = manifest.write(path, wanted, replace=is_default)
    if written.refused:
        raise AliasTakenError(", ".join(written.refused))
    for alias in aliases:
        files.put(alias, ids)
    said = () if asked.datastore == "local" else (_here_only(asked, [str(alias) for alias in aliases]),)
    return Shared(*ids, tuple(one.id.arch for one in wanted), tuple(map(str, aliases)), said)


def _wanted(
    asked: Asked,
    packages: Mapping[str, Sequence[LockedPackage]],
    aliases: tuple[str, ...],
    user: str,
    *,
    is_default: bool,
) -> tuple[Wanted, ...]:
    known = [one for one in asked.environments if one.full_id is not None and one.entry is not None]
    found = [
        Wanted(EnvId(one.arch, one.request, str(one.full_id)), dict(one.entry or {}), is_default, aliases)
        for one in known
    ]
    new = [one for one in asked.environments if one not in known]
    if new:
        kind = _KINDS.get(new[0].env_type, Kind.PYPI)
        together = [Resolved(one.arch, one.request, _hashed(one), tuple(packages[one.arch])) for one in new]
        made = records(together, kind, by=asked.user or user, is_default=is_default, aliases=aliases)
        # The packages of an environment that extends another are not those of its requirements alone.
        found += [
            msgspec.structs.replace(one, entry={**one.entry, "accurate_source": not new[0].extends}) for one in made
        ]
    return tuple(found)


def _hashed(one: AskedEnvironment) -> Hashed:
    return Hashed(one.asked.deps, one.asked.sources, one.asked.extras)


def not_written(reason: str) -> Finding:
    """MFE612: what was resolved stands in no manifest."""
    return Finding(
        code=Code.EXTENSION_NOT_WARMED,
        severity=Severity.NOTICE,
        message=f"Nothing was written into the manifest of metaflow-netflixext: {reason}",
        fix="What the extension says has to be mended; the packages are right without it.",
    )


def _here_only(asked: Asked, aliases: Sequence[str]) -> Finding:
    """MFE619: what is in the manifest and not in the bucket."""
    names = " and ".join(aliases) or "the environment"
    return Finding(
        code=Code.SHARED_HERE_ONLY,
        severity=Severity.WARNING,
        message=f"{names} can be used on this machine only: {asked.root or asked.datastore} does not have it yet",
        fix="Run a flow that uses it, or the same command of `metaflow environment`, which upload it.",
    )

"""Resolved environments given a name: into metaflow-netflixext's manifest, and into its datastore."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mfenvd.domain.alias import Alias
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.sharing import Asked, AskedEnvironment, Extended
from mfenvd.domain.target import Target
from mfenvd.shared_environments import AliasTakenError
from mfenvd.warm.netflixext import manifest, ours
from mfenvd.warm.netflixext.alias_files import AliasFiles
from mfenvd.warm.netflixext.entries import resolution_of
from mfenvd.warm.netflixext.manifest import EnvId, Manifest, Wanted
from mfenvd.warm.netflixext.recording import Resolved, records


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


class NotSharedWithTeamError(Exception):
    """The team's bucket does not have what it was to have; `reason` continues "because"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Team(Protocol):
    """A team's bucket: see `team_environments.TeamEnvironments`."""

    def ids(self, alias: Alias) -> tuple[str, str] | None: ...

    def put(
        self,
        ids: tuple[str, str],
        wanted: Sequence[Wanted],
        packages: Mapping[EnvId, Sequence[LockedPackage]],
        aliases: Sequence[Alias],
    ) -> tuple[Wanted, ...]: ...


def share(  # noqa: PLR0913 - all that decides
    asked: Asked,
    packages: Mapping[str, Sequence[LockedPackage]],
    aliases: Sequence[Alias],
    *,
    is_default: bool,
    user: str,
    cache_dir: Path,
    team: Callable[[], Team] | None,
) -> Shared:
    """Writes down what was resolved, and what it is called from now on; what has a name goes to the team, too.

    Args:
        asked: The extension's answer.
        packages: All that is installed, by arch; of an environment that was known already, anything.
        aliases: Its names.
        is_default: Whether flows that ask for the same get it, also where they got another one before.
        user: Who resolved, where the extension does not say.
        cache_dir: mfenv's cache folder, which remembers what it wrote.
        team: Opens the bucket that is the datastore; None keeps everything on this machine. It and what it gives may
            raise NotSharedWithTeamError, which becomes a finding.

    Raises:
        AliasTakenError: A name that is given once is another environment's. Nothing was written, unless it was given at
            this very moment.
        NotAnEntryError: The extension has no words for a package.
        ManifestError: The manifest cannot be written.
        OSError: The datastore's folder, or mfenv's, cannot be written.
    """
    path = Path(asked.manifest)
    wanted = _wanted(asked, packages, tuple(alias.key for alias in aliases), user, is_default=is_default)
    first = next(one.id for one in wanted if one.id.arch == asked.environments[0].arch)
    ids = (first.req, first.full)
    files = AliasFiles(Path(asked.root) if asked.datastore == "local" and asked.root is not None else None)
    before = manifest.read(path)
    _refuse_taken(aliases, ids, lambda alias: before.named(alias.key), files.ids)
    said: tuple[Finding, ...] = ()
    if aliases and team is not None and asked.datastore != "local" and asked.root is not None:
        try:
            wanted = with_team(team(), ids, wanted, packages, aliases)
        except NotSharedWithTeamError as error:
            said = (here_only(aliases, asked.root, error.reason),)
    extended = [_extended(one, before) for one in asked.extended]
    written = ours.write(cache_dir, path, (*wanted, *extended), replace=is_default, envs_dir=asked.envs_dir)
    if written.refused:
        raise AliasTakenError(", ".join(written.refused))
    for alias in aliases:
        files.put(alias, ids)
    return Shared(*ids, tuple(one.id.arch for one in wanted), tuple(map(str, aliases)), said)


def _refuse_taken(
    aliases: Sequence[Alias], ids: tuple[str, str], *places: Callable[[Alias], tuple[str, str] | None]
) -> None:
    """Raises AliasTakenError where a name that is given once is another environment's."""
    for alias in aliases:
        if not alias.is_mutable and {place(alias) for place in places} - {None, ids}:
            raise AliasTakenError(str(alias))


def with_team(
    team: Team,
    ids: tuple[str, str],
    wanted: Sequence[Wanted],
    packages: Mapping[str, Sequence[LockedPackage]],
    aliases: Sequence[Alias],
) -> tuple[Wanted, ...]:
    """Leaves environments with their names in the team's bucket.

    Args:
        team: The bucket.
        ids: Request and full id that the names lead to.
        wanted: The environment, one entry for each arch.
        packages: As they were resolved, by arch, where they were.
        aliases: The names.

    Returns:
        `wanted`, with where the packages are.

    Raises:
        AliasTakenError: A name that is given once is another environment's.
        NotSharedWithTeamError: Not all of it is there.
        NotAnEntryError: An entry does not say what a package is.
    """
    _refuse_taken(aliases, ids, team.ids)
    of_each = {one.id: _packages_of(one, packages.get(one.id.arch, ())) for one in wanted}
    return team.put(ids, wanted, of_each, aliases)


def _packages_of(one: Wanted, resolved: Sequence[LockedPackage] = ()) -> Sequence[LockedPackage]:
    """What is known best of the packages: as they were resolved, else as the entry has them.

    Raises:
        NotAnEntryError: The entry does not say what a package is.
    """
    held = resolution_of(one.entry, Target(Arch(one.id.arch), "3"), one.id.req).packages
    urls = {package.url.partition("#")[0] for package in resolved}
    return resolved if urls == {package.url for package in held} else held


def _wanted(
    asked: Asked,
    packages: Mapping[str, Sequence[LockedPackage]],
    aliases: tuple[str, ...],
    user: str,
    *,
    is_default: bool,
) -> tuple[Wanted, ...]:
    found: list[Wanted] = []
    new: list[AskedEnvironment] = []
    for one in asked.environments:
        if one.full_id is None or one.entry is None:
            new.append(one)
        else:
            found.append(Wanted(EnvId(one.arch, one.request, one.full_id), one.entry, is_default, aliases))
    if new:
        together = [Resolved(one.arch, one.request, one.asked, tuple(packages[one.arch])) for one in new]
        made = records(together, new[0].kind, by=asked.user or user, is_default=is_default, aliases=aliases)
        # The packages of an environment that extends another are not those of its requirements alone.
        found += [
            msgspec.structs.replace(one, entry={**one.entry, "accurate_source": not new[0].extends}) for one in made
        ]
    return tuple(found)


def _extended(one: Extended, before: Manifest) -> Wanted:
    """What was begun with; a name that the manifest has for another one stays with that."""
    ids = (one.request, one.full_id)
    names = tuple(alias for alias in one.aliases if before.named(alias) in {None, ids})
    return Wanted(EnvId(one.arch, *ids), one.entry, is_default=False, aliases=names)


def not_written(reason: str) -> Finding:
    """MFE612: what was resolved stands in no manifest."""
    return Finding(
        code=Code.EXTENSION_NOT_WARMED,
        severity=Severity.NOTICE,
        message=f"Nothing was written into the manifest of metaflow-netflixext: {reason}",
        fix="What the extension says has to be mended; the packages are right without it.",
    )


def here_only(aliases: Sequence[Alias], root: str, reason: str) -> Finding:
    """MFE619: what is in the manifest and not in the bucket; `reason` continues "because"."""
    names = " and ".join(map(str, aliases))
    return Finding(
        code=Code.SHARED_HERE_ONLY,
        severity=Severity.WARNING,
        message=f"{names} can be used on this machine only, as {root} does not have it: {reason}",
        fix="Mend that and give the same command again, or use `metaflow environment`, which uploads it, too.",
    )

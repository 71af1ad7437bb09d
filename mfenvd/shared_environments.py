"""Environments that are shared by name: what metaflow-netflixext's manifest holds, as people look at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.alias import Alias, AliasKind, named_alias
from mfenvd.domain.arch import Arch
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target
from mfenvd.warm.lines import NotAnEntryError
from mfenvd.warm.netflixext import manifest, ours
from mfenvd.warm.netflixext.alias_files import AliasFiles
from mfenvd.warm.netflixext.entries import environment_of, resolution_of
from mfenvd.warm.netflixext.manifest import EnvId, Manifest, Wanted
from mfenvd.warm.plan import LocalEnvironment


class SharedEnvironment(msgspec.Struct, frozen=True):
    """One environment of the manifest. docs/json.md promises these fields.

    Attributes:
        request: The request id, 40 hex digits.
        full_id: 40 hex digits of the packages, the same for all archs that were resolved together.
        aliases: As `team/project/env:v1`, sorted.
        archs: That it is there for.
        kind: `conda-only`, `pypi-only` or `mixed`, as the extension says it; None where it says nothing.
        python: Version of the interpreter in it; None where it holds none.
        packages: How many, on the arch that has most.
        resolved_on: Local time in ISO format; None where the manifest does not say.
        resolved_by: A user's name; None likewise.
    """

    request: str
    full_id: str
    aliases: tuple[str, ...]
    archs: tuple[Arch, ...]
    kind: str | None
    python: str | None
    packages: int
    resolved_on: str | None
    resolved_by: str | None

    @property
    def name(self) -> str:
        """The first of its aliases, else both ids."""
        return self.aliases[0] if self.aliases else f"{self.request}:{self.full_id}"


class AliasTakenError(Exception):
    """An alias that is given once is another environment's."""


class SharedEnvironments:
    """The environments of one manifest, as they are now.

    Args:
        path: Of the manifest; one that is not there holds nothing.

    Raises:
        ManifestError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest = manifest.read(path)

    def all(self) -> tuple[SharedEnvironment, ...]:
        """Those with a name first, by name; then the others by id."""
        ids = dict.fromkeys((id_.req, id_.full) for id_ in self._manifest)
        found = (self._environment(req, full) for req, full in ids)
        return tuple(sorted(found, key=lambda one: (not one.aliases, one.name)))

    def aliases(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(str(named_alias(key)) for key in self._manifest.aliases()))

    def find(self, alias: Alias) -> SharedEnvironment | None:
        """The environment of that name; None where there is none. Of a request id, the one that steps get."""
        ids = next(self._ids(alias), None)
        found = self._environment(*ids) if ids else None
        return found if found and found.archs else None

    def packages(self, environment: SharedEnvironment, arch: Arch) -> tuple[LockedPackage, ...]:
        """What it holds on `arch`, sorted by name; nothing where it is not there for it.

        Raises:
            NotAnEntryError: The manifest does not say what a package is.
        """
        entry = self._manifest.entry(EnvId(str(arch), environment.request, environment.full_id))
        target = Target(arch, environment.python or "3")
        return resolution_of(entry, target, environment.request).packages if entry else ()

    def wanted(self, environment: SharedEnvironment) -> tuple[Wanted, ...]:
        """Its entries, one for each arch."""
        ids = (EnvId(str(arch), environment.request, environment.full_id) for arch in environment.archs)
        return tuple(
            Wanted(id_, entry, is_default=False) for id_ in ids if (entry := self._manifest.entry(id_)) is not None
        )

    def take(self, wanted: Sequence[Wanted], cache_dir: Path) -> None:
        """Adds environments of others, with their names.

        Args:
            wanted: The environments.
            cache_dir: mfenv's cache folder, which remembers what it wrote.

        Raises:
            ManifestError: The manifest cannot be written.
            OSError: The cache folder cannot be written.
        """
        ours.write(cache_dir, self.path, wanted)
        self._manifest = manifest.read(self.path)

    def give(
        self, environment: SharedEnvironment, alias: Alias, files: AliasFiles, entries: tuple[Wanted, ...] = ()
    ) -> None:
        """Calls `environment` so, too.

        Args:
            environment: One of these.
            alias: Its new name.
            files: Where a datastore on this machine has names, too.
            entries: The environment's, with more of where its packages are cached than the manifest says.

        Raises:
            AliasTakenError: It is another's, and not one that moves.
            ManifestError: The manifest cannot be written.
            OSError: The datastore's folder cannot be written.
        """
        ids = (environment.request, environment.full_id)
        if not alias.is_mutable and files.ids(alias) not in {None, ids}:
            raise AliasTakenError(str(alias))
        wanted = [msgspec.structs.replace(one, aliases=(alias.key,)) for one in entries or self.wanted(environment)]
        written = manifest.write(self.path, wanted)
        if written.refused:
            raise AliasTakenError(str(alias))
        files.put(alias, ids)
        self._manifest = manifest.read(self.path)

    def _ids(self, alias: Alias) -> Iterator[tuple[str, str]]:
        if alias.kind is AliasKind.IDS:
            request, _, full = alias.name.partition(":")
            yield request, full
        elif alias.kind is AliasKind.ID:
            yield from ((id_.req, id_.full) for id_ in self._manifest if id_.full == alias.name)
            defaults = (self._manifest.default(str(arch), alias.name) for arch in Arch)
            yield from ((id_.req, id_.full) for id_ in defaults if id_)
        else:
            found = self._manifest.of_step if alias.kind is AliasKind.STEP else self._manifest.named
            if ids := found(alias.key):
                yield ids

    def _environment(self, req: str, full: str) -> SharedEnvironment:
        entries = {arch: entry for arch in Arch if (entry := self._manifest.entry(EnvId(str(arch), req, full)))}
        first = next(iter(entries.values()), {})
        return SharedEnvironment(
            request=req,
            full_id=full,
            aliases=tuple(sorted(_names(self._manifest, req, full))),
            archs=tuple(entries),
            kind=first.get("env_type"),
            python=next(filter(None, map(_python, entries.values())), None),
            packages=max((len(entry["packages"]) for entry in entries.values()), default=0),
            resolved_on=first.get("resolved_on"),
            resolved_by=first.get("resolved_by"),
        )


def local_environment(found: SharedEnvironments, environment: SharedEnvironment, arch: Arch) -> LocalEnvironment:
    """What is to be laid out where it is made on this machine.

    Raises:
        NotAnEntryError: The manifest does not say what a package is.
    """
    packages = found.packages(environment, arch)
    resolution = Resolution(environment.request, Target(arch, environment.python or "3"), packages)
    return environment_of(environment.full_id, arch, resolution)


def _names(content: Manifest, req: str, full: str) -> Iterator[str]:
    return (str(named_alias(key)) for key in content.aliases_of(EnvId("", req, full)))


def _python(entry: manifest.Entry) -> str | None:
    """The version of the interpreter among the packages, else of the one that is asked for."""
    try:
        packages = resolution_of(entry, Target(Arch.LINUX_64, "3"), "").packages
    except NotAnEntryError:
        return None
    held = next((package.version for package in packages if package.name == "python"), None)
    asked = next((dep for dep in entry.get("deps", ()) if str(dep).startswith("conda::python==")), "")
    return held or str(asked).rpartition("==")[2].removesuffix(".*") or None

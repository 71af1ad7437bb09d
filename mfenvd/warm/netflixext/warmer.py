"""One environment of metaflow-netflixext, made ready: its manifest first, then what lies on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.identity import RequestIdentity
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.request import Indexes
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Context
from mfenvd.domain.state import State
from mfenvd.domain.warming import WarmTask, Warmth
from mfenvd.warm.core import findings
from mfenvd.warm.core.entries import source_of
from mfenvd.warm.findings import foreign_manifest
from mfenvd.warm.lines import NotAnEntryError
from mfenvd.warm.netflixext import manifest, ours
from mfenvd.warm.netflixext.entries import asked_again, environment_of, resolution_of, with_cache_info
from mfenvd.warm.netflixext.locks import all_locks, remove_stale
from mfenvd.warm.netflixext.manifest import Entry, EnvId, ManifestError, Wanted, is_entry
from mfenvd.warm.netflixext.marks import MARK
from mfenvd.warm.netflixext.recording import Resolved, extended, records, username
from mfenvd.warm.netflixext.sharing import NOBODYS, ExtensionDatastore, newest
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report


class Environments(Protocol):
    """The local environments: see `netflixext.environments.ExtensionEnvironments`."""

    def find(self, id_: EnvId) -> Path | None: ...

    def create(self, id_: EnvId, wanted: LocalEnvironment, report: Report) -> Path: ...

    def fetch(
        self, platform: str, conda: Sequence[LockedPackage], wheels: Sequence[LockedPackage], python: str | None
    ) -> None: ...


EnvironmentsOf = Callable[[Context, RequestIdentity, Indexes], Environments]
DatastoreOf = Callable[[WarmTask], ExtensionDatastore | None]


class _Held(msgspec.Struct, frozen=True):
    """What steps get, once the manifest is written.

    Attributes:
        id: Which environment.
        entry: As it stands in the manifest.
        packages: All of it, with what is known of them where they are the resolved ones.
    """

    id: EnvId
    entry: Entry
    packages: tuple[LockedPackage, ...]

    @property
    def uncached(self) -> tuple[LockedPackage, ...]:
        """Those that the entry does not say to be in the datastore."""
        cached = {line["url"] for line in self.entry["packages"] if line.get("cache_info")}
        return tuple(package for package in self.packages if package.url.partition("#")[0] not in cached)


class NetflixextWarmer:
    """What `domain.warming.Warmer` promises, for metaflow-netflixext.

    Args:
        environments_of: Makes the local environments for a project and what its Metaflow says.
        datastore_of: Finds the datastore of an environment; None where nothing is ever put into one.
    """

    def __init__(self, environments_of: EnvironmentsOf, datastore_of: DatastoreOf | None = None) -> None:
        self._environments_of = environments_of
        self._datastore_of = datastore_of

    def warm(self, task: WarmTask, report: Report) -> Warmth:
        """Makes the environment ready, as far as it is not."""
        said: list[Finding] = []
        watched = [task.of_extension.manifest]
        try:
            state, awaits = self._warmed(task, report, said, watched)
        except NotAnEntryError as error:
            return Warmth(State.RESOLVED, (*said, findings.not_for_metaflow(str(error))), tuple(watched))
        except ManifestError as error:
            problem = findings.manifest_unwritable if error.readable else findings.manifest_unreadable
            return Warmth(State.RESOLVED, (*said, problem(str(error.path), error.reason)), tuple(watched), passing=True)
        except NotMadeError as error:
            return Warmth(State.RESOLVED, (*said, error.finding), tuple(watched), passing=True)
        return Warmth(state, tuple(said), tuple(watched), awaits=awaits)

    def fetch(self, task: WarmTask) -> None:
        """Has what is resolved of an environment of this machine here; nothing where the manifest has the environment.

        Raises:
            ManifestError: The manifest cannot be read.
            NotMadeError: A package cannot be had.
        """
        identity = task.of_extension
        if identity.envs_dir is None or identity.full is not None or not identity.needs_local_environment:
            return
        if manifest.read(Path(identity.manifest)).default(identity.arch, identity.id) is not None:
            return
        conda, wheels = task.conda.get(identity.arch), task.wheels
        environments = self._environments_of(task.context, identity, task.indexes)
        environments.fetch(
            identity.local_platform,
            conda.packages if conda else (),
            wheels.packages if wheels else (),
            wheels.target.python if wheels else None,
        )

    def _warmed(
        self, task: WarmTask, report: Report, said: list[Finding], watched: list[str]
    ) -> tuple[State, Bucket | None]:
        """How far it is, and the bucket that something is queued for; adds to `said` and `watched`."""
        identity = task.of_extension
        datastore = self._datastore_of(task) if self._datastore_of is not None else None
        if identity.full is not None:
            held = _named(task, identity.full, datastore)
            if held is None:
                return State.RESOLVED, None
        else:
            resolved = _resolved(task, datastore)
            held = _written(task, resolved, datastore)
            if held.id != resolved.id:
                said.append(_kept(task, held))
        elsewhere = () if task.context.trusted else tuple(_elsewhere(task, held))
        if elsewhere:
            said.append(foreign_manifest(identity.manifest, elsewhere))
            return State.RESOLVED, None
        watched += self._lay_out(task, held, report)
        if datastore is not None:
            held = _cached(task, held, datastore, report)
        awaits = datastore.bucket if datastore is not None else None
        if identity.root is None or not held.uncached:
            return State.WARM, awaits
        queued = awaits is not None
        said.append(findings.not_in_datastore(identity.datastore, len(held.uncached), queued=queued))
        return State.RESOLVED, awaits

    def _lay_out(self, task: WarmTask, held: _Held, report: Report) -> tuple[str, ...]:
        """Makes what the extension wants on this machine; the files whose change would undo it."""
        identity = task.of_extension
        if identity.envs_dir is None:
            return ()
        for lock in all_locks(Path(identity.envs_dir), map(Path, identity.pkgs_dirs)):
            remove_stale(lock)
        if not identity.needs_local_environment:
            return ()
        environments = self._environments_of(task.context, identity, task.indexes)
        return (str(environments.create(held.id, _local(held, task), report) / MARK),)


def _resolved(task: WarmTask, datastore: ExtensionDatastore | None) -> Wanted:
    """What was resolved, as the manifest is to have it."""
    identity = task.of_extension
    resolved = Resolved(identity.arch, identity.id, identity.worded, tuple(_packages(task)))
    by = username(task.context.surroundings.environ)
    (wanted,) = records([resolved], identity.kind, by=by)
    if identity.base is None:
        return wanted
    base = EnvId(identity.arch, *identity.base)
    return extended(wanted, manifest.read(Path(identity.manifest)).entry(base) or _described(base, datastore))


def _packages(task: WarmTask) -> Iterator[LockedPackage]:
    for resolution in (task.wheels, task.conda[task.of_extension.arch]):
        if resolution is not None:
            yield from resolution.packages


def _written(task: WarmTask, resolved: Wanted, datastore: ExtensionDatastore | None) -> _Held:
    """What steps get after writing: what the manifest had, what somebody else resolved, or what was resolved now."""
    identity, path = task.of_extension, Path(task.of_extension.manifest)
    if task.replace or manifest.read(path).default(identity.arch, identity.id) is None:
        _write(task, _of_others(task, datastore) or resolved)
    content = manifest.read(path)
    id_ = content.default(identity.arch, identity.id) or resolved.id
    ours.wanted_again(Path(task.context.cache_dir), path, id_)
    entry = content.entry(id_) or resolved.entry
    held = resolution_of(entry, task.conda[identity.arch].target, identity.id).packages
    known = {package.url.partition("#")[0]: package for package in _packages(task)}
    return _Held(id_, entry, tuple(known.get(package.url, package) for package in held))


def _write(task: WarmTask, wanted: Wanted) -> None:
    identity, cache_dir = task.of_extension, Path(task.context.cache_dir)
    ours.write(
        cache_dir,
        Path(identity.manifest),
        (wanted,),
        replace=task.replace,
        grace=ours.EDITED_GRACE,
        envs_dir=identity.envs_dir,
    )


def _named(task: WarmTask, full: str, datastore: ExtensionDatastore | None) -> _Held | None:
    """The packages of a named environment under the id that the step has for them; None where nobody has them.

    Where the step asks for more than the name, the extension files them under that request, as its default.
    """
    identity, path = task.of_extension, Path(task.of_extension.manifest)
    id_, content = EnvId(identity.arch, identity.id, full), manifest.read(path)
    base = EnvId(identity.arch, *identity.base) if identity.base else id_
    entry = content.entry(id_) or content.entry(base) or _described(base, datastore)
    if entry is None:
        return None
    if content.entry(id_) is None and base != id_:
        entry = asked_again(entry, identity.worded, base)
    if content.entry(id_) is None or (base != id_ and content.default(id_.arch, id_.req) is None):
        _write(task, Wanted(id_, entry, is_default=base != id_))
    ours.wanted_again(Path(task.context.cache_dir), path, id_)
    return _Held(id_, entry, resolution_of(entry, task.conda[identity.arch].target, identity.id).packages)


def _described(id_: EnvId, datastore: ExtensionDatastore | None) -> Entry | None:
    """What the datastore says of an environment; None where it does not know it."""
    found = datastore.environments(id_.arch, id_.req) if datastore is not None else ()
    return next((entry for one, entry in found if one == id_ and is_entry(entry)), None)


def _of_others(task: WarmTask, datastore: ExtensionDatastore | None) -> Wanted | None:
    """The environment that a run would take out of the datastore; None where it would not."""
    identity = task.of_extension
    if datastore is None or task.replace or identity.latest == NOBODYS:
        return None
    user = username(task.context.surroundings.environ)
    return newest(datastore.environments(identity.arch, identity.id), identity.latest, user)


def _cached(task: WarmTask, held: _Held, datastore: ExtensionDatastore, report: Report) -> _Held:
    """What is held, with all that the datastore has said to be there, and the rest on its way."""
    missing = datastore.confirmed(held.uncached) != {package.url for package in held.uncached}
    if missing:
        datastore.offer(held.uncached, report)
    entry = with_cache_info(held.entry, datastore.confirmed(held.uncached))
    if entry != held.entry:
        _write(task, Wanted(held.id, entry, is_default=False))
    now = msgspec.structs.replace(held, entry=entry)
    if not now.uncached:
        datastore.record(now.id, now.entry)
    return now


def _local(held: _Held, task: WarmTask) -> LocalEnvironment:
    base = task.conda[held.id.arch]
    return environment_of(held.id.full, held.id.arch, Resolution(base.request, base.target, held.packages))


def _elsewhere(task: WarmTask, held: _Held) -> Iterator[str]:
    """Where packages of the manifest come from and none that was resolved does: the file may be somebody else's."""
    own = set(map(source_of, _packages(task)))
    yield from dict.fromkeys(source for source in map(source_of, held.packages) if source not in own)


def _kept(task: WarmTask, held: _Held) -> Finding:
    """What the manifest holds beside what was resolved."""
    identity = task.of_extension
    resolved = {package.url for package in _packages(task)}
    differing = sorted(package.filename for package in held.packages if package.url not in resolved)
    return findings.other_packages(identity.id, identity.manifest, [identity.arch], differing)

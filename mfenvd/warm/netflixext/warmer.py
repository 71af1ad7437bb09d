"""One environment of metaflow-netflixext, made ready: its manifest first, then what lies on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.identity import RequestIdentity
from mfenvd.domain.request import Indexes, Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Context
from mfenvd.domain.state import State
from mfenvd.domain.warming import WarmTask, Warmth
from mfenvd.warm.core import findings
from mfenvd.warm.core.entries import source_of
from mfenvd.warm.findings import foreign_manifest
from mfenvd.warm.lines import NotAnEntryError
from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.entries import Asked, resolution_of, uncached
from mfenvd.warm.netflixext.locks import all_locks, remove_stale
from mfenvd.warm.netflixext.manifest import EnvId, ManifestError, Wanted
from mfenvd.warm.netflixext.recording import Resolved, records, username
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report

_KINDS = {"conda-only": Kind.CONDA, "pypi-only": Kind.PYPI, "mixed": Kind.MIXED}


class Environments(Protocol):
    """The local environments: see `netflixext.environments.ExtensionEnvironments`."""

    def find(self, id_: EnvId) -> Path | None: ...

    def create(self, id_: EnvId, wanted: LocalEnvironment, report: Report) -> Path: ...


EnvironmentsOf = Callable[[Context, RequestIdentity, Indexes], Environments]


class _Held(msgspec.Struct, frozen=True):
    """What steps get, once the manifest is written.

    Attributes:
        id: Which environment.
        packages: All of it, with what is known of them where they are the resolved ones.
        uncached: How many of them are not known to be in the datastore.
    """

    id: EnvId
    packages: tuple[LockedPackage, ...]
    uncached: int


class NetflixextWarmer:
    """What `domain.warming.Warmer` promises, for metaflow-netflixext.

    Args:
        environments_of: Makes the local environments for a project and what its Metaflow says.
    """

    def __init__(self, environments_of: EnvironmentsOf) -> None:
        self._environments_of = environments_of

    def warm(self, task: WarmTask, report: Report) -> Warmth:
        """Makes the environment ready, as far as it is not."""
        identity = task.of_extension
        said: list[Finding] = []
        watched = [identity.manifest]
        try:
            wanted = _wanted(task)
            written = manifest.write(Path(identity.manifest), (wanted,), replace=task.replace)
            held = _held(task, wanted)
        except ManifestError as error:
            problem = findings.manifest_unwritable if error.readable else findings.manifest_unreadable
            return Warmth(State.RESOLVED, (*said, problem(str(error.path), error.reason)), tuple(watched), passing=True)
        except NotAnEntryError as error:
            return Warmth(State.RESOLVED, (*said, findings.not_for_metaflow(str(error))), tuple(watched))
        if written.kept:
            said.append(_kept(task, held))
        elsewhere = () if task.context.trusted else tuple(_elsewhere(task, held))
        if elsewhere:
            return Warmth(State.RESOLVED, (*said, foreign_manifest(identity.manifest, elsewhere)), tuple(watched))
        try:
            watched += self._lay_out(task, held, report)
        except NotMadeError as error:
            return Warmth(State.RESOLVED, (*said, error.finding), tuple(watched), passing=True)
        if identity.root is None or not held.uncached:
            return Warmth(State.WARM, tuple(said), tuple(watched))
        said.append(findings.not_in_datastore(identity.datastore, held.uncached, queued=False))
        return Warmth(State.RESOLVED, tuple(said), tuple(watched))

    def _lay_out(self, task: WarmTask, held: _Held, report: Report) -> Iterator[str]:
        """Makes what the extension wants on this machine; the files whose change would undo it."""
        identity = task.of_extension
        if identity.envs_dir is None:
            return
        for lock in all_locks(Path(identity.envs_dir), map(Path, identity.pkgs_dirs)):
            remove_stale(lock)
        if identity.needs_local_environment:
            environments = self._environments_of(task.context, identity, task.indexes)
            place = environments.create(held.id, _local(held, task), report)
            yield str(place / ".metaflowenv")


def _wanted(task: WarmTask) -> Wanted:
    identity = task.of_extension
    asked = Asked(identity.deps, identity.sources)
    resolved = Resolved(identity.arch, identity.id, asked, tuple(_packages(task)))
    by = username(task.context.surroundings.environ)
    (wanted,) = records([resolved], _KINDS[identity.env_type], by=by)
    return wanted


def _packages(task: WarmTask) -> Iterator[LockedPackage]:
    for resolution in (task.wheels, task.conda[task.of_extension.arch]):
        if resolution is not None:
            yield from resolution.packages


def _held(task: WarmTask, wanted: Wanted) -> _Held:
    """The environment that steps get: the resolved one, or the one that the manifest had."""
    identity = task.of_extension
    content = manifest.read(Path(identity.manifest))
    id_ = content.default(identity.arch, identity.id) or wanted.id
    entry = content.entry(id_) or wanted.entry
    if id_ == wanted.id:
        return _Held(id_, tuple(_packages(task)), uncached(entry))
    target = task.conda[identity.arch].target
    return _Held(id_, resolution_of(entry, target, identity.id).packages, uncached(entry))


def _local(held: _Held, task: WarmTask) -> LocalEnvironment:
    resolution = task.conda[held.id.arch]

    def of(kind: Kind) -> Resolution:
        packages = tuple(package for package in held.packages if package.kind is kind)
        return Resolution(resolution.request, resolution.target, packages)

    return LocalEnvironment(held.id.full[:15], held.id.arch, of(Kind.CONDA), of(Kind.PYPI))


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

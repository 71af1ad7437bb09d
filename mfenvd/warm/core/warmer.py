"""One of Metaflow core's environments, made ready: its manifest first, then what lies on this machine.

A manifest without an environment lets Metaflow download and create what is written there; an environment without a
manifest would let it resolve something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.identity import Identity
from mfenvd.domain.request import Indexes, Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Context
from mfenvd.domain.state import State
from mfenvd.domain.warming import WarmTask, Warmth
from mfenvd.warm.core import findings, manifest
from mfenvd.warm.core.entries import Entry, entry, resolution_of, same_packages, source_of
from mfenvd.warm.core.manifest import ManifestError, Wanted, manifest_path
from mfenvd.warm.findings import foreign_manifest
from mfenvd.warm.lines import NotAnEntryError
from mfenvd.warm.micromamba import places, read_micromamba_settings
from mfenvd.warm.plan import Datastore, Environments, LocalEnvironment, MicromambaSettings, NotMadeError, Report

EnvironmentsOf = Callable[[Context, MicromambaSettings, Indexes], Environments]
DatastoreOf = Callable[[WarmTask, MicromambaSettings], Datastore | None]


class _Held(msgspec.Struct, frozen=True):
    """What the manifest holds after writing.

    Attributes:
        conda: By platform.
        wheels: None for a `@conda` environment.
        unconfirmed: How many lines do not say where in the datastore the package is.
        offered: The packages of these lines that are ours to upload.
    """

    conda: dict[str, Resolution]
    wheels: Resolution | None
    unconfirmed: int
    offered: tuple[LockedPackage, ...]


class CoreWarmer:
    """What `domain.warming.Warmer` promises, for Metaflow core.

    Args:
        environments_of: Makes the local environments for a project, what micromamba says there, and the indexes that
            the environment's source names.
        datastore_of: Finds the datastore of an environment; None where nothing is ever uploaded.
    """

    def __init__(self, environments_of: EnvironmentsOf, datastore_of: DatastoreOf | None = None) -> None:
        self._environments_of = environments_of
        self._datastore_of = datastore_of

    def warm(self, task: WarmTask, report: Report) -> Warmth:
        """Makes the environment ready, as far as it is not."""
        identity = task.of_core
        path = manifest_path(identity.local_root, identity.flow)
        settings = read_micromamba_settings(task.context.surroundings, trusted=task.context.trusted)
        said: list[Finding] = []
        if settings.binary is None:
            said.append(findings.micromamba_missing(tuple(places(task.context.surroundings))))
        watched = [str(path)]

        def stopped(finding: Finding, *, passing: bool = False) -> Warmth:
            return Warmth(State.RESOLVED, (*said, finding), tuple(watched), passing=passing)

        datastore = self._datastore(task, settings)
        try:
            written = manifest.write(path, tuple(_wanted(task, datastore)), replace=task.replace)
            if written.kept:
                said.append(_kept(task, written.kept, str(path)))
            held = _held(task, manifest.read(path))
        except ManifestError as error:
            problem = findings.manifest_unwritable if error.readable else findings.manifest_unreadable
            return stopped(problem(str(path), error.reason), passing=True)
        except NotAnEntryError as error:
            return stopped(findings.not_for_metaflow(str(error)))
        elsewhere = () if task.context.trusted else tuple(_elsewhere(task, held))
        if elsewhere:
            return stopped(foreign_manifest(str(path), elsewhere))
        environments = self._environments_of(task.context, settings, task.indexes)
        try:
            watched += self._lay_out(identity, held, settings, environments, report)
            if datastore is not None and held.offered:
                datastore.offer(held.offered, report)
        except NotMadeError as error:
            return stopped(error.finding, passing=True)
        missing = any(_missing(identity, held, settings, environments))
        if identity.datastore == "local" or not held.unconfirmed:
            nearly = State.RESOLVED if identity.datastore == "local" else State.CACHED
            return Warmth(nearly if missing else State.WARM, tuple(said), tuple(watched), passing=missing)
        awaits = datastore.bucket if datastore is not None and held.offered else None
        queued = awaits is not None and not awaits.read_only
        said.append(findings.not_in_datastore(identity.datastore, held.unconfirmed, queued=queued))
        return Warmth(State.RESOLVED, tuple(said), tuple(watched), passing=missing, awaits=awaits)

    def fetch(self, task: WarmTask) -> None:
        """Has what is resolved of the environment on this machine; nothing where the manifest says what it is made of.

        Raises:
            ManifestError: The manifest cannot be read.
            NotMadeError: A package cannot be had.
        """
        identity = task.of_core
        settings = read_micromamba_settings(task.context.surroundings, trusted=task.context.trusted)
        known = manifest.read(manifest_path(identity.local_root, identity.flow))
        if settings.platform not in identity.conda_platforms or identity.id in known:
            return
        conda = task.conda.get(settings.platform)
        environments = self._environments_of(task.context, settings, task.indexes)
        wheels = task.wheels.packages if task.wheels else ()
        python = identity.python if identity.platform == settings.platform else None
        environments.fetch(settings.platform, conda.packages if conda else (), wheels, python)

    def _datastore(self, task: WarmTask, settings: MicromambaSettings) -> Datastore | None:
        if self._datastore_of is None or task.of_core.datastore == "local":
            return None
        return self._datastore_of(task, settings)

    def _lay_out(
        self,
        identity: Identity,
        held: _Held,
        settings: MicromambaSettings,
        environments: Environments,
        report: Report,
    ) -> Iterator[str]:
        """Makes what Metaflow wants on this machine; the files whose change would undo it."""
        for platform in identity.conda_platforms:
            if platform != settings.platform and not environments.is_foreign_marked(identity.id, platform):
                environments.mark_foreign(identity.id, platform)
        wanted = _local(identity, held, settings)
        if wanted is not None:
            prefix = environments.create(wanted, report)
            yield str(prefix / "conda-meta" / "history")


def _wanted(task: WarmTask, datastore: Datastore | None = None) -> Iterator[Wanted]:
    identity = task.of_core

    def lines(resolution: Resolution) -> Entry:
        return entry(resolution, datastore.confirmed(resolution.packages) if datastore is not None else ())

    for platform, resolution in task.conda.items():
        yield Wanted(identity.id, platform, "conda", lines(resolution))
    if task.wheels is not None:
        yield Wanted(identity.id, identity.platform, "pypi", lines(task.wheels))


def _held(task: WarmTask, content: dict[str, object]) -> _Held:
    """What counts: the manifest's packages, with all that is known of them where they are the resolved ones."""
    id_, found, unconfirmed = task.of_core.id, {}, 0
    offered: dict[str, LockedPackage] = {}
    for wanted in _wanted(task):
        resolved = task.conda[wanted.platform] if wanted.kind == "conda" else task.wheels
        lines = manifest.find(content, id_, wanted.platform, wanted.kind) or wanted.lines
        unconfirmed += sum("path" not in line for line in lines)
        if resolved is None:
            continue
        if same_packages(lines, wanted.lines):
            found[wanted.kind, wanted.platform] = resolved
            without = {line["url"] for line in lines if "path" not in line}
            offered |= {package.url: package for package in resolved.packages if package.url in without}
        else:
            kind = Kind.CONDA if wanted.kind == "conda" else Kind.PYPI
            found[wanted.kind, wanted.platform] = resolution_of(lines, kind, resolved.target, resolved.request)
    conda = {platform: resolution for (kind, platform), resolution in found.items() if kind == "conda"}
    return _Held(conda, found.get(("pypi", task.of_core.platform)), unconfirmed, tuple(offered.values()))


def _elsewhere(task: WarmTask, held: _Held) -> Iterator[str]:
    """Where packages of the manifest come from and none that was resolved does: the file may be somebody else's."""
    resolved = [*task.conda.values(), *([task.wheels] if task.wheels else [])]
    own = {source_of(package) for one in resolved for package in one.packages}
    kept = [*held.conda.values(), *([held.wheels] if held.wheels else [])]
    yield from dict.fromkeys(
        source_of(package) for one in kept for package in one.packages if source_of(package) not in own
    )


def _kept(task: WarmTask, kept: tuple[Wanted, ...], path: str) -> Finding:
    """What the manifest holds beside what was resolved."""
    wanted = {(one.platform, one.kind): {line["url"] for line in one.lines} for one in _wanted(task)}
    differing = sorted(
        str(line.get("url")).rpartition("/")[2]
        for one in kept
        for line in one.lines
        if line.get("url") not in wanted[one.platform, one.kind]
    )
    platforms = sorted({one.platform for one in kept})
    return findings.other_packages(task.of_core.id, path, platforms, differing)


def _local(identity: Identity, held: _Held, settings: MicromambaSettings) -> LocalEnvironment | None:
    """The environment that Metaflow wants on this machine; None where it wants none."""
    conda = held.conda.get(settings.platform)
    if conda is None:
        return None
    return LocalEnvironment(
        identity.id, settings.platform, conda, held.wheels, installs_wheels=identity.platform == settings.platform
    )


def _missing(
    identity: Identity, held: _Held, settings: MicromambaSettings, environments: Environments
) -> Iterator[str]:
    """What Metaflow's own checks would find wanting, stage by stage."""
    for platform in identity.conda_platforms:
        if platform != settings.platform and not environments.is_foreign_marked(identity.id, platform):
            yield f"the download for {platform}"
    wanted = _local(identity, held, settings)
    if wanted is not None:
        yield from environments.missing(wanted)

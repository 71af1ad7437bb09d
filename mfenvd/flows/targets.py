"""Where a step's environment will run, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Location
from mfenvd.domain.plan import PlannedTarget
from mfenvd.domain.target import DEFAULT_MACOS, Target, offered_version
from mfenvd.flows.cuda import cuda_of
from mfenvd.flows.decospecs import Decospec, parse_decospec, remote_arch
from mfenvd.flows.floors import ProjectTargets, Want, glibc_floor
from mfenvd.flows.launches import Launch
from mfenvd.flows.reading import RemoteDecorator, StepReading


class StepTargets(msgspec.Struct, frozen=True):
    """A step's targets, and the names of the decorators that make it remote."""

    targets: tuple[PlannedTarget, ...]
    remote: tuple[str, ...] = ()


def step_targets(
    step: StepReading, python: str, launches: Sequence[Launch], project: ProjectTargets, kind: str | None = None
) -> StepTargets:
    """The targets of a step: this machine, where its decorators and launches run it, and what is asked for.

    Args:
        step: What the flow says of it.
        python: Of its environment.
        launches: Of its flow, from the project's scripts.
        project: What else decides.
        kind: Of its environment; None means what the step says.
    """
    always = [*_written(step, project), *_configured(step, project)]
    launched = list(_launched(step, launches, project))
    wants = [*_local(project, step.location), *always, *launched, *_requested(project.settings.archs, project)]
    only_remote = any(want.remote is not None and want.remote.condition is None for want in always)
    names = dict.fromkeys(want.remote.name for want in (*always, *launched) if want.remote)
    declared = step.python is not None
    targets = _planned(wants, python, project, kind or step.kind, only_remote=only_remote, declared=declared)
    return StepTargets(targets, tuple(names))


def requested_targets(  # noqa: PLR0913 - one argument per fact
    archs: Sequence[Arch],
    python: str,
    project: ProjectTargets,
    origin: Location | None,
    *,
    kind: str | None = None,
    declared: bool,
) -> tuple[PlannedTarget, ...]:
    """The targets of an environment that no flow names: `archs`, else this machine and the project's archs."""
    if archs:
        wants = [
            msgspec.structs.replace(local, reason=reason) if local else Want(arch, reason, location=origin)
            for arch in archs
            for reason in [f"archs in {_file_name(origin)}" if origin else "asked for"]
            for local in [next((want for want in _local(project, origin) if want.arch is arch), None)]
        ]
    else:
        wants = [*_local(project, origin), *_requested(project.settings.archs, project)]
    return _planned(wants, python, project, kind, only_remote=False, declared=declared)


def offering(planned: PlannedTarget, step: StepReading) -> PlannedTarget:
    """The target with what `@sys_packages` says that it offers; builds behind the versions do not count."""
    given = {name: offered_version(version) for name, version in step.system.items()}
    return planned.given(glibc=given.get("__glibc"), cuda=given.get("__cuda"))


def _local(project: ProjectTargets, location: Location | None) -> Iterator[Want]:
    if project.host.arch is not None:
        yield Want(project.host.arch, "local", local=True, location=location)


def _written(step: StepReading, project: ProjectTargets) -> Iterator[Want]:
    """The decorators in the flow file."""
    for remote in step.remote:
        condition = f" if {remote.condition}" if remote.condition else ""
        known = remote.arch in set(Arch)
        arch = Arch(remote.arch) if known else remote_arch(remote.name, project.metaflow.kubernetes_arch)
        yield Want(arch, f"@{remote.name} on {step.name}{condition}", remote, location=remote.location)


def _configured(step: StepReading, project: ProjectTargets) -> Iterator[Want]:
    """What Metaflow's and mfenv's configuration attach to every launch."""
    for attached in project.metaflow.decospecs:
        yield from _attached(step, attached.decospec, attached.phrase, project)
    for index, text in enumerate(project.settings.launch_with):
        spec = parse_decospec(text)
        origin = project.settings.origins.get(f"with.{index}")
        yield from _attached(step, spec, f"--with {spec.name} by `with` in {_file_name(origin)}", project)


def _launched(step: StepReading, launches: Sequence[Launch], project: ProjectTargets) -> Iterator[Want]:
    for launch in launches:
        gpu = max((spec.gpu or 0 for spec in launch.decospecs if spec.name == "resources"), default=0)
        for spec in launch.decospecs:
            yield from _attached(step, spec, launch.phrase, project, gpu)


def _attached(step: StepReading, spec: Decospec, reason: str, project: ProjectTargets, gpu: int = 0) -> Iterator[Want]:
    """What `--with` does: nothing to a step that has the decorator, whose own arguments then count.

    `gpu` is what `--with resources` of the same launch asks for.
    """
    if not spec.is_remote:
        return
    written = next((remote for remote in step.remote if remote.name == spec.name and not remote.condition), None)
    asked = max(spec.gpu or 0, step.gpu if step.gpu is not None else gpu)
    remote = written or RemoteDecorator(
        spec.name, step.location, image=spec.image, gpu=asked or None, image_known=spec.image_known
    )
    arch = remote_arch(spec.name, project.metaflow.kubernetes_arch)
    yield Want(arch, reason, remote, location=remote.location)


def _requested(archs: Sequence[Arch], project: ProjectTargets) -> Iterator[Want]:
    origin = project.settings.origins.get("archs")
    for arch in archs:
        yield Want(arch, f"archs in {_file_name(origin)}", location=origin)


def _planned(  # noqa: PLR0913 - one argument per fact
    wants: Sequence[Want], python: str, project: ProjectTargets, kind: str | None, *, only_remote: bool, declared: bool
) -> tuple[PlannedTarget, ...]:
    by_arch: dict[Arch, list[Want]] = {}
    for want in wants:
        by_arch.setdefault(want.arch, []).append(want)
    planned = []
    for arch, found in by_arch.items():
        settings = project.target_settings(arch)
        glibc, said = glibc_floor(found, project, kind, only_remote=only_remote) if arch.is_linux else (None, ())
        cuda = cuda_of(arch, kind, found, project)
        target = Target(
            arch=arch,
            python=python if declared else settings.python or python,
            glibc=glibc,
            macos=_macos(settings.macos or project.host.macos or DEFAULT_MACOS) if arch.is_macos else None,
            cuda=cuda.version,
        )
        reasons = dict.fromkeys((*(want.reason for want in found), *filter(None, [cuda.reason])))
        planned.append(PlannedTarget(target, tuple(reasons), (*said, *cuda.findings)))
    return tuple(planned)


def _macos(version: str) -> str:
    """`13.0` for `13`: one spelling, so that equal targets are equal."""
    return version if "." in version else f"{version}.0"


def _file_name(origin: Location | None) -> str:
    return Path(origin.path).name if origin else "mfenv's configuration"

"""From what a flow file says to its environments: each step's request on its targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.alias import BadAliasError, parse_alias
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.plan import Environment, PlannedTarget
from mfenvd.domain.redact import redact, shown_url, without_channel_credentials
from mfenvd.domain.request import Kind, Request
from mfenvd.flows import findings
from mfenvd.flows.floors import ProjectTargets
from mfenvd.flows.known_aliases import known_archs
from mfenvd.flows.launches import Launch
from mfenvd.flows.reading import FileReading, FlowReading, StepReading
from mfenvd.flows.requests import RequestFacts, python_version, step_request
from mfenvd.flows.targets import step_targets


class Shared(msgspec.Struct, frozen=True):
    """An environment that the configuration names.

    Attributes:
        environment: As it is read.
        archs: What it is for alone; empty means wherever a step runs.
        origin: Where it stands.
    """

    environment: Environment
    archs: tuple[Arch, ...] = ()
    origin: Location | None = None


class FlowContext(msgspec.Struct, frozen=True):
    """What the environments of all flows of a project depend on.

    Attributes:
        requests: For the requests.
        targets: For the targets.
        named: The environments that the configuration names, by name and by alias.
        manifest: metaflow-netflixext's, which has environments by alias; None with Metaflow core.
    """

    requests: RequestFacts
    targets: ProjectTargets
    named: Mapping[str, Shared]
    manifest: Path | None = None


class SourceEnvironments(msgspec.Struct, frozen=True):
    """The environments of one file.

    Attributes:
        keyed: Each with its request's key, empty without a request.
        findings: What concerns the file or a flow as a whole.
        reads: Absolute paths of the other files that they were read from.
        undeclared: Whether a request has the Python of the project's interpreter.
    """

    keyed: tuple[tuple[str, Environment], ...] = ()
    findings: tuple[Finding, ...] = ()
    reads: tuple[str, ...] = ()
    undeclared: bool = False


def source_environments(reading: FileReading, launches: Sequence[Launch], context: FlowContext) -> SourceEnvironments:
    """The environments of every step of every flow in a file, in its order.

    Args:
        reading: What the file says.
        launches: Of this file, from the project's scripts.
        context: What else decides.
    """
    keyed: list[tuple[str, Environment]] = []
    reads = [*reading.reads, *(launch.location.path for launch in launches)]
    said = list(reading.findings)
    undeclared = False
    for flow in reading.flows:
        said += flow.findings
        for step in flow.steps:
            environment, read = _environment(reading.path, flow, step, launches, context)
            reads += read
            undeclared |= environment.request is not None and step.python is None and step.named_env is None
            keyed.append((environment.request.key if environment.request else "", environment))
    return SourceEnvironments(tuple(keyed), tuple(said), tuple(dict.fromkeys(reads)), undeclared)


def _environment(
    source: str, flow: FlowReading, step: StepReading, launches: Sequence[Launch], context: FlowContext
) -> tuple[Environment, tuple[str, ...]]:
    """The step's environment, and the files besides the reading's own that it was read from."""
    if context.requests.core is False:
        # The extension merges several of a name.
        allowed = tuple(finding for finding in step.findings if finding.code != Code.TWICE_IN_CORE)
        step = msgspec.structs.replace(step, findings=allowed)
    if step.named_env is not None:
        return _named(source, flow, step, launches, context), (str(context.manifest),) if context.manifest else ()
    folders = (*context.requests.folders, Path(source).parent)
    asked = step_request(step, msgspec.structs.replace(context.requests, folders=folders))
    where = step_targets(step, asked.python, launches, context.targets, asked.kind)
    targets = tuple(_offering(planned, step) for planned in where.targets)
    if asked.kind is None or step.disabled:
        # What is assumed about a target matters to nobody where there is nothing to resolve.
        targets = tuple(msgspec.structs.replace(target, findings=()) for target in targets)
    environment = Environment(
        source=source,
        flow=flow.name,
        step=step.name,
        kind=asked.kind,
        disabled=step.disabled,
        python=asked.python,
        conda=step.conda,
        pypi=_shown(step.pypi),
        channels=_channels(step, asked.request),
        indexes=tuple(map(shown_url, step.indexes)),
        remote=where.remote,
        request=asked.request,
        targets=targets,
        findings=_once(step.findings, asked.findings, context.requests.core),
        origins={"python": step.location, **step.origins} if step.python else step.origins,
        identities=step.identities,
        base=asked.base if step.identities or context.requests.core else None,
    )
    return environment, asked.reads


def _offering(planned: PlannedTarget, step: StepReading) -> PlannedTarget:
    """The target with what `@sys_packages` says that it offers; builds behind the versions do not count."""
    given = {name: version.partition("=")[0] for name, version in step.system.items()}
    return planned.given(glibc=given.get("__glibc"), cuda=given.get("__cuda"))


def _channels(step: StepReading, request: Request | None) -> tuple[str, ...]:
    """What the packages come from, as far as it is known."""
    channels = request.conda.channels if request else ()
    return tuple(map(without_channel_credentials, channels or step.channels))


def _named(
    source: str, flow: FlowReading, step: StepReading, launches: Sequence[Launch], context: FlowContext
) -> Environment:
    """A step with `@named_env`: what the configuration says of that name, else a finding."""
    name = step.named_env or ""
    shared, unsure = _shared(name, step, context)
    known = shared.environment if shared else None
    kind = known.kind if known else Kind(step.kind) if step.kind else None
    declared = known.python if known else python_version(step.python or "")
    python = declared or context.requests.python
    where = step_targets(msgspec.structs.replace(step, python=python), python, launches, context.targets, kind)
    targets = tuple(_available(_offering(planned, step), name, shared, step) for planned in where.targets)
    if shared is None and (archs := _of_manifest(name, context)):
        # Metaflow takes it as it is: what is told is for which archs it cannot.
        targets = tuple(planned for planned in targets if planned.target.arch not in archs and not step.disabled)
        unsure = tuple(_missing(planned.target.arch, name, archs, step) for planned in targets)
    said = [*step.findings, *unsure, *(known.findings if known else ())]
    return Environment(
        source=source,
        flow=flow.name,
        step=step.name,
        kind=kind,
        disabled=step.disabled,
        python=python,
        conda=known.conda if known else step.conda,
        pypi=known.pypi if known else _shown(step.pypi),
        channels=known.channels if known else tuple(map(without_channel_credentials, step.channels)),
        indexes=known.indexes if known else tuple(map(shown_url, step.indexes)),
        named_env=name,
        remote=where.remote,
        request=known.request if known and not step.disabled else None,
        targets=targets,
        findings=tuple(said),
        origins=known.origins if known else step.origins,
        identities=step.identities if known else (),
    )


def _shared(name: str, step: StepReading, context: FlowContext) -> tuple[Shared | None, tuple[Finding, ...]]:
    """What the configuration says of that name or alias, else the finding that says why it is not known."""
    if name in context.named:
        return context.named[name], ()
    if "@{" in name:
        return None, (findings.named_at_run_time(name, _place(step)),)
    try:
        alias = str(parse_alias(name))
    except BadAliasError as error:
        return None, (findings.bad_alias(error, _place(step)),)
    if alias in context.named:
        return context.named[alias], ()
    return None, (findings.unknown_named_environment(name, _place(step), context.named),)


def _of_manifest(name: str, context: FlowContext) -> tuple[Arch, ...]:
    """The archs that metaflow-netflixext has an environment of that name for; none where it knows none."""
    if context.manifest is None:
        return ()
    try:
        return known_archs(context.manifest, parse_alias(name))
    except BadAliasError:
        return ()


def _available(planned: PlannedTarget, name: str, shared: Shared | None, step: StepReading) -> PlannedTarget:
    """The target, with the finding that the environment is not for its arch; nothing is said of an unknown one."""
    if shared is None:
        return msgspec.structs.replace(planned, findings=())
    arch = planned.target.arch
    if step.disabled or not shared.archs or arch in shared.archs:
        return planned
    missing = _missing(arch, name, shared.archs, step, shared.origin)
    return msgspec.structs.replace(planned, findings=(*planned.findings, missing))


def _missing(
    arch: Arch, name: str, archs: Sequence[Arch], step: StepReading, origin: Location | None = None
) -> Finding:
    return findings.not_shared_for_arch(name, arch, archs, _place(step), origin, late=step.fetch_at_exec)


def _place(step: StepReading) -> Location:
    """Where the environment is named."""
    return step.named_at or step.location


def _once(read: Sequence[Finding], asked: Sequence[Finding], core: bool | None) -> tuple[Finding, ...]:
    """Both, but of a mixture only what is more certain: the request knows whether it is Metaflow core that runs it."""
    codes = {Code.MIXED_IN_CORE} if core is False else {finding.code for finding in asked} & {Code.MIXED_IN_CORE}
    return (*(finding for finding in read if finding.code not in codes), *asked)


def _shown(packages: Mapping[str, str]) -> dict[str, str]:
    """The packages as written, but for credentials in URLs."""
    return {redact(name): redact(version) for name, version in packages.items()}

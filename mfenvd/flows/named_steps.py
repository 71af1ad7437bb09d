"""Steps that take an environment by name: what is known of it, and where it is not available."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.alias import BadAliasError, parse_alias
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.identity import AnyIdentity, RequestIdentity
from mfenvd.domain.plan import Environment, PlannedTarget
from mfenvd.domain.redact import shown_packages, shown_url, without_channel_credentials
from mfenvd.domain.request import Kind
from mfenvd.flows import findings
from mfenvd.flows.extension_requests import described_on, extending, python_of, within
from mfenvd.flows.flow_context import FlowContext, Shared
from mfenvd.flows.known_aliases import known_archs
from mfenvd.flows.launches import Launch
from mfenvd.flows.reading import FlowReading, StepReading
from mfenvd.flows.requests import RequestFacts, python_version
from mfenvd.flows.targets import offering, step_targets


def named_environments(
    source: str, flow: FlowReading, step: StepReading, launches: Sequence[Launch], context: FlowContext
) -> tuple[Environment, ...]:
    """A step with `@named_env`: what the configuration or the extension says of that name, else a finding.

    A step that asks for more than the environment has is resolved as the extension would do it, for each arch.
    """
    name = step.named_env or ""
    shared, unsure = _shared(name, step, context)
    known = shared.environment if shared else None
    kind = known.kind if known else Kind(step.kind) if step.kind else None
    declared = known.python if known else python_version(step.python or "")
    python = declared or context.requests.python
    where = step_targets(msgspec.structs.replace(step, python=python), python, launches, context.targets, kind)
    bare = Environment(
        source=source, flow=flow.name, step=step.name, named_env=name, remote=where.remote, findings=step.findings,
        origins=step.origins,
    )  # fmt: skip
    asked = [one for one in step.identities if isinstance(one, RequestIdentity) and one.resolves]
    archs = _of_manifest(name, context) if asked or shared is None else ()
    if asked and (shared is None or any(one.full is None for one in asked)):
        folders = (*context.requests.folders, Path(source).parent)
        facts = msgspec.structs.replace(context.requests, folders=folders)
        return (*_as_asked(bare, step, asked, where.targets, facts), *_unavailable(bare, where.targets, archs, step))
    targets = tuple(_available(offering(planned, step), name, shared, step) for planned in where.targets)
    if shared is None and archs:
        # Metaflow takes it as it is: what is told is for which archs it cannot.
        targets = tuple(planned for planned in targets if planned.target.arch not in archs and not step.disabled)
        unsure = tuple(_missing(planned.target.arch, name, archs, step) for planned in targets)
    said = (*step.findings, *_untold(unsure, step))
    bare = msgspec.structs.replace(
        bare, kind=kind, disabled=step.disabled, python=python, targets=targets, findings=said
    )
    return (_as_written(bare, step) if known is None else _as_configured(bare, step, known),)


def _as_written(bare: Environment, step: StepReading) -> Environment:
    """With what stands at the step."""
    return msgspec.structs.replace(
        bare,
        conda=step.conda,
        pypi=shown_packages(step.pypi),
        channels=tuple(map(without_channel_credentials, step.channels)),
        indexes=tuple(map(shown_url, step.indexes)),
    )


def _as_configured(bare: Environment, step: StepReading, known: Environment) -> Environment:
    """With what the configuration says of it."""
    return msgspec.structs.replace(
        bare,
        conda=known.conda,
        pypi=known.pypi,
        channels=known.channels,
        indexes=known.indexes,
        request=None if step.disabled else known.request,
        findings=(*bare.findings, *known.findings),
        origins=known.origins,
        identities=tuple(map(_of_configuration, step.identities)),
    )


def _untold(said: Sequence[Finding], step: StepReading) -> Iterator[Finding]:
    """What nothing else says: nothing of a disabled step, nor that a name is not known where the extension says so."""
    is_refused = any(finding.code == Code.EXTENSION_NOT_WARMED for finding in step.findings)
    for finding in said:
        if not step.disabled and not (is_refused and finding.code == Code.NAMED_ENVIRONMENT):
            yield finding


def _as_asked(
    like: Environment,
    step: StepReading,
    identities: Sequence[RequestIdentity],
    targets: Sequence[PlannedTarget],
    facts: RequestFacts,
) -> Iterator[Environment]:
    """What the extension takes or resolves: one for each arch, as a named environment has other packages on each."""
    planned = {str(one.target.arch): one for one in targets}
    asking = [identity for identity in identities if identity.arch in planned]
    for identity in asking:
        asked = extending(identity)
        on = within(offering(planned[identity.arch], step), asked)
        on = msgspec.structs.replace(on, target=msgspec.structs.replace(on.target, python=python_of(asked, facts)))
        name = f"{like.named_env} on {identity.arch}" if identity is not asking[0] else None
        found = described_on(on, asked, msgspec.structs.replace(like, name=name, identities=(identity,)), facts)
        yield msgspec.structs.replace(found.environment, base=found.base and found.base.request)


def _unavailable(
    like: Environment, targets: Sequence[PlannedTarget], archs: Sequence[Arch], step: StepReading
) -> Iterator[Environment]:
    """One for each arch that the manifest does not have the environment for; none where it does not know it at all."""
    for planned in targets:
        arch = planned.target.arch
        if archs and arch not in archs:
            missing = _missing(arch, like.named_env or "", archs, step)
            yield msgspec.structs.replace(
                like, name=f"{like.named_env} on {arch}", targets=(planned,), findings=(*like.findings, missing)
            )


def _of_configuration(identity: AnyIdentity) -> AnyIdentity:
    """What is resolved is what the configuration says."""
    return msgspec.structs.replace(identity, resolves={}) if isinstance(identity, RequestIdentity) else identity


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
    unknown = findings.unknown_named_environment(name, _place(step), context.named, manifest=context.manifest)
    return None, (unknown,)


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

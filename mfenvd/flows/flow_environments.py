"""From what a flow file says to its environments: each step's request on its targets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding
from mfenvd.domain.plan import Environment
from mfenvd.domain.redact import shown_packages, shown_url, without_channel_credentials
from mfenvd.domain.request import Request
from mfenvd.flows.flow_context import FlowContext
from mfenvd.flows.launches import Launch
from mfenvd.flows.named_steps import named_environments
from mfenvd.flows.reading import FileReading, FlowReading, StepReading
from mfenvd.flows.requests import step_request
from mfenvd.flows.targets import offering, step_targets

_NOT_OF_EXTENSION = frozenset({Code.MIXED_IN_CORE, Code.TWICE_IN_CORE})
"""What Metaflow core refuses, and metaflow-netflixext puts together."""


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
        steps = flow.steps
        if context.requests.core is False:
            steps = tuple(_without(step, _NOT_OF_EXTENSION) for step in steps)
        for step in steps:
            if step.named_env is not None:
                reads += (str(context.manifest),) if context.manifest else ()
                found = named_environments(reading.path, flow, step, launches, context)
            else:
                environment, read = _environment(reading.path, flow, step, launches, context)
                reads += read
                undeclared |= environment.request is not None and step.python is None
                found = (environment,)
            keyed += ((one.request.key if one.request else "", one) for one in found)
    return SourceEnvironments(tuple(keyed), tuple(said), tuple(dict.fromkeys(reads)), undeclared)


def _environment(
    source: str, flow: FlowReading, step: StepReading, launches: Sequence[Launch], context: FlowContext
) -> tuple[Environment, tuple[str, ...]]:
    """The step's environment, and the files besides the reading's own that it was read from."""
    folders = (*context.requests.folders, Path(source).parent)
    asked = step_request(step, msgspec.structs.replace(context.requests, folders=folders))
    where = step_targets(step, asked.python, launches, context.targets, asked.kind)
    targets = tuple(offering(planned, step) for planned in where.targets)
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
        pypi=shown_packages(step.pypi),
        channels=_channels(step, asked.request),
        indexes=tuple(map(shown_url, step.indexes)),
        remote=where.remote,
        request=asked.request,
        targets=targets,
        findings=_once(step.findings, asked.findings),
        origins={"python": step.location, **step.origins} if step.python else step.origins,
        identities=step.identities,
        base=asked.base if step.identities or context.requests.core else None,
    )
    return environment, asked.reads


def _channels(step: StepReading, request: Request | None) -> tuple[str, ...]:
    """What the packages come from, as far as it is known."""
    channels = request.conda.channels if request else ()
    return tuple(map(without_channel_credentials, channels or step.channels))


def _once(read: Sequence[Finding], asked: Sequence[Finding]) -> tuple[Finding, ...]:
    """Both, but of a mixture only what is more certain: the request knows whether it is Metaflow core that runs it."""
    codes = {finding.code for finding in asked} & {Code.MIXED_IN_CORE}
    return (*(finding for finding in read if finding.code not in codes), *asked)


def _without(step: StepReading, codes: Collection[Code]) -> StepReading:
    kept = tuple(finding for finding in step.findings if finding.code not in codes)
    return msgspec.structs.replace(step, findings=kept)

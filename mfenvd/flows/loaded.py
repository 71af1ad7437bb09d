"""What to ask Metaflow about a flow file, and a reading with Metaflow's answer laid over it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.identity import Identity
from mfenvd.domain.loaded import (
    AS_WRITTEN,
    DeclaredFlow,
    DeclaredStep,
    LoadedFile,
    LoadedFlow,
    LoadedStep,
    PlannedLaunch,
)
from mfenvd.domain.pins import DATASTORES, pinned_packages
from mfenvd.domain.redact import redact
from mfenvd.domain.request import Kind
from mfenvd.flows import findings
from mfenvd.flows.decospecs import parse_decospec
from mfenvd.flows.launches import DEPLOYERS, Launch
from mfenvd.flows.loaded_request import as_requested
from mfenvd.flows.reading import FileReading, FlowReading, RemoteDecorator, StepReading

_UNKNOWN = frozenset(
    {Code.UNKNOWN_VALUE, Code.UNKNOWN_DECORATOR, Code.UNKNOWN_BASE, Code.MUTATOR, Code.CONDITIONAL_REMOTE}
)
"""What reading could not know, and loading knows."""

_OF_THE_INTERPRETER = frozenset(
    {Code.METAFLOW_MISSING, Code.INTERPRETER_NOT_STARTED, Code.EXTENSION_NOT_WARMED, Code.EXTENSION_UNKNOWN}
)


class Overlay(msgspec.Struct, frozen=True):
    """Metaflow's answer about a file.

    Attributes:
        answer: The answer.
        asked: The reading that it answers. A step that is read otherwise now is not what was asked about.
        python: Version of the interpreter that launches, for steps that name none.
        attached: Decorators that Metaflow's configuration attaches to every step, which no flow file wrote.
    """

    answer: LoadedFile
    asked: FileReading
    python: str
    attached: frozenset[str] = frozenset()


def is_worth_asking(reading: FileReading, *, extended: bool = False) -> bool:
    """Whether Metaflow makes environments of a flow in the file, or may.

    Args:
        reading: The file.
        extended: Whether there is the extension that has named environments.
    """
    said = [*reading.findings, *(finding for flow in reading.flows for finding in flow.findings)]
    steps = [step for flow in reading.flows for step in flow.steps]
    unknown = any(finding.code in _UNKNOWN for step in steps for finding in (*said, *step.findings))
    of_its_own = any(step.kind is not None and step.named_env is None for step in steps)
    return unknown or of_its_own or (extended and any(_is_of_extension(step) for step in steps))


def declared_flows(reading: FileReading) -> tuple[DeclaredFlow, ...]:
    """The flows of a file with those of their steps whose environment is known."""
    return tuple(
        DeclaredFlow(flow.name, tuple(_declared(step) for step in flow.steps if _is_known(step)))
        for flow in reading.flows
    )


def planned_launches(launches: Sequence[Launch], always: Sequence[str]) -> tuple[PlannedLaunch, ...]:
    """How a flow is started: as written, and each way of the project's scripts that makes steps run elsewhere.

    Args:
        launches: Of the project's scripts.
        always: `with` of mfenv's configuration.
    """
    found = [PlannedLaunch()]
    configured = tuple(spec.name for spec in map(parse_decospec, always) if spec.is_remote)
    if configured:
        found.append(_planned("run", configured))
    for launch in launches:
        implied = DEPLOYERS.get(launch.command)
        specs = tuple(spec.name for spec in launch.decospecs if spec.name != implied)
        found.append(_planned(launch.command, specs))
    return tuple({(launch.command, launch.decospecs): launch for launch in found}.values())


def overlaid(reading: FileReading, overlay: Overlay | None) -> FileReading:
    """The reading with what Metaflow said in the place of what was read, and with the names of its environments."""
    if overlay is None:
        return reading
    asked = {flow.name: {step.name: step for step in flow.steps} for flow in overlay.asked.flows}
    flows = tuple(_flow(flow, asked.get(flow.name, {}), overlay) for flow in reading.flows)
    loaded = overlay.answer.loaded and bool(overlay.answer.flows)
    said = tuple(finding for finding in reading.findings if not (loaded and finding.code in _UNKNOWN))
    known = {flow.name for flow in flows}
    new = {flow.flow: None for flow in overlay.answer.flows if loaded and flow.flow not in known}
    flows += tuple(_flow(FlowReading(name, Location(reading.path)), {}, overlay) for name in new)
    return FileReading(
        reading.path,
        flows,
        (*said, *overlay.answer.findings),
        tuple(dict.fromkeys((*reading.reads, *(file for file in overlay.answer.files if file != reading.path)))),
    )


def _declared(step: StepReading) -> DeclaredStep:
    mixed = _is_mixed(step)
    return DeclaredStep(
        step=step.name,
        kind=str(Kind.PYPI) if mixed else step.kind,
        disabled=step.disabled,
        python=step.python,
        packages=step.pypi if mixed or step.kind == Kind.PYPI else step.conda,
        beside=step.conda if mixed else {},
        remote=tuple(remote.name for remote in step.remote if remote.condition is None),
        of_core=not mixed and not _is_of_extension(step),
        decorators=step.decorators,
    )


def _is_known(step: StepReading) -> bool:
    """Whether everything that Metaflow hashes of a step is known."""
    return not any(finding.code in _UNKNOWN for finding in step.findings)


def _is_of_extension(step: StepReading) -> bool:
    """Whether it has a decorator that only metaflow-netflixext has."""
    return step.named_env is not None or bool(step.system)


def _is_mixed(step: StepReading) -> bool:
    return bool(step.conda and step.pypi) or step.kind == Kind.MIXED


def _planned(command: str, specs: tuple[str, ...]) -> PlannedLaunch:
    attached = " ".join(f"--with {spec}" for spec in specs)
    return PlannedLaunch(attached if command == "run" else f"{attached} {command} create".strip(), command, specs)


def _flow(flow: FlowReading, asked: Mapping[str, StepReading], overlay: Overlay) -> FlowReading:
    answers = [answer for answer in overlay.answer.flows if answer.flow == flow.name]
    if not _has_environments(flow, answers):
        return flow
    by_step: dict[str, list[tuple[LoadedFlow, LoadedStep]]] = {}
    for answer in answers:
        for loaded in answer.steps:
            by_step.setdefault(loaded.step, []).append((answer, loaded))
    steps = []
    for step in flow.steps:
        found = by_step.pop(step.name, [])
        known = asked.get(step.name)
        steps.append(_step(flow, step, found, overlay) if known and _values(known) == _values(step) else step)
    if overlay.answer.loaded and not asked.keys() - {step.name for step in flow.steps}:
        # Steps that reading did not see: made by a mutator, or of a base class that could not be read.
        unseen = {name: found for name, found in by_step.items() if name not in asked}
        steps += [_step(flow, StepReading(name, flow.location), found, overlay) for name, found in unseen.items()]
    said = flow.findings
    if overlay.answer.loaded and answers:
        said = tuple(finding for finding in said if finding.code not in _UNKNOWN)
    return msgspec.structs.replace(flow, steps=tuple(steps), findings=said)


def _has_environments(flow: FlowReading, answers: Sequence[LoadedFlow]) -> bool:
    """Whether the flow is started with `--environment` at all: Metaflow then gives each of its steps one."""
    written = any(step.kinds for answer in answers for step in answer.steps)
    read = any(step.kind is not None or _is_of_extension(step) for step in flow.steps)
    return bool(answers) and (written or read)


def _step(
    flow: FlowReading, step: StepReading, found: Sequence[tuple[LoadedFlow, LoadedStep]], overlay: Overlay
) -> StepReading:
    """A step with its identities and, of a flow that was loaded, with the values that Metaflow has."""
    if not found:
        return step
    if step.named_env is not None:
        return _named(step, [loaded for _, loaded in found])
    identities = {(one.asked.id, one.asked.platform): one.asked for _, one in found if one.asked}
    named = msgspec.structs.replace(step, identities=tuple(identities.values()))
    # The launch as written comes first, if Metaflow takes it.
    answer, first = found[0]
    if first.problem is not None:
        return _refused(named, first) if overlay.answer.extension is not None else named
    if not overlay.answer.loaded:
        return _only_read(named, first, overlay)
    seen = _loaded(named, first, overlay, as_written=answer.launch == AS_WRITTEN)
    differences = tuple(_differences(step, seen, overlay.python))
    if differences and step.kind is not None:
        notice = findings.loaded_differs(flow.name, step.name, step.location, differences)
        return msgspec.structs.replace(seen, findings=(*seen.findings, notice))
    return seen


def _only_read(step: StepReading, answer: LoadedStep, overlay: Overlay) -> StepReading:
    """A step of a flow that was not loaded: the extension merges what was read otherwise than Metaflow."""
    if answer.request is not None:
        return as_requested(step, answer.request, overlay.python)
    if overlay.answer.extension is not None:
        return msgspec.structs.replace(step, disabled=True)
    implied = step.kind is None and answer.asked is not None
    return msgspec.structs.replace(step, kind=str(Kind.CONDA)) if implied else step


def _named(step: StepReading, found: Sequence[LoadedStep]) -> StepReading:
    """A step that takes a named environment, with which one that is."""
    identities = {one.request.key: one.request for one in found if one.request is not None and one.request.base}
    known = msgspec.structs.replace(step, identities=tuple(identities.values()))
    refused = next((one for one in found if one.problem is not None), None)
    return known if refused is None else _refused(known, refused)


def _refused(step: StepReading, answer: LoadedStep) -> StepReading:
    """With the reason why the extension makes no environment of it, unless reading found it, at its very place."""
    if answer.refused and any(finding.severity is Severity.ERROR for finding in step.findings):
        return step
    reason = answer.problem or ""
    if answer.refused:
        said = findings.extension_refuses(step.name, step.location, reason)
    else:
        only_named = step.named_env is not None
        said = findings.extension_silent(
            step.name, step.location, reason, only_named=only_named, needs_trust=answer.needs_trust
        )
    return msgspec.structs.replace(step, findings=(*step.findings, said))


def _loaded(step: StepReading, loaded: LoadedStep, overlay: Overlay, *, as_written: bool) -> StepReading:
    said = tuple(finding for finding in step.findings if finding.code not in _UNKNOWN)
    remote = _remote(step, loaded.remote, overlay.attached) if as_written else step.remote
    if loaded.request is not None:
        asked = as_requested(step, loaded.request, overlay.python)
        return msgspec.structs.replace(asked, remote=remote, findings=said)
    identity = loaded.identity
    if identity is None:
        kind = step.kind or next(reversed(loaded.kinds), None)
        return msgspec.structs.replace(step, kind=kind, disabled=True, remote=remote, findings=said)
    is_pypi = identity.pypi is not None
    packages = dict(_without_pins(identity))
    return msgspec.structs.replace(
        step,
        kind=str(Kind.PYPI if is_pypi else Kind.CONDA),
        disabled=False,
        python=step.python if (step.python or overlay.python) == identity.python else identity.python,
        conda={} if is_pypi else packages,
        pypi=packages if is_pypi else {},
        remote=remote,
        findings=said,
    )


def _remote(step: StepReading, names: Sequence[str], attached: Collection[str]) -> tuple[RemoteDecorator, ...]:
    """The decorators that Metaflow found, with what was read of them."""
    written = {remote.name: msgspec.structs.replace(remote, condition=None) for remote in step.remote}
    return tuple(
        written.get(name) or RemoteDecorator(name, step.location)
        for name in dict.fromkeys(names)
        if name in written or name not in attached
    )


def _without_pins(identity: Identity) -> Iterator[tuple[str, str]]:
    """The packages without those that Metaflow adds, and that a request gets anyway."""
    pins = pinned_packages(identity.datastore) if identity.datastore in DATASTORES else {}
    packages = identity.conda if identity.pypi is None else identity.pypi
    return ((name, version) for name, version in packages.items() if pins.get(name) != version)


def _values(step: StepReading) -> tuple[object, ...]:
    """What decides about the environment, without where it stands."""
    remote = tuple((remote.name, remote.condition) for remote in step.remote)
    said = tuple(finding.code for finding in step.findings)
    values = (step.kind, step.disabled, step.python, step.conda, step.pypi, step.named_env, step.decorators)
    return *values, remote, said


def _differences(read: StepReading, seen: StepReading, python: str) -> Iterator[str]:
    """What is another value, one phrase each; what reading knew it did not know is no difference."""
    if any(finding.code in _UNKNOWN for finding in read.findings):
        return
    if read.disabled != seen.disabled:
        yield f"disabled: {read.disabled} read, {seen.disabled} loaded"
    if seen.disabled:
        return
    if read.kind != seen.kind:
        yield f"@{read.kind} read, @{seen.kind} loaded"
    if (read.python or python) != (seen.python or python) and (
        read.python or not (seen.python or "").startswith(python)
    ):
        yield f"Python: {read.python or python} read, {seen.python or python} loaded"
    before, after = {**read.conda, **read.pypi}, {**seen.conda, **seen.pypi}
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield redact(f"{name}: {_shown(before.get(name))} read, {_shown(after.get(name))} loaded")


def _shown(version: str | None) -> str:
    return "not" if version is None else version or "any version"


def said_once(said: Sequence[Finding]) -> list[Finding]:
    """Without repetitions: what is wrong with the interpreter is said of each file."""
    found: list[Finding] = []
    for finding in said:
        if finding.code not in _OF_THE_INTERPRETER or finding not in found:
            found.append(finding)
    return found

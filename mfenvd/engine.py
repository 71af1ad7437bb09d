"""One request on one target, start to end; used by the daemon and by one-shot commands alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from packaging.utils import canonicalize_name

from mfenvd.domain.codes import Code
from mfenvd.domain.drift import drift_findings
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.job import Job, job_key
from mfenvd.domain.plan import Environment, Plan, PlannedTarget
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress, Refresher, Resolver
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict

_SEVERITY_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


class Engine:
    """Hands each job to the resolver of its kind."""

    def __init__(self, resolvers: Mapping[Kind, Resolver]) -> None:
        self._resolvers = resolvers

    def settle(self, job: Job, report: Callable[[Progress], None]) -> Outcome:
        """The answer to `job`. Blocking; `report` is called from the same thread as the work goes on."""
        resolver = self._resolvers.get(job.request.kind)
        if resolver is None:
            return Outcome(findings=(_kind_not_supported(job.request.kind),), failed=True)
        return resolver.resolve(job.request, job.target, job.context, report)

    def refresh(self, kind: Kind, work: Sequence[tuple[Request, Target]], context: Context) -> float | None:
        """Has the resolver of `kind` fetch again what it cached for `work` and what is soon out of date. Blocking.

        Returns:
            Seconds until it is worth asking again; None when the resolver caches nothing that ages.
        """
        resolver = self._resolvers.get(kind)
        return resolver.refresh(work, context) if isinstance(resolver, Refresher) else None


def jobs(plan: Plan, context: Context) -> tuple[Job, ...]:
    """The work that `plan` asks for, each job once, in the order of the plan."""
    found: dict[str, Job] = {}
    for environment, planned in _pairs(plan):
        if environment.request is not None and not environment.broken and not planned.broken:
            job = Job(environment.request, planned.target, context)
            found.setdefault(job.key, job)
    return tuple(found.values())


def verdicts(
    plan: Plan, context: Context, outcomes: Mapping[str, Outcome], states: Mapping[str, State] | None = None
) -> tuple[Verdict, ...]:
    """What clients are told of every environment of `plan` on each of its targets, in the order of the plan.

    Args:
        plan: What was understood.
        context: As for `jobs`.
        outcomes: What is settled, by `Job.key`.
        states: By `Job.key`, for jobs that are under way or whose outcome is out of date; queued otherwise.
    """
    return tuple(
        verdict
        for environment in plan.environments
        for verdict in environment_verdicts(environment, _keys(environment, context), outcomes, states)
    )


def environment_verdicts(
    environment: Environment,
    keys: Mapping[Target, str],
    outcomes: Mapping[str, Outcome],
    states: Mapping[str, State] | None = None,
) -> tuple[Verdict, ...]:
    """As `verdicts`, of one environment; `keys` are its jobs' by target."""
    if environment.request is None and not environment.broken:
        return ()
    settled = {target: outcomes[key] for target, key in keys.items() if key in outcomes}
    drift = drift_findings({t: o.resolution for t, o in settled.items() if o.resolution is not None})
    return tuple(
        _verdict(
            environment,
            planned,
            settled.get(planned.target),
            (states or {}).get(keys.get(planned.target, "")),
            drift.get(planned.target, ()),
        )
        for planned in environment.targets
    )


def _keys(environment: Environment, context: Context) -> dict[Target, str]:
    request = environment.request
    if request is None:
        return {}
    return {p.target: job_key(request, p.target, context.root, context.trusted) for p in environment.targets}


def _verdict(
    environment: Environment,
    planned: PlannedTarget,
    outcome: Outcome | None,
    state: State | None,
    drift: tuple[Finding, ...],
) -> Verdict:
    known = outcome or Outcome()
    if environment.broken or planned.broken:
        state = State.BLOCKED
    elif state is None:
        state = known.state if outcome else State.QUEUED
    findings = [
        _located(finding, environment)
        for finding in (*environment.findings, *planned.findings, *known.findings, *drift)
    ]
    return Verdict(
        source=environment.source,
        flow=environment.flow,
        step=environment.step,
        env=environment.env,
        target=planned.target,
        reasons=planned.reasons,
        state=state,
        packages=known.resolution.packages if known.resolution else (),
        findings=tuple(sorted(findings, key=lambda finding: _SEVERITY_ORDER[finding.severity])),
        request=environment.request.key if environment.request else None,
        kind=environment.kind,
    )


def _located(finding: Finding, environment: Environment) -> Finding:
    """The finding at the line of the root requirement that it follows from."""
    for name in filter(None, (*finding.chain, finding.package)):
        # conda's names are as they are written (`ruamel.yaml`), a flow's packages are known by their canonical ones.
        place = environment.origins.get(name) or environment.origins.get(canonicalize_name(name))
        if place is not None:
            return finding.located(place)
    return finding


def _pairs(plan: Plan) -> Iterator[tuple[Environment, PlannedTarget]]:
    for environment in plan.environments:
        for planned in environment.targets:
            yield environment, planned


def _kind_not_supported(kind: Kind) -> Finding:
    return Finding(
        code=Code.KIND_NOT_SUPPORTED,
        severity=Severity.WARNING,
        message=f"mfenv does not resolve {kind} environments yet; `metaflow run` will resolve this one itself.",
    )

"""One request on one target, start to end; used by the daemon and by one-shot commands alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from packaging.utils import canonicalize_name

from mfenvd.domain.codes import Code
from mfenvd.domain.drift import drift_findings
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.identity import AnyIdentity
from mfenvd.domain.job import Job, job_key
from mfenvd.domain.pins import ADDED
from mfenvd.domain.plan import Environment, Plan, PlannedTarget
from mfenvd.domain.request import Indexes, Kind, Request
from mfenvd.domain.resolution import Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress, Refresher, Resolver
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.warming import Warmer, WarmTask, Warmth

_DISTANCE = (State.WARM, State.CACHED, State.RESOLVED)
"""The nearest to a run first."""

_SEVERITY_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


class Engine:
    """Hands each job to the resolver of its kind."""

    def __init__(self, resolvers: Mapping[Kind, Resolver], warmer: Warmer | None = None) -> None:
        self._resolvers = resolvers
        self._warmer = warmer

    def load(self) -> None:
        """Loads what making something ready takes time to load."""
        if self._warmer:
            self._warmer.load()

    def warm(self, task: WarmTask, report: Callable[[Progress], None]) -> Warmth:
        """Makes ready what was resolved. Blocking; `report` as for `settle`."""
        return self._warmer.warm(task, report) if self._warmer else Warmth(State.RESOLVED)

    def fetch(self, task: WarmTask) -> None:
        """Fetches what is resolved of an environment whose rest is not. Blocking."""
        if self._warmer:
            self._warmer.fetch(task)

    def tidy(self, context: Context, *, removes: bool) -> None:
        """Does for what is ready what nobody waits for, and if it `removes`, for what nobody wants. Blocking."""
        if self._warmer:
            self._warmer.tidy(context, removes=removes)

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
            for base in _bases(environment, planned, context):
                found.setdefault(base.key, base)
    return tuple(found.values())


class Needs(msgspec.Struct, frozen=True):
    """What one of Metaflow's environments is made of.

    Attributes:
        identity: What Metaflow calls it.
        conda: `Job.key` by conda platform.
        wheels: `Job.key`; None for a `@conda` environment.
        indexes: Those that its source names for the wheels.
        requests: What is asked for, of conda first.
    """

    identity: AnyIdentity
    conda: dict[str, str]
    wheels: str | None = None
    indexes: Indexes = Indexes()
    requests: tuple[Request, ...] = ()

    @property
    def jobs(self) -> tuple[str, ...]:
        return (*self.conda.values(), *([self.wheels] if self.wheels else []))

    def task(self, outcomes: Mapping[str, Outcome], context: Context) -> WarmTask | None:
        """The work; None while not everything is resolved."""
        found = self._resolved(outcomes)
        return self._task(found, context) if len(found) == len(set(self.jobs)) else None

    def part(self, outcomes: Mapping[str, Outcome], context: Context) -> WarmTask | None:
        """What can be fetched for the work already; None while nothing is resolved."""
        found = self._resolved(outcomes)
        return self._task(found, context) if found else None

    def _resolved(self, outcomes: Mapping[str, Outcome]) -> dict[str, Resolution]:
        good = {key: outcomes[key] for key in self.jobs if key in outcomes and outcomes[key].state is State.RESOLVED}
        return {key: outcome.resolution for key, outcome in good.items() if outcome.resolution is not None}

    def _task(self, found: Mapping[str, Resolution], context: Context) -> WarmTask:
        conda = {platform: found[key] for platform, key in self.conda.items() if key in found}
        wheels = found.get(self.wheels) if self.wheels else None
        return WarmTask(self.identity, conda, wheels, context, indexes=self.indexes, requests=self.requests)


def needs(plan: Plan, context: Context) -> dict[str, Needs]:
    """What Metaflow's environments of `plan` are made of, by `Identity.key`."""
    return {
        identity.key: found
        for environment in plan.environments
        if environment.request is not None and not environment.broken
        for identity in environment.identities
        if (found := _needs(environment, environment.request, identity, context)) is not None
    }


def _needs(environment: Environment, request: Request, identity: AnyIdentity, context: Context) -> Needs | None:
    """None where it needs a platform that is no target: a machine that mfenv and Metaflow call by different names."""
    targets = {str(planned.target.arch): planned.target for planned in environment.targets if not planned.broken}
    if not {identity.platform, *identity.conda_platforms} <= targets.keys():
        return None
    of_conda = environment.base if identity.has_base else request
    if of_conda is None:
        return None
    keys = {
        platform: job_key(of_conda, targets[platform], context.root, context.trusted)
        for platform in identity.conda_platforms
    }
    wheels = job_key(request, targets[identity.platform], context.root, context.trusted)
    if not identity.has_base:
        return Needs(identity, keys, requests=(request,))
    return Needs(identity, keys, wheels, request.pypi.indexes, (of_conda, request))


def _bases(environment: Environment, planned: PlannedTarget, context: Context) -> Iterator[Job]:
    """The conda environments that the wheels go into, where Metaflow needs one on this target."""
    arch = str(planned.target.arch)
    if environment.base is not None and any(arch in one.conda_platforms for one in environment.identities):
        yield Job(environment.base, planned.target, context)


def verdicts(
    plan: Plan,
    context: Context,
    outcomes: Mapping[str, Outcome],
    states: Mapping[str, State] | None = None,
    warmths: Mapping[str, Warmth] | None = None,
) -> tuple[Verdict, ...]:
    """What clients are told of every environment of `plan` on each of its targets, in the order of the plan.

    Args:
        plan: What was understood.
        context: As for `jobs`.
        outcomes: What is settled, by `Job.key`.
        states: By `Job.key`, for jobs that are under way or whose outcome is out of date; queued otherwise.
        warmths: How ready Metaflow's environments are, by `Identity.key`.
    """
    return tuple(
        verdict
        for environment in plan.environments
        for made_of in [needs(Plan(plan.root, (environment,)), context)]
        for verdict in environment_verdicts(
            environment, _keys(environment, context), outcomes, states, made_of=made_of, warmths=warmths
        )
    )


def environment_verdicts(  # noqa: PLR0913 - all that is known
    environment: Environment,
    keys: Mapping[Target, str],
    outcomes: Mapping[str, Outcome],
    states: Mapping[str, State] | None = None,
    *,
    made_of: Mapping[str, Needs] | None = None,
    warmths: Mapping[str, Warmth] | None = None,
) -> tuple[Verdict, ...]:
    """As `verdicts`, of one environment; `keys` are its jobs' by target, `made_of` is what `needs` says."""
    if not environment.has_verdict:
        return ()
    settled = {target: outcomes[key] for target, key in keys.items() if key in outcomes}
    drift = drift_findings({t: o.resolution for t, o in settled.items() if o.resolution is not None})
    plain = (
        _verdict(
            environment,
            planned,
            settled.get(planned.target),
            (states or {}).get(keys.get(planned.target, "")),
            drift.get(planned.target, ()),
        )
        for planned in environment.targets
    )
    return tuple(_warmed(verdict, environment, made_of or {}, outcomes, warmths or {}) for verdict in plain)


def _warmed(
    verdict: Verdict,
    environment: Environment,
    made_of: Mapping[str, Needs],
    outcomes: Mapping[str, Outcome],
    warmths: Mapping[str, Warmth],
) -> Verdict:
    """The verdict with what is known of Metaflow's environments: the least that one of them is."""
    if verdict.state is not State.RESOLVED:
        return verdict
    here = [one for one in environment.identities if one.platform == str(verdict.target.arch)]
    state, said = State.WARM if here else State.RESOLVED, list(verdict.findings)
    for identity in here:
        if environment.base is not None and identity.key in made_of:
            bases = [outcomes[key] for key in made_of[identity.key].conda.values() if key in outcomes]
            # That the wheels fit together is known all the same.
            said += [_base_unresolved(base) for base in bases if base.state is not State.RESOLVED]
        warmth = warmths.get(identity.key) or Warmth(State.RESOLVED)
        state = max(state, warmth.state, key=_DISTANCE.index)
        said += warmth.findings
    # Several launches may say the same.
    once = [finding for index, finding in enumerate(said) if finding not in said[:index]]
    once.sort(key=lambda finding: _SEVERITY_ORDER[finding.severity])
    return msgspec.structs.replace(verdict, state=state, findings=tuple(once))


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


def _base_unresolved(base: Outcome) -> Finding:
    """MFE611: what Metaflow needs besides the wheels."""
    causes = base.findings or (Finding(Code.INTERNAL_ERROR, Severity.ERROR, "no reason is known"),)
    return Finding(
        code=Code.BASE_UNRESOLVED,
        severity=Severity.WARNING,
        message="Metaflow puts the wheels into a Python from conda, which cannot be resolved: " + causes[0].message,
        fix=causes[0].fix,
        detail=tuple(line for cause in causes for line in (f"{cause.code} {cause.message}", *cause.detail)),
        data={"codes": [str(cause.code) for cause in causes]},
    )


def _located(finding: Finding, environment: Environment) -> Finding:
    """The finding at the line of the root requirement that it follows from, or with whose requirement that is."""
    names = tuple(filter(None, (*finding.chain, finding.package)))
    for name in names:
        # conda's names are as they are written (`ruamel.yaml`), a flow's packages are known by their canonical ones.
        place = environment.origins.get(name) or environment.origins.get(canonicalize_name(name))
        if place is not None:
            return finding.located(place)
    if environment.flow and finding.path is None and names and names[0] in ADDED:
        return msgspec.structs.replace(
            finding, message=f"{finding.message} Metaflow adds {names[0]} to every environment."
        )
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

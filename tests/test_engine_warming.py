"""What Metaflow's environments rest on, and what verdicts say of them."""

from __future__ import annotations

from mfenvd import engine
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.identity import Identity
from mfenvd.domain.job import job_key
from mfenvd.domain.plan import Environment, Plan, PlannedTarget
from mfenvd.domain.request import CondaPart, Indexes, Kind, PypiPart, Request
from mfenvd.domain.resolution import Outcome, Resolution
from mfenvd.domain.resolver import Context
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.warming import Warmth

CONTEXT = Context("/cache", Surroundings("/p"), "/p", "osx-arm64")
MAC = Target(Arch.OSX_ARM64, "3.11", macos="14.0")
LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.26")
WHEELS = Request(Kind.PYPI, "3.11", PypiPart(("six",)))
BASE = Request(Kind.CONDA, "3.11", conda=CondaPart((("pip", ""),)))


def identity(platform: Arch, *, pypi: bool = True, id_: str = "") -> Identity:
    return Identity(
        id_ or f"id-{platform}", "Flow", "3.11", str(platform), str(Arch.OSX_ARM64), {}, {"six": ""} if pypi else None,
        "local", "/p/.metaflow/conda", "/p/.metaflow",
    )  # fmt: skip


def environment(*identities: Identity, request: Request = WHEELS, base: Request | None = BASE) -> Environment:
    targets = tuple(PlannedTarget(target, ("local",)) for target in (MAC, LINUX))
    return Environment(
        "/p/flow.py", "Flow", "start", kind=str(request.kind), request=request, targets=targets, identities=identities,
        base=base,
    )  # fmt: skip


def key(request: Request, target: Target) -> str:
    return job_key(request, target, CONTEXT.root, CONTEXT.trusted)


def good(request: Request, target: Target) -> Outcome:
    return Outcome(Resolution(request.key, target, ()))


RESOLVED = {key(request, target): good(request, target) for request in (WHEELS, BASE) for target in (MAC, LINUX)}


def told(one: Environment, outcomes: dict[str, Outcome], warmths: dict[str, Warmth]) -> dict[Arch, Verdict]:
    verdicts = engine.verdicts(Plan("/p", (one,)), CONTEXT, outcomes, {}, warmths)
    return {verdict.target.arch: verdict for verdict in verdicts}


def test_the_work_knows_the_indexes_that_its_source_names() -> None:
    named = Indexes(extra_index_urls=("https://user:secret@index.example/simple",))
    request = Request(Kind.PYPI, "3.11", PypiPart(("six",), indexes=named))
    local = identity(Arch.OSX_ARM64)
    plan = Plan("/p", (environment(local, request=request),))
    outcomes = {key(one, MAC): good(one, MAC) for one in (request, BASE)}
    task = engine.needs(plan, CONTEXT)[local.key].task(outcomes, CONTEXT)
    assert task is not None
    assert task.indexes == named


def test_wheels_for_a_remote_step_rest_on_conda_here_and_there() -> None:
    remote, local = identity(Arch.LINUX_64), identity(Arch.OSX_ARM64)
    plan = Plan("/p", (environment(remote, local),))
    needs = engine.needs(plan, CONTEXT)
    assert needs[remote.key].conda == {"linux-64": key(BASE, LINUX), "osx-arm64": key(BASE, MAC)}
    assert needs[remote.key].wheels == key(WHEELS, LINUX)
    assert needs[local.key].conda == {"osx-arm64": key(BASE, MAC)}
    assert needs[local.key].wheels == key(WHEELS, MAC)
    assert needs[local.key].requests == (BASE, WHEELS)
    assert [(str(job.request.kind), job.target.arch) for job in engine.jobs(plan, CONTEXT)] == [
        ("pypi", Arch.OSX_ARM64), ("conda", Arch.OSX_ARM64), ("pypi", Arch.LINUX_64), ("conda", Arch.LINUX_64)
    ]  # fmt: skip


def test_a_base_is_resolved_only_where_metaflow_makes_one() -> None:
    plan = Plan("/p", (environment(identity(Arch.OSX_ARM64)),))
    assert [(str(job.request.kind), job.target.arch) for job in engine.jobs(plan, CONTEXT)] == [
        ("pypi", Arch.OSX_ARM64), ("conda", Arch.OSX_ARM64), ("pypi", Arch.LINUX_64)
    ]  # fmt: skip


def test_a_conda_environment_rests_on_its_own_resolution() -> None:
    remote = identity(Arch.LINUX_64, pypi=False)
    found = engine.needs(Plan("/p", (environment(remote, request=BASE, base=None),)), CONTEXT)
    assert (found[remote.key].conda, found[remote.key].wheels) == ({"linux-64": key(BASE, LINUX)}, None)


def test_a_machine_that_metaflow_calls_otherwise_rests_on_nothing() -> None:
    """On 64-bit ARM Linux Metaflow's own code says linux-64, which is then no target."""
    only_mac = environment(identity(Arch.LINUX_AARCH64))
    assert engine.needs(Plan("/p", (only_mac,)), CONTEXT) == {}


def test_the_work_holds_every_resolution_or_there_is_none() -> None:
    remote = identity(Arch.LINUX_64)
    (needs,) = engine.needs(Plan("/p", (environment(remote),)), CONTEXT).values()
    task = needs.task(RESOLVED, CONTEXT)
    assert task is not None
    assert {platform: resolution.target for platform, resolution in task.conda.items()} == {
        "linux-64": LINUX, "osx-arm64": MAC
    }  # fmt: skip
    assert task.wheels is not None
    assert task.wheels.target == LINUX
    assert needs.task({k: v for k, v in RESOLVED.items() if k != key(BASE, MAC)}, CONTEXT) is None
    failed = Outcome(failed=True)
    assert needs.task({**RESOLVED, key(BASE, MAC): failed}, CONTEXT) is None


def test_a_verdict_is_warm_when_each_launch_of_it_is() -> None:
    first, second = identity(Arch.LINUX_64), identity(Arch.LINUX_64, id_="other")
    one = environment(first, second)
    warm, cold = Warmth(State.WARM), Warmth(State.RESOLVED)
    assert told(one, RESOLVED, {first.key: warm, second.key: warm})[Arch.LINUX_64].state is State.WARM
    assert told(one, RESOLVED, {first.key: warm, second.key: cold})[Arch.LINUX_64].state is State.RESOLVED
    assert told(one, RESOLVED, {first.key: warm})[Arch.LINUX_64].state is State.RESOLVED
    # Nothing of Metaflow runs on this machine.
    assert told(one, RESOLVED, {first.key: warm, second.key: warm})[Arch.OSX_ARM64].state is State.RESOLVED


def test_what_is_cached_counts_less_than_what_is_warm() -> None:
    first, second = identity(Arch.LINUX_64), identity(Arch.LINUX_64, id_="other")
    warmths = {first.key: Warmth(State.CACHED), second.key: Warmth(State.WARM)}
    assert told(environment(first, second), RESOLVED, warmths)[Arch.LINUX_64].state is State.CACHED


def test_what_is_blocked_stays_blocked_whatever_is_warm() -> None:
    remote = identity(Arch.LINUX_64)
    blocked = Outcome(findings=(Finding(Code.NO_SUCH_PACKAGE, Severity.ERROR, "There is no six."),))
    verdict = told(environment(remote), {**RESOLVED, key(WHEELS, LINUX): blocked}, {remote.key: Warmth(State.WARM)})
    assert verdict[Arch.LINUX_64].state is State.BLOCKED


def test_a_base_that_cannot_be_resolved_is_a_warning_beside_wheels_that_fit() -> None:
    remote = identity(Arch.LINUX_64)
    broken = Outcome(findings=(Finding(Code.NO_SUCH_PACKAGE, Severity.ERROR, "There is no python.", fix="Do."),))
    verdict = told(environment(remote), {**RESOLVED, key(BASE, LINUX): broken, key(BASE, MAC): broken}, {})
    assert verdict[Arch.LINUX_64].state is State.RESOLVED
    (warning,) = verdict[Arch.LINUX_64].findings
    assert (warning.code, warning.severity, warning.fix) == (Code.BASE_UNRESOLVED, Severity.WARNING, "Do.")
    assert warning.message.endswith("There is no python.")


def test_findings_of_warming_are_told_with_the_verdict() -> None:
    remote = identity(Arch.LINUX_64)
    finding = Finding(Code.MICROMAMBA_MISSING, Severity.WARNING, "No micromamba.")
    verdict = told(environment(remote), RESOLVED, {remote.key: Warmth(State.WARM, (finding,))})[Arch.LINUX_64]
    assert (verdict.state, verdict.findings) == (State.WARM, (finding,))

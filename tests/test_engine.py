from collections.abc import Callable

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.plan import Environment, Plan, PlannedTarget
from mfenvd.domain.request import Kind, PypiPart, Request
from mfenvd.domain.resolution import LockedPackage, Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.engine import Engine, jobs, verdicts

CONTEXT = Context(cache_dir="/cache", surroundings=Surroundings(cwd="/p"), root="/p", local_arch="osx-arm64")
LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.26")
MAC = Target(Arch.OSX_ARM64, "3.11", macos="13.0")
REQUEST = Request(Kind.PYPI, "3.11", PypiPart(requirements=("numpy==2.4.6", "requests>=2.21.0")))


def step(name: str, *targets: PlannedTarget, request: Request | None = REQUEST, **more: object) -> Environment:
    fields = {"kind": "pypi", "origins": {"numpy": Location("/p/flow.py", 7, 22)}, **more}
    return Environment(source="/p/flow.py", flow="F", step=name, request=request, targets=targets, **fields)  # type: ignore[arg-type]


def locked(target: Target, version: str) -> Outcome:
    package = LockedPackage("numpy", version, f"numpy-{version}.whl", "https://x.example/", requested=True)
    return Outcome(Resolution(REQUEST.key, target, (package,)))


def error(code: Code, **more: object) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, message="no", **more)  # type: ignore[arg-type]


BOTH = (PlannedTarget(MAC, ("local",)), PlannedTarget(LINUX, ("@batch on train",)))


def test_steps_that_share_an_environment_are_one_job_per_target() -> None:
    plan = Plan("/p", (step("start", *BOTH), step("train", *BOTH)))
    assert [job.target for job in jobs(plan, CONTEXT)] == [MAC, LINUX]


def test_a_jobs_answer_reaches_every_step_that_shares_it() -> None:
    plan = Plan("/p", (step("start", *BOTH), step("train", *BOTH)))
    mac, linux = jobs(plan, CONTEXT)
    told = verdicts(plan, CONTEXT, {mac.key: locked(MAC, "2.4.6"), linux.key: locked(LINUX, "2.4.6")})
    assert [(v.step, v.target.arch, v.state) for v in told] == [
        ("start", Arch.OSX_ARM64, State.RESOLVED),
        ("start", Arch.LINUX_64, State.RESOLVED),
        ("train", Arch.OSX_ARM64, State.RESOLVED),
        ("train", Arch.LINUX_64, State.RESOLVED),
    ]
    assert {v.env for v in told} == {REQUEST.id}
    assert told[0].packages[0].name == "numpy"


def test_what_is_not_settled_is_queued_or_as_the_scheduler_says() -> None:
    plan = Plan("/p", (step("start", *BOTH),))
    mac, _linux = jobs(plan, CONTEXT)
    told = verdicts(plan, CONTEXT, {}, {mac.key: State.RESOLVING})
    assert [v.state for v in told] == [State.RESOLVING, State.QUEUED]


def test_a_finding_is_placed_at_the_line_of_its_root_requirement() -> None:
    plan = Plan("/p", (step("start", *BOTH),))
    _mac, linux = jobs(plan, CONTEXT)
    outcome = Outcome(findings=(error(Code.WHEEL_GAP, package="openblas", chain=("numpy", "openblas")),))
    blocked = verdicts(plan, CONTEXT, {linux.key: outcome})[1]
    assert blocked.state is State.BLOCKED
    assert blocked.findings[0].place == "/p/flow.py:7:22"


def test_a_finding_about_what_metaflow_adds_says_so() -> None:
    plan = Plan("/p", (step("start", *BOTH),))
    _mac, linux = jobs(plan, CONTEXT)
    outcome = Outcome(findings=(error(Code.WHEEL_GAP, package="urllib3", chain=("requests", "urllib3")),))
    (finding,) = verdicts(plan, CONTEXT, {linux.key: outcome})[1].findings
    assert (finding.message, finding.path) == ("no Metaflow adds requests to every environment.", None)
    mine = Plan("/p", (step("start", *BOTH, origins={"requests": Location("/p/flow.py", 3, 2)}),))
    (finding,) = verdicts(mine, CONTEXT, {linux.key: outcome})[1].findings
    assert (finding.message, finding.place) == ("no", "/p/flow.py:3:2")


def test_condas_names_are_found_by_their_canonical_ones() -> None:
    plan = Plan("/p", (step("start", *BOTH, origins={"ruamel-yaml": Location("/p/flow.py", 3, 2)}),))
    _mac, linux = jobs(plan, CONTEXT)
    outcome = Outcome(findings=(error(Code.NO_SUCH_VERSION, package="ruamel.yaml", chain=("ruamel.yaml",)),))
    assert verdicts(plan, CONTEXT, {linux.key: outcome})[1].findings[0].place == "/p/flow.py:3:2"


def test_findings_come_errors_first() -> None:
    notice = Finding(code=Code.GLIBC_ASSUMED, severity=Severity.NOTICE, message="assumed")
    plan = Plan("/p", (step("start", PlannedTarget(LINUX, ("local",), (notice,))),))
    (job,) = jobs(plan, CONTEXT)
    (verdict,) = verdicts(plan, CONTEXT, {job.key: Outcome(findings=(error(Code.WHEEL_GAP),))})
    assert [finding.code for finding in verdict.findings] == [Code.WHEEL_GAP, Code.GLIBC_ASSUMED]


def test_an_environment_that_cannot_be_known_is_blocked_without_a_job() -> None:
    plan = Plan("/p", (step("start", *BOTH, request=None, findings=(error(Code.UNKNOWN_VALUE),)),))
    assert jobs(plan, CONTEXT) == ()
    assert [v.state for v in verdicts(plan, CONTEXT, {})] == [State.BLOCKED, State.BLOCKED]


def test_a_target_that_is_known_to_fail_is_blocked_without_a_job_and_the_other_goes_on() -> None:
    gap = PlannedTarget(LINUX, ("local",), (error(Code.LOCK_GAP),))
    plan = Plan("/p", (step("start", BOTH[0], gap),))
    assert [job.target for job in jobs(plan, CONTEXT)] == [MAC]
    assert [v.state for v in verdicts(plan, CONTEXT, {})] == [State.QUEUED, State.BLOCKED]


def test_steps_without_an_environment_have_no_verdict() -> None:
    plan = Plan("/p", (step("start", *BOTH, request=None, kind=None), step("off", *BOTH, request=None, disabled=True)))
    assert verdicts(plan, CONTEXT, {}) == ()


def test_versions_that_differ_between_targets_are_told_on_both() -> None:
    plan = Plan("/p", (step("start", *BOTH),))
    mac, linux = jobs(plan, CONTEXT)
    told = verdicts(plan, CONTEXT, {mac.key: locked(MAC, "2.4.6"), linux.key: locked(LINUX, "2.2.0")})
    assert [[f.code for f in v.findings] for v in told] == [[Code.DRIFT], [Code.DRIFT]]
    assert told[0].findings[0].line == 7


def test_a_job_goes_to_the_resolver_of_its_kind() -> None:
    class Recorder:
        def resolve(
            self, request: Request, target: Target, context: Context, report: Callable[[Progress], None]
        ) -> Outcome:
            report(Progress("reading", 1, 2))
            return locked(target, "1.0")

    seen: list[Progress] = []
    (job, _) = jobs(Plan("/p", (step("start", *BOTH),)), CONTEXT)
    assert Engine({Kind.PYPI: Recorder()}).settle(job, seen.append).state is State.RESOLVED
    assert seen == [Progress("reading", 1, 2)]


def test_a_kind_without_a_resolver_is_undecided_and_says_so() -> None:
    (job, _) = jobs(Plan("/p", (step("start", *BOTH),)), CONTEXT)
    outcome = Engine({}).settle(job, lambda _: None)
    assert outcome.state is State.FAILED
    assert [finding.code for finding in outcome.findings] == [Code.KIND_NOT_SUPPORTED]

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mfenvd.cli import oneshot
from mfenvd.cli.progress import Silent
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.plan import Environment, Plan, PlannedTarget
from mfenvd.domain.request import Kind, PypiPart, Request
from mfenvd.domain.resolution import Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from mfenvd.engine import Engine
from mfenvd.paths import find_paths
from tests.support import samples
from tests.support.fake_daemon import FakeDaemon


class Recorder(Silent):
    """Keeps what a board is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, State, str | None]] = []

    def show(self, verdict: Verdict, step: Progress | None = None) -> None:
        self.told.append((verdict.name, verdict.state, step.stage if step else None))


class FakeResolver:
    """Resolves what does not ask for `torch`; `bug` breaks it."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Request, Target]] = []
        self._lock = threading.Lock()

    def resolve(
        self, request: Request, target: Target, context: Context, report: Callable[[Progress], None]
    ) -> Outcome:
        assert context.surroundings
        with self._lock:
            self.jobs.append((request, target))
        report(Progress("solving"))
        if "bug" in request.pypi.requirements:
            raise RuntimeError("https://me:secret@index.example/ surprised us")
        if "torch" in request.pypi.requirements:
            return Outcome(findings=(samples.findings(Path("/p"))["gap"],))
        return Outcome(Resolution(request.key, target, samples.REQUESTS))


def environment(step: str, *packages: str, targets: tuple[Target, ...] = (samples.LINUX, samples.MAC)) -> Environment:
    return Environment(
        source="/p/flow.py",
        flow="F",
        step=step,
        kind="pypi",
        request=Request(Kind.PYPI, "3.11", PypiPart(requirements=packages)),
        targets=tuple(PlannedTarget(target, ("local",)) for target in targets),
    )


def settle(
    *environments: Environment, board: Silent | None = None, using: FakeResolver | None = None
) -> tuple[oneshot.Checked, FakeResolver]:
    resolver = using or FakeResolver()
    context = Context("/cache", Surroundings("/p"), "/p", "linux-64")
    found = oneshot.settle([(Plan("/p", environments), context)], Engine({Kind.PYPI: resolver}), board or Silent())
    return found, resolver


def test_every_environment_gets_a_verdict_for_every_target(project: Path) -> None:
    assert project
    found, _ = settle(environment("a", "requests"), environment("b", "torch"))
    assert [(verdict.step, verdict.target.arch, verdict.state) for verdict in found.verdicts] == [
        ("a", "linux-64", State.RESOLVED),
        ("a", "osx-arm64", State.RESOLVED),
        ("b", "linux-64", State.BLOCKED),
        ("b", "osx-arm64", State.BLOCKED),
    ]


def test_steps_that_share_a_request_are_resolved_once() -> None:
    found, resolver = settle(*(environment(f"s{number}", "requests") for number in range(5)))
    assert len(resolver.jobs) == 2
    assert len(found.verdicts) == 10


def test_the_board_hears_of_every_step_from_queued_to_done() -> None:
    board = Recorder()
    settle(environment("a", "requests"), environment("b", "requests"), board=board)
    for name in ("a", "b"):
        states = [state for told, state, _ in board.told if told == name]
        assert states[:2] == [State.QUEUED, State.QUEUED]
        assert states.count(State.RESOLVED) == 2
        assert (name, State.RESOLVING, "solving") in board.told


def test_one_that_fails_does_not_take_the_others_along(project: Path) -> None:
    assert project
    found, _ = settle(environment("a", "bug", targets=(samples.LINUX,)), environment("b", "requests"))
    broken, *others = found.verdicts
    assert broken.state is State.FAILED
    assert broken.findings[0].code == Code.INTERNAL_ERROR
    (crash,) = Path(find_paths().log).glob("crash-*.txt")
    assert str(crash) in (broken.findings[0].fix or "")
    assert "secret" not in broken.findings[0].message + crash.read_text()
    assert {verdict.state for verdict in others} == {State.RESOLVED}


def test_what_is_known_to_be_broken_starts_no_resolver() -> None:
    unknown = Finding(Code.UNKNOWN_VALUE, Severity.ERROR, "…")
    broken = Environment("/p/flow.py", "F", "a", targets=(PlannedTarget(samples.LINUX, ()),), findings=(unknown,))
    found, resolver = settle(broken)
    assert resolver.jobs == []
    assert [verdict.state for verdict in found.verdicts] == [State.BLOCKED]


def test_ctrl_c_starts_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(oneshot, "wait", interrupted)
    monkeypatch.setattr(oneshot, "_end_solvers", lambda: None)  # what other tests of this process started lives on
    monkeypatch.setattr("mfenvd.cli.oneshot.os.cpu_count", lambda: 1)
    resolver = FakeResolver()
    with pytest.raises(KeyboardInterrupt):
        settle(*(environment(f"s{number}", f"p{number}") for number in range(200)), using=resolver)
    assert len(resolver.jobs) < 400


_INTERRUPTED_ALONE = """
import os, signal, subprocess, sys
from mfenvd.cli import oneshot
from mfenvd.domain.resolution import Outcome

class Solving:
    def settle(self, *_):
        detached = subprocess.Popen(["sleep", "600"], start_new_session=True)
        with subprocess.Popen(["sleep", "600"]) as solver:
            os.kill(os.getpid(), signal.SIGINT)
        print(solver.returncode, detached.poll())
        detached.kill()
        return Outcome()

class Silent:
    def progress(self, _): pass
    def finished(self, _): pass

try:
    oneshot._run({"job": None}, Solving(), {"job": Silent()})
except KeyboardInterrupt:
    print("interrupted")
"""


def test_who_interrupts_the_command_alone_interrupts_its_solvers_too() -> None:
    argv = [sys.executable, "-c", _INTERRUPTED_ALONE]
    ended = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    assert ended.stdout.split() == ["-15", "None", "interrupted"]


def test_trust_given_to_the_daemon_counts(daemon: FakeDaemon, project: Path) -> None:
    assert oneshot.trusted_roots(find_paths()) == frozenset()
    trusted = msgspec.structs.replace(daemon.status.projects[0], trusted=True)
    daemon.status = msgspec.structs.replace(daemon.status, projects=(trusted,))
    assert oneshot.trusted_roots(find_paths()) == {str(project)}

"""Ids are those that the real Metaflow computes: several releases, loaded and only read, in different places."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.loaded import DeclaredFlow, DeclaredStep, FlowQuestion, Launcher, LoadedFile, PlannedLaunch
from mfenvd.warm.core.ids import MetaflowSide
from tests.daemon.harness import is_running
from tests.warm.core.flows_for_ids import flows

pytestmark = pytest.mark.metaflow

REAL = Path(__file__).with_name("real_ids.py")
S3 = {"METAFLOW_DEFAULT_DATASTORE": "s3", "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow"}
AS_WRITTEN = PlannedLaunch()
ON_KUBERNETES = PlannedLaunch("--with kubernetes", decospecs=("kubernetes",))
IDS = dict[str, str | None]


class Machine:
    """A user's home and project."""

    def __init__(self, folder: Path, python: str) -> None:
        self.root, self.python = folder / "project", python
        self.root.mkdir()
        (folder / "home").mkdir()
        self.environ = {
            "HOME": str(folder / "home"), "METAFLOW_HOME": str(folder / "home"), "USER": "tester",
            "PATH": os.environ["PATH"], "METAFLOW_PATH_TO_MICROMAMBA": "/bin/true",
            "METAFLOW_DEFAULT_METADATA": "local",
        }  # fmt: skip

    def launcher(self, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> Launcher:
        together = {**self.environ, **(environ or {})}
        return Launcher(
            interpreter=self.python, python=platform.python_version(), root=str(self.root), cwd=str(cwd or self.root),
            environ=together, config=together,
        )  # fmt: skip

    def real(self, flow: Path, launch: PlannedLaunch, launcher: Launcher) -> IDS:
        """What `python FLOW --environment=pypi run` computes."""
        options = [part for spec in launch.decospecs for part in ("--with", spec)]
        done = subprocess.run(
            [self.python, str(REAL), str(flow), "--environment=pypi", "--no-pylint", "run", *options],
            cwd=launcher.cwd, env=launcher.environ, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout[done.stdout.rindex('{"') :]))


@pytest.fixture
def machine(tmp_path: Path, metaflow_python: str) -> Machine:
    return Machine(tmp_path, metaflow_python)


@pytest.fixture
def installed(tmp_path: Path) -> Machine:
    return Machine(tmp_path, sys.executable)


def ask(
    machine: Machine, flow: Path, declared: DeclaredFlow, launcher: Launcher, *launches: PlannedLaunch, trusted: bool
) -> LoadedFile:
    question = FlowQuestion(str(flow), (declared,), launches or (AS_WRITTEN,), "digest")
    (answer,) = MetaflowSide().ask([question], launcher, trusted=trusted)
    assert answer.loaded is trusted
    return answer


def ids(answer: LoadedFile, launch: PlannedLaunch = AS_WRITTEN) -> IDS:
    (flow,) = [flow for flow in answer.flows if flow.launch == launch.name]
    assert [step.problem for step in flow.steps if step.problem] == []
    return {step.step: step.identity.id if step.identity else None for step in flow.steps}


def every_combination(machine: Machine) -> list[FlowQuestion]:
    """A question for each of the flows, which are written into the project."""
    questions = []
    for name, source, declared in flows():
        path = machine.root / f"{name}.py"
        path.write_text(source)
        questions.append(FlowQuestion(str(path), (declared,), (AS_WRITTEN,), "digest"))
    return questions


def test_every_combination_has_the_id_of_a_real_run(machine: Machine) -> None:
    launcher, questions = machine.launcher(), every_combination(machine)
    truth = [machine.real(Path(question.path), AS_WRITTEN, launcher) for question in questions]
    assert sum(map(len, truth)) >= 100
    for trusted in (True, False):
        answers = list(MetaflowSide().ask(questions, launcher, trusted=trusted))
        assert {answer.loaded for answer in answers} == {trusted}
        assert list(map(ids, answers)) == truth


SETTINGS = {
    "another folder": {},
    "s3": S3,
    "a package root": {**S3, "METAFLOW_CONDA_PACKAGE_S3ROOT": "s3://packages/of/the/team"},
    "a profile": {"METAFLOW_PROFILE": "team"},
    "a local root": {"METAFLOW_DATASTORE_SYSROOT_LOCAL": "/nowhere/metaflow"},
    "google": {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json"},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_ids_follow_the_settings(installed: Machine, setting: str) -> None:
    check_setting(installed, setting)


@pytest.mark.soak
@pytest.mark.parametrize("setting", ["another folder", "a package root"])
def test_ids_of_every_release_follow_the_settings(machine: Machine, setting: str) -> None:
    check_setting(machine, setting)


def check_setting(machine: Machine, setting: str) -> None:
    name, source, declared = next(flows())
    path = machine.root / "flows" / f"{name}.py"
    path.parent.mkdir()
    path.write_text(source)
    (Path(machine.environ["HOME"]) / "config_team.json").write_text(json.dumps(S3))
    cwd = machine.root / "deeper" if setting == "another folder" else machine.root
    cwd.mkdir(exist_ok=True)
    launcher = machine.launcher(cwd, SETTINGS[setting])
    plain = ids(ask(machine, path, declared, machine.launcher(), trusted=True))
    assert not (machine.root / ".metaflow").exists(), "asking leaves nothing behind"

    truth = machine.real(path, AS_WRITTEN, launcher)

    assert truth != plain
    assert ids(ask(machine, path, declared, launcher, trusted=True)) == truth
    assert ids(ask(machine, path, declared, launcher, trusted=False)) == truth


def test_both_launches_of_a_flow_are_asked_and_one_that_is_refused_says_why(machine: Machine) -> None:
    name, source, declared = next(flows())
    path = machine.root / f"{name}.py"
    path.write_text(source)
    local, remote = (
        machine.launcher(),
        machine.launcher(environ={**S3, "METAFLOW_KUBERNETES_CONDA_ARCH": "linux-aarch64"}),
    )
    if "2.12" in machine.python:
        remote = machine.launcher(environ=S3)

    answer = ask(machine, path, declared, remote, AS_WRITTEN, ON_KUBERNETES, trusted=True)
    assert ids(answer) == machine.real(path, AS_WRITTEN, remote)
    assert ids(answer, ON_KUBERNETES) == machine.real(path, ON_KUBERNETES, remote)
    assert ids(answer, ON_KUBERNETES) == ids(
        ask(machine, path, declared, remote, AS_WRITTEN, ON_KUBERNETES, trusted=False), ON_KUBERNETES
    )

    answer = ask(machine, path, declared, local, AS_WRITTEN, ON_KUBERNETES, trusted=True)
    assert [flow.launch for flow in answer.flows] == [AS_WRITTEN.name]
    (refused,) = answer.findings
    assert refused.code == Code.LAUNCH_REFUSED
    assert "requires --datastore=s3" in refused.message


DEPLOYERS = {"argo-workflows": "kubernetes", "step-functions": "batch"}


@pytest.mark.parametrize("command", DEPLOYERS)
def test_what_a_deployer_attaches_makes_steps_remote(installed: Machine, command: str) -> None:
    check_deployer(installed, command)


@pytest.mark.soak
@pytest.mark.parametrize("command", DEPLOYERS)
def test_what_a_deployer_attaches_makes_steps_of_every_release_remote(machine: Machine, command: str) -> None:
    check_deployer(machine, command)


def check_deployer(machine: Machine, command: str) -> None:
    name, source, declared = next(flows())
    path = machine.root / f"{name}.py"
    path.write_text(source)
    launcher = machine.launcher(environ=S3)
    deployed = PlannedLaunch(f"{command} create", command)
    answers = [ask(machine, path, declared, launcher, deployed, trusted=trusted) for trusted in (True, False)]
    assert ids(answers[0], deployed) == ids(answers[1], deployed)
    assert {step.remote for step in answers[0].flows[0].steps} == {(DEPLOYERS[command],)}


def test_without_metaflow_ids_are_the_same_and_a_finding_says_so(installed: Machine, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    subprocess.run([installed.python, "-m", "venv", "--without-pip", str(empty)], check=True)
    launcher, questions = installed.launcher(environ=S3), every_combination(installed)
    truth = list(map(ids, MetaflowSide().ask(questions, launcher, trusted=False)))
    bare = msgspec.structs.replace(launcher, interpreter=str(empty / "bin" / "python"))
    answers = list(MetaflowSide().ask(questions, bare, trusted=True))
    assert list(map(ids, answers)) == truth
    for answer in answers:
        assert not answer.loaded
        assert [finding.code for finding in answer.findings] == [Code.METAFLOW_MISSING]


def test_a_python_that_only_the_project_names_is_started_in_a_trusted_project_alone(installed: Machine) -> None:
    started = installed.root / "started"
    trap = installed.root / "python"
    trap.write_text(f"#!/bin/sh\ntouch {started}\n")
    trap.chmod(0o755)
    name, source, declared = next(flows())
    path = installed.root / f"{name}.py"
    path.write_text(source)
    launcher = installed.launcher(environ=S3)
    truth = ids(ask(installed, path, declared, launcher, trusted=False))
    named = msgspec.structs.replace(launcher, interpreter=str(trap), by_project=True)
    question = FlowQuestion(str(path), (declared,), (AS_WRITTEN,), "digest")
    (answer,) = MetaflowSide().ask([question], named, trusted=False)
    assert [finding.code for finding in answer.findings] == [Code.INTERPRETER_NOT_STARTED]
    assert ids(answer) == truth
    assert not started.exists()
    list(MetaflowSide().ask([question], named, trusted=True))
    assert started.exists()


def test_a_metaflow_that_is_not_understood_is_as_good_as_none(installed: Machine, tmp_path: Path) -> None:
    """One that is older than 2.9 has none of this, and neither has a package that merely has the name."""
    (tmp_path / "other" / "metaflow").mkdir(parents=True)
    for name in ("__init__.py", "cli.py"):
        (tmp_path / "other" / "metaflow" / name).touch()
    name, source, declared = next(flows())
    path = installed.root / f"{name}.py"
    path.write_text(source)
    launcher = installed.launcher(environ={"PYTHONPATH": str(tmp_path / "other")})
    question = FlowQuestion(str(path), (declared,), (AS_WRITTEN,), "digest")
    (answer,) = MetaflowSide().ask([question], launcher, trusted=True)
    assert [finding.code for finding in answer.findings] == [Code.METAFLOW_MISSING]
    assert "metaflow.plugins" in answer.findings[0].message
    assert "start" in ids(answer)


HOSTILE = {
    "import nowhere_to_be_found\n": "No module named 'nowhere_to_be_found'",
    "import sys; sys.exit(3)\n": "exit code 3",
    "import os; os._exit(0)\n": "it ended the process",
    "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n": "signal 11",
    "def broken(:\n": "invalid syntax",
    "raise SystemExit('https://user:secret@host/')\n": "https://****@host/",
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_file_that_cannot_be_loaded_is_a_finding_and_the_next_one_is_loaded(installed: Machine, hostile: str) -> None:
    bad, good = installed.root / "bad.py", installed.root / "good.py"
    bad.write_text(hostile)
    _, source, declared = next(flows())
    good.write_text(source)
    questions = [FlowQuestion(str(path), (declared,), (AS_WRITTEN,), "digest") for path in (bad, good)]

    first, second = MetaflowSide().ask(questions, installed.launcher(), trusted=True)

    assert (first.path, second.path) == (str(bad), str(good))
    assert first.flows == ()
    assert [finding.code for finding in first.findings] == [Code.NOT_LOADED]
    assert HOSTILE[hostile] in first.findings[0].message
    assert first.findings[0].path == str(bad)
    assert "start" in ids(second)


def test_a_file_that_takes_too_long_is_ended_with_what_it_started(installed: Machine) -> None:
    slow = installed.root / "slow.py"
    slow.write_text(
        "import subprocess, sys\n"
        "with subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']) as started:\n"
        "    with open('started', 'w') as told: told.write(str(started.pid))\n"
    )
    question = FlowQuestion(str(slow), (DeclaredFlow("SlowFlow", (DeclaredStep("start"),)),), (AS_WRITTEN,), "digest")
    (answer,) = MetaflowSide(seconds=2.0).ask([question], installed.launcher(), trusted=True)
    assert [finding.code for finding in answer.findings] == [Code.NOT_LOADED]
    assert "more than 2 seconds" in answer.findings[0].message
    assert not is_running(int((installed.root / "started").read_text()))


def test_code_of_an_untrusted_project_does_not_run(installed: Machine) -> None:
    name, source, declared = next(flows())
    path = installed.root / f"{name}.py"
    path.write_text(f"open({str(installed.root / 'ran')!r}, 'w')\n{source}")
    (installed.root / "json.py").write_text(f"open({str(installed.root / 'ran')!r}, 'w')\n")
    assert ids(ask(installed, path, declared, installed.launcher(), trusted=False))
    assert not (installed.root / "ran").exists()
    ask(installed, path, declared, installed.launcher(), trusted=True)
    assert (installed.root / "ran").exists()

"""Request ids are those that a real run of the extension has resolved."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mfenvd.domain.alias import parse_alias
from mfenvd.domain.codes import Code
from mfenvd.domain.loaded import DeclaredFlow, FlowQuestion, Launcher, LoadedFile, PlannedLaunch
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.sharing import KINDS, Worded
from mfenvd.flows.flow_file import ModuleCache, read_file
from mfenvd.flows.loaded import declared_flows
from mfenvd.flows.reading import ProjectFacts
from mfenvd.flows.static.merge import OF_CORE, OF_EXTENSION
from mfenvd.warm.core import ids as asking
from mfenvd.warm.core.ids import MetaflowSide
from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.manifest import Wanted
from mfenvd.warm.netflixext.recording import Resolved, records
from tests.warm.netflixext.flows_for_ids import NAMED, extending, flows

pytestmark = pytest.mark.metaflow

REAL = Path(__file__).with_name("real_ids.py")
AS_WRITTEN = PlannedLaunch()
ON_KUBERNETES = PlannedLaunch("--with kubernetes", decospecs=("kubernetes",))
S3 = {"METAFLOW_DEFAULT_DATASTORE": "s3", "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow"}
# What the extension asks of the conda binary before it resolves: no more than this.
MICROMAMBA = """\
#!/bin/sh
[ "$1" = info ] || exit 1
echo '{"base environment": "/nowhere/root", "envs directories": ["/nowhere/envs"], "package cache": ["/nowhere/pkgs"],
 "channels": ["https://channels.example/conda-forge", "https://user:secret@host.example/own"],
 "virtual packages": ["__unix=0=0", "__glibc=2.36=0"], "micromamba version": "2.8.1"}'
"""
PIP = """\
#!/bin/sh
[ "$1" = --version ] && echo 'pip 26.0 from /nowhere (python 3.11)' || echo "global.index-url='https://host.example/simple'"
"""
Ids = dict[str, tuple[str, str]]


class Machine:
    """A user's home and project, where nothing is installed but the extension."""

    def __init__(self, folder: Path, python: str) -> None:
        self.root, self.python = folder / "project", python
        for name, text in (("micromamba", MICROMAMBA), ("pip", PIP)):
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(text)
            program.chmod(0o755)
        self.root.mkdir()
        self.environ = {
            "HOME": str(folder), "USER": "tester", "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "METAFLOW_HOME": str(folder), "METAFLOW_DEFAULT_METADATA": "local",
            "METAFLOW_CONDA_DEPENDENCY_RESOLVER": "micromamba",
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "metaflow"),
        }  # fmt: skip

    def launcher(self, **environ: str) -> Launcher:
        together = {**self.environ, **environ}
        return Launcher(self.python, "3.11.7", str(self.root), str(self.root), together, together)

    def flow(self, name: str, source: str) -> Path:
        path = self.root / f"{name}.py"
        path.write_text(source)
        return path

    def declared(self, flow: Path) -> DeclaredFlow:
        """The flow as mfenv reads it."""
        facts = ProjectFacts(str(self.root), str(self.root), self.environ, "3.11.7")
        (found,) = declared_flows(read_file(flow, facts, ModuleCache()))
        return found

    def real(self, flow: Path, launch: PlannedLaunch, launcher: Launcher) -> Ids:
        """What `python FLOW --environment=conda run` would resolve."""
        options = [part for spec in launch.decospecs for part in ("--with", spec)]
        done = subprocess.run(
            [self.python, str(REAL), str(flow), "--environment=conda", "--no-pylint", "run", *options],
            cwd=launcher.cwd, env=launcher.environ, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(done.stdout[done.stdout.rindex('{"') :])
        return {step: (arch, id_) for step, (arch, id_) in found.items()}


@pytest.fixture
def machine(tmp_path: Path, extension_python: str) -> Machine:
    return Machine(tmp_path, extension_python)


def ask_all(
    flows: Sequence[tuple[Path, DeclaredFlow]],
    launcher: Launcher,
    launches: Sequence[PlannedLaunch] = (AS_WRITTEN,),
    *,
    trusted: bool = True,
) -> list[LoadedFile]:
    questions = [FlowQuestion(str(path), (declared,), tuple(launches), "digest") for path, declared in flows]
    return list(MetaflowSide().ask(questions, launcher, trusted=trusted))


def ask(flow: Path, declared: DeclaredFlow, launcher: Launcher, *, trusted: bool = True) -> LoadedFile:
    (answer,) = ask_all([(flow, declared)], launcher, trusted=trusted)
    return answer


def ids(answer: LoadedFile) -> list[Ids]:
    """By launch."""
    assert [step.problem for flow in answer.flows for step in flow.steps if step.problem] == []
    return [
        {step.step: (step.request.arch, step.request.id) for step in flow.steps if step.request}
        for flow in answer.flows
    ]


def test_every_combination_has_the_id_of_a_real_run_read_or_loaded(machine: Machine) -> None:
    launcher = machine.launcher()
    paths = [machine.flow(name, source) for name, source in flows()]
    truth = [[machine.real(path, AS_WRITTEN, launcher)] for path in paths]
    asked = [(path, machine.declared(path)) for path in paths]
    loaded = ask_all(asked, launcher)
    assert [ids(answer) for answer in loaded] == truth
    for path in paths:
        path.write_text("raise SystemExit('it ran')")
    read = ask_all(asked, launcher, trusted=False)
    assert [ids(answer) for answer in read] == truth
    assert {(answer.extension, answer.loaded, answer.findings) for answer in loaded} == {("1.3.17", True, ())}
    assert {(answer.extension, answer.loaded, answer.findings) for answer in read} == {("1.3.17", False, ())}
    assert "secret" not in repr((loaded, read))
    assert sum(len(found) for (found,) in truth) >= 400
    assert not (machine.root / ".metaflow").exists(), "asking leaves nothing behind"


def test_elsewhere_and_with_another_datastore_ids_are_others(machine: Machine) -> None:
    name, source = next(flows())
    path = machine.flow(name, source)
    asked = [(path, machine.declared(path))]
    there = machine.launcher(**S3, METAFLOW_KUBERNETES_CONDA_ARCH="linux-aarch64")
    launches = (AS_WRITTEN, ON_KUBERNETES)
    truth = [machine.real(path, launch, there) for launch in launches]
    assert {arch for arch, _ in truth[1].values()} == {"linux-aarch64"}
    (loaded,), (read,) = (ask_all(asked, there, launches, trusted=trusted) for trusted in (True, False))
    assert ids(loaded) == truth
    assert ids(read) == truth
    (local,) = ids(ask(*asked[0], machine.launcher()))
    assert len({each["end"][1] for each in (local, *truth)}) == 3


def test_steps_of_named_environments_have_the_ids_of_a_real_run_read_or_loaded(machine: Machine) -> None:
    file = machine.root.parent / "metaflow" / ".metaflow" / "conda_v2.cnd"
    environments = [named(name, env_type) for name, env_type in NAMED.items()]
    manifest.write(file, environments)
    path = machine.flow(*extending())
    truth, declared = machine.real(path, AS_WRITTEN, machine.launcher()), machine.declared(path)
    answers = [ask(path, declared, machine.launcher(), trusted=trusted) for trusted in (True, False)]
    for answer in answers:
        (found,) = ids(answer)
        assert {step: id_ for step, id_ in found.items() if step in truth} == truth
        (flow,) = answer.flows
        requests = {step.step: step.request for step in flow.steps if step.request}
        assert all(request.base and request.resolves for request in requests.values())
        assert {requests[step].full is None for step in truth} == {True, False}
        # What the run leaves to the task is what the name leads to now.
        late = [request for step, request in requests.items() if step not in truth]
        assert {request.base for request in late} == {(one.id.req, one.id.full) for one in environments}
        assert all((request.id, request.full) == request.base for request in late)


def named(name: str, env_type: str) -> Wanted:
    """An environment as somebody resolved it."""
    of_conda = Kind.CONDA if env_type == "conda-only" else Kind.PYPI
    packages = [package("python", "3.11.7", Kind.CONDA), package("six", "1.16.0", of_conda)]
    packages += [package("requests", "2.31.0", Kind.CONDA if env_type == "mixed" else of_conda)]
    deps = {"conda": ("python==3.11.*",), str(of_conda): ("requests==>=2.21.0", "six"), "sys": ("__glibc==2.36=0",)}
    if of_conda is Kind.CONDA:
        deps["conda"] = ("python==3.11.*", "requests==>=2.21.0", "six")
    asked = Worded(deps, {"conda": ("conda-forge",)})
    resolved = Resolved("linux-64", hashlib.sha256(name.encode()).hexdigest()[:40], asked, tuple(packages))
    alias = str(parse_alias(name).key)
    (found,) = records([resolved], KINDS[env_type], by="alice", is_default=False, aliases=(alias,))
    return found


def package(name: str, version: str, kind: Kind) -> LockedPackage:
    if kind is Kind.PYPI:
        file = f"{name}-{version}-py3-none-any.whl"
        return LockedPackage(name, version, file, f"https://files.example/{file}", sha256="ab" * 32)
    file = f"{name}-{version}-h0_0.conda"
    url = f"https://channels.example/conda-forge/linux-64/{file}"
    return LockedPackage(name, version, file, url, kind=Kind.CONDA, md5="ab" * 16)


def test_a_step_that_the_extension_refuses_says_why(machine: Machine) -> None:
    name, source = next(flows())
    path = machine.flow(name, source)
    os.unlink(machine.root.parent / "bin" / "micromamba")  # noqa: PTH108 - a program, not a file of the project
    (flow,) = ask(path, machine.declared(path), machine.launcher()).flows
    said = {(step.problem, step.refused) for step in flow.steps if step.problem}
    assert said == {("No micromamba binary found", False)}


@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_refused_as_it_is_written_is_told_from_what_the_machine_lacks(
    machine: Machine, *, trusted: bool
) -> None:
    source = (
        "from metaflow import FlowSpec, conda_base, named_env, pypi, pypi_base, step\n\n\n"
        "{base}class RefusedFlow(FlowSpec):\n"
        "    {start}\n    @step\n    def start(self):\n        self.next(self.end)\n\n"
        "    @step\n    def end(self):\n        pass\n"
    )
    late = '@named_env(name="team/env:v1", fetch_at_exec=True)\n    @pypi(packages={"six": ""})'
    apart = '@pypi_base(python="3.10")\n@conda_base(python="3.11")\n'
    said: dict[tuple[str, str, str], bool] = {}
    for base, start in (("", late), (apart, "@pypi(packages={})"), ("", '@named_env(name="team/unheard:v1")')):
        path = machine.flow("RefusedFlow", source.format(base=base, start=start))
        (flow,) = ask(path, machine.declared(path), machine.launcher(), trusted=trusted).flows
        said |= {(base, start, step.step): step.refused for step in flow.steps if step.problem}
    assert list(said.values()) == [True, True, True, False]


def test_the_arguments_of_decorators_are_those_that_reading_knows(extension_python: str) -> None:
    tell = (
        "import json, metaflow.plugins as plugins\n"
        "print(json.dumps({one.name: list(one.defaults) for one in plugins.STEP_DECORATORS}))"
    )
    for python, known in ((sys.executable, OF_CORE), (extension_python, OF_EXTENSION)):
        told = subprocess.run([python, "-c", tell], capture_output=True, text=True, check=True, timeout=60)
        have = json.loads(told.stdout)
        assert {name: set(have[name]) for name in known} == known


@pytest.mark.parametrize("named", ['name="team/unheard:v1"', 'pathspec="OtherFlow/1/start"'])
def test_what_only_a_trusted_project_may_have_asked_is_said_to_be_so(machine: Machine, named: str) -> None:
    source = (
        "from metaflow import FlowSpec, named_env, step\n\n\nclass NamedFlow(FlowSpec):\n"
        f"    @named_env({named})\n    @step\n    def start(self):\n        self.next(self.end)\n\n"
        "    @step\n    def end(self):\n        pass\n"
    )
    path = machine.flow("NamedFlow", source)
    (flow,) = ask(path, machine.declared(path), machine.launcher(), trusted=False).flows
    (refused,) = (step for step in flow.steps if step.problem)
    assert (refused.step, refused.needs_trust) == ("start", True)


@pytest.mark.soak
@pytest.mark.parametrize("listens", [True, False])
def test_a_datastore_that_does_not_answer_is_waited_for_once(machine: Machine, *, listens: bool) -> None:
    source = (
        "from metaflow import FlowSpec, named_env, pypi, step\n\n\nclass NamedFlow(FlowSpec):\n"
        '    @named_env(name="team/one:v1")\n    @step\n    def start(self):\n        self.next(self.middle)\n\n'
        '    @named_env(name="team/two:v1")\n    @step\n    def middle(self):\n        self.next(self.end)\n\n'
        "    @pypi(packages={})\n    @step\n    def end(self):\n        pass\n"
    )
    path = machine.flow("NamedFlow", source)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if not listens:
            silent.close()
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
        launcher = machine.launcher(**S3, **keys, METAFLOW_S3_ENDPOINT_URL=url)
        # The time for a file is enough for one of them only.
        question = FlowQuestion(str(path), (machine.declared(path),), (AS_WRITTEN,), "digest")
        (answer,) = MetaflowSide(seconds=35.0).ask([question], launcher, trusted=True)
    (flow,) = answer.flows
    silence = "the datastore does not answer within 20 seconds"
    expected = {"start": (silence, True), "middle": (silence, True), "end": (None, False)}
    assert {step.step: (step.problem, step.passes) for step in flow.steps} == expected
    assert answer.findings == ()


def test_an_unknown_version_is_left_alone_and_a_finding_says_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "KNOWN_EXTENSIONS", ("9.9.9",))
    name, source = next(flows())
    path = machine.flow(name, f"open({str(machine.root / 'ran')!r}, 'w')\n{source}")
    answer = ask(path, DeclaredFlow(name, ()), machine.launcher())
    assert answer.flows == ()
    assert [finding.code for finding in answer.findings] == [Code.EXTENSION_UNKNOWN]
    assert "1.3.17" in answer.findings[0].message
    assert not (machine.root / "ran").exists()

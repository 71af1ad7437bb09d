"""Killed at any instant, or beside a Metaflow at the same work: a run works, and the next start completes the rest."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.loaded import DeclaredFlow, DeclaredStep, FlowQuestion, Launcher, PlannedLaunch
from mfenvd.warm.bytecode import compile_bytecode
from mfenvd.warm.core import manifest
from mfenvd.warm.core.entries import entry
from mfenvd.warm.core.ids import MetaflowSide
from mfenvd.warm.core.manifest import Wanted
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.plan import LocalEnvironment, MicromambaSettings, NotMadeError
from tests.support.conda_python import PYTHON_VERSION
from tests.support.metaflow_world import LOCAL, PYPI_FLOW, World, base_wheels
from tests.warm.bootstraps import bootstrap, starting
from tests.warm.laid_out import StoreArchives, environments, pypi, quiet

pytestmark = pytest.mark.metaflow

FLOW = "WheelFlow"
STAGES = ("linking", "installing", "starting its Python", "registering")
"""What a warm-up says of itself, from the manifest that is written to the environment that is registered."""


class Case(msgspec.Struct, frozen=True):
    """A warm-up that a process of its own does."""

    cache: str
    manifest: str
    settings: MicromambaSettings
    wanted: LocalEnvironment

    def run(self, told: Connection | None = None) -> None:
        """The manifest, the environment, its bytecode; says at which stage it is."""
        assert self.wanted.wheels is not None
        entries = (
            Wanted(self.wanted.id, LOCAL, "conda", entry(self.wanted.conda)),
            Wanted(self.wanted.id, LOCAL, "pypi", entry(self.wanted.wheels)),
        )
        manifest.write(Path(self.manifest), entries)
        cache = Path(self.cache)
        made = LocalEnvironments(cache, self.settings, StoreArchives(cache / "store"))
        if told is not None:
            _tell_of_registering(made, told)
        made.sweep()
        report = quiet if told is None else lambda progress: told.send(progress.stage)
        compile_bytecode(made.create(self.wanted, report))


def _tell_of_registering(made: LocalEnvironments, told: Connection) -> None:
    add = made.registry.add

    def telling(prefix: Path) -> None:
        told.send("registering")
        add(prefix)

    setattr(made.registry, "add", telling)  # noqa: B010 - mypy forbids it otherwise


@pytest.fixture(scope="module")
def machine(shared_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("killed").resolve(), shared_world.channel, shared_world.index)
    world.write("flow.py", PYPI_FLOW)
    return world


@pytest.fixture(scope="module")
def case(machine: World) -> Case:
    """The environment of the flow above, under the id that Metaflow gives it."""
    wanted = pypi(machine, *(wheel.filename for wheel in base_wheels()), id_=id_of_flow(machine))
    settings = environments(machine)._settings
    return Case(str(machine.root / "cache"), str(machine.manifest_path(FLOW)), settings, wanted)


def id_of_flow(machine: World) -> str:
    project = str(machine.project)
    launcher = Launcher(sys.executable, PYTHON_VERSION, project, project, machine.environ, machine.environ)
    flow = DeclaredFlow(FLOW, (DeclaredStep("start", "pypi"),))
    question = FlowQuestion(f"{project}/flow.py", (flow,), (PlannedLaunch(),), "digest")
    (answer,) = MetaflowSide().ask([question], launcher, trusted=True)
    identity = answer.flows[0].steps[0].identity
    assert identity is not None
    return identity.id


def warm_up(encoded: bytes, parent: Connection) -> None:
    case = msgspec.json.decode(encoded, type=Case)
    parent.send("begun")
    try:
        case.run(parent)
    except NotMadeError as error:
        parent.send(error.finding.code)
    else:
        parent.send("done")


def begun(case: Case) -> tuple[BaseProcess, Connection]:
    """A process that has just begun with the warm-up."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=warm_up, args=(msgspec.json.encode(case), theirs))
    process.start()
    theirs.close()
    wait_for(ours, "begun")
    return process, ours


def wait_for(connection: Connection, *what: str) -> str:
    """Waits until the warm-up says one of these; which it said."""
    while True:
        said = str(connection.recv())
        if said.startswith(what):
            return said


def kill(process: BaseProcess) -> None:
    process.kill()
    process.join()


def killed_at(case: Case, stage: str) -> None:
    process, connection = begun(case)
    wait_for(connection, stage)
    kill(process)
    assert process.exitcode == -signal.SIGKILL


def forget(machine: World) -> None:
    machine.forget()
    shutil.rmtree(machine.root / "cache", ignore_errors=True)


def completed(machine: World, case: Case) -> None:
    """The next start does what is left, and Metaflow finds nothing to do."""
    case.run()
    made = environments(machine)
    assert made.missing(case.wanted) == ()
    assert made.unfinished() == ()
    machine.calls.clear()
    bootstrap(machine, "flow.py")
    assert machine.bootstrapping == []
    assert list(machine.manifest(FLOW)) == [case.wanted.id]


def test_killed_at_each_stage_in_turn_nothing_half_made_is_found_and_the_next_start_completes(
    machine: World, case: Case
) -> None:
    forget(machine)
    for stage in STAGES:
        killed_at(case, stage)
        made = environments(machine)
        found = made.find(case.wanted.id, LOCAL)
        assert found is None or made.missing(case.wanted) == (), stage
    completed(machine, case)


def test_a_run_after_a_kill_works_and_the_next_start_completes(machine: World, case: Case) -> None:
    forget(machine)
    killed_at(case, "installing")
    assert "demo 1.0 helper 1.1" in machine.run("flow.py")
    completed(machine, case)


def test_metaflow_bootstraps_the_same_environment_meanwhile(machine: World, case: Case) -> None:
    forget(machine)
    command = [machine.python, *starting("flow.py")]
    with subprocess.Popen(
        command, cwd=machine.project, env=machine.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as metaflow:
        process, connection = begun(case)
        wait_for(connection, "done", Code.MADE_ELSEWHERE)
        process.join()
        out, _ = metaflow.communicate(timeout=120)
    assert metaflow.returncode == 0, out
    completed(machine, case)


@pytest.fixture(scope="module")
def whole(machine: World, case: Case) -> float:
    """Seconds that the warm-up takes when nobody ends it."""
    forget(machine)
    process, connection = begun(case)
    started = time.perf_counter()
    wait_for(connection, "done")
    process.join()
    return time.perf_counter() - started


@pytest.mark.soak
@pytest.mark.parametrize("share", [number / 50 for number in range(50)])
def test_killed_anywhere(machine: World, case: Case, whole: float, share: float) -> None:
    forget(machine)
    process, _ = begun(case)
    time.sleep(share * whole)
    kill(process)
    assert "demo 1.0 helper 1.1" in machine.run("flow.py")
    completed(machine, case)
    assert "demo 1.0 helper 1.1" in machine.run("flow.py")
    assert machine.bootstrapping == []

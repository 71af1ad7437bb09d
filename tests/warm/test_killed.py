"""Killed at any instant, or beside a Metaflow at the same work: a run works, and the next start completes the rest."""

import multiprocessing
import shutil
import subprocess
import time
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.request import Kind
from mfenvd.warm.bytecode import compile_bytecode
from mfenvd.warm.core import manifest
from mfenvd.warm.core.entries import entry, resolution_of
from mfenvd.warm.core.manifest import Wanted
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.plan import LocalEnvironment, MicromambaSettings, NotMadeError
from tests.support.metaflow_world import LOCAL, PYPI_FLOW, World
from tests.warm.laid_out import TARGET, StoreArchives, environments, quiet

pytestmark = pytest.mark.metaflow

FLOW = "WheelFlow"


class Case(msgspec.Struct, frozen=True):
    """A warm-up that a process of its own does."""

    cache: str
    manifest: str
    settings: MicromambaSettings
    wanted: LocalEnvironment

    def run(self) -> None:
        """The manifest, the environment, its bytecode."""
        assert self.wanted.wheels is not None
        entries = (
            Wanted(self.wanted.id, LOCAL, "conda", entry(self.wanted.conda)),
            Wanted(self.wanted.id, LOCAL, "pypi", entry(self.wanted.wheels)),
        )
        manifest.write(Path(self.manifest), entries)
        cache = Path(self.cache)
        made = LocalEnvironments(cache, self.settings, StoreArchives(cache / "store"))
        made.sweep()
        compile_bytecode(made.create(self.wanted, quiet))


@pytest.fixture(scope="module")
def machine(shared_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("killed").resolve(), shared_world.channel, shared_world.index)
    world.write("flow.py", PYPI_FLOW)
    return world


@pytest.fixture(scope="module")
def case(machine: World) -> Case:
    """What Metaflow itself resolved, to be laid out by mfenv."""
    machine.run("flow.py")
    ((id_, platforms),) = machine.manifest(FLOW).items()
    wanted = LocalEnvironment(
        id_,
        LOCAL,
        resolution_of(platforms[LOCAL]["conda"], Kind.CONDA, TARGET, "request"),
        resolution_of(platforms[LOCAL]["pypi"], Kind.PYPI, TARGET, "request"),
    )
    settings = environments(machine)._settings
    return Case(str(machine.root / "cache"), str(machine.manifest_path(FLOW)), settings, wanted)


def warm_up(encoded: bytes, parent: Connection) -> None:
    case = msgspec.json.decode(encoded, type=Case)
    parent.send("begun")
    try:
        case.run()
    except NotMadeError as error:
        parent.send(error.finding.code)
    else:
        parent.send("done")


def begun(case: Case) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """A process that has just begun with the warm-up."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=warm_up, args=(msgspec.json.encode(case), theirs))
    process.start()
    assert ours.recv() == "begun"
    return process, ours


def forget(machine: World) -> None:
    machine.forget()
    shutil.rmtree(machine.root / "cache", ignore_errors=True)


@pytest.fixture(scope="module")
def whole(machine: World, case: Case) -> float:
    """Seconds that the warm-up takes when nobody ends it."""
    forget(machine)
    process, connection = begun(case)
    started = time.perf_counter()
    assert connection.recv() == "done"
    process.join()
    return time.perf_counter() - started


def check(machine: World, case: Case, whole: float, share: float) -> None:
    """Ends the warm-up after `share` of its time."""
    forget(machine)
    process, _ = begun(case)
    time.sleep(share * whole)
    process.kill()
    process.join()

    assert "demo 1.0 helper 1.1" in machine.run("flow.py")
    case.run()
    made = environments(machine)
    assert made.missing(case.wanted) == ()
    assert made.unfinished() == ()
    machine.calls.clear()
    assert "demo 1.0 helper 1.1" in machine.run("flow.py")
    assert machine.bootstrapping == []


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_killed_on_the_way(machine: World, case: Case, whole: float, share: float) -> None:
    check(machine, case, whole, share)


@pytest.mark.soak
@pytest.mark.parametrize("share", [number / 50 for number in range(50)])
def test_killed_anywhere(machine: World, case: Case, whole: float, share: float) -> None:
    check(machine, case, whole, share)


def test_killed_before_metaflow_ever_ran_the_next_start_completes(machine: World, case: Case, whole: float) -> None:
    forget(machine)
    for share in (0.2, 0.5, 0.8):
        process, _ = begun(case)
        time.sleep(share * whole)
        process.kill()
        process.join()
    case.run()
    machine.calls.clear()
    assert "demo 1.0 helper 1.1" in machine.run("flow.py")
    assert machine.bootstrapping == []


def test_metaflow_bootstraps_the_same_environment_meanwhile(machine: World, case: Case) -> None:
    forget(machine)
    command = [machine.python, "flow.py", "--environment=pypi", "--no-pylint", "run"]
    with subprocess.Popen(
        command, cwd=machine.project, env=machine.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as metaflow:
        process, connection = begun(case)
        assert connection.recv() in {"done", Code.MADE_ELSEWHERE}
        process.join()
        out, _ = metaflow.communicate(timeout=120)
    assert metaflow.returncode == 0, out
    assert "demo 1.0 helper 1.1" in out

    case.run()
    machine.calls.clear()
    assert "demo 1.0 helper 1.1" in machine.run("flow.py")
    assert machine.bootstrapping == []
    assert list(machine.manifest(FLOW)) == [case.wanted.id]

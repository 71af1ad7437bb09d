"""Several mfenvd, several projects and Metaflow itself at the same work: nothing is lost, and all of it is found."""

from __future__ import annotations

import multiprocessing
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.state import State
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.plan import LocalEnvironment, MicromambaSettings
from tests.support.metaflow_world import CONDA_FLOW, LOCAL, PYPI_FLOW, World, metaflow_world
from tests.support.real_daemon import real_daemon
from tests.warm.bootstraps import bootstrap, starting
from tests.warm.laid_out import StoreArchives, environments, pypi, quiet

FLOWS = {"WheelFlow": ("wheel_flow.py", PYPI_FLOW), "CondaFlow": ("library_flow.py", CONDA_FLOW)}


class Home(msgspec.Struct, frozen=True):
    """One of several caches whose environments the same user's Metaflow finds."""

    cache: str
    settings: MicromambaSettings
    wanted: LocalEnvironment


def make(encoded: bytes, parent: Connection) -> None:
    home = msgspec.json.decode(encoded, type=Home)
    cache = Path(home.cache)
    made = LocalEnvironments(cache, home.settings, StoreArchives(cache / "store"))
    parent.send("ready")
    parent.recv()
    parent.send(str(made.create(home.wanted, quiet)))


def test_two_homes_that_make_the_same_at_once_both_have_it_whole(world: World) -> None:
    """As of two mfenvd with an `MFENV_HOME` each, for one user."""
    context, settings, wanted = multiprocessing.get_context("spawn"), environments(world)._settings, pypi(world)
    both = []
    for name in ("one", "other"):
        ours, theirs = context.Pipe()
        home = Home(str(world.root / name), settings, wanted)
        process = context.Process(target=make, args=(msgspec.json.encode(home), theirs))
        process.start()
        both.append((process, ours))
    assert [ours.recv() for _, ours in both] == ["ready", "ready"]
    for _, ours in both:
        ours.send("go")
    prefixes = {ours.recv() for _, ours in both}
    for process, _ in both:
        process.join()

    made = environments(world)
    assert str(made.find(wanted.id, LOCAL)) in prefixes
    assert made.missing(wanted) == ()
    assert set(world.environments_file.read_text().splitlines()) == prefixes


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[World]:
    with metaflow_world(tmp_path.resolve() / "world") as world:
        yield world


@pytest.mark.soak
@pytest.mark.metaflow
def test_two_daemons_two_projects_and_metaflow_at_once(machine: World, tmp_path: Path) -> None:
    """Both daemons watch both projects of a user who starts every flow before anything is ready."""
    projects = [machine, second_project(machine)]
    for project in projects:
        for name, text in FLOWS.values():
            project.write(name, text)
    with ExitStack() as running:
        daemons = [running.enter_context(real_daemon(tmp_path / name)) for name in ("one", "other")]
        for daemon in daemons:
            for project in projects:
                daemon.up(project)
        starts = [
            subprocess.Popen(
                [project.python, *starting(name)], cwd=project.project, env=project.environ,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            for project in projects
            for name, _ in FLOWS.values()
        ]  # fmt: skip
        said = [start.communicate(timeout=300)[0] for start in starts]
        assert [start.returncode for start in starts] == [0] * len(starts), said
        for daemon in daemons:
            daemon.becomes(State.WARM, patience=300.0)

        for project in projects:
            for flow, (name, _) in FLOWS.items():
                before = project.manifest_path(flow).read_bytes()
                machine.calls.clear()
                bootstrap(project, name)
                assert machine.bootstrapping == []
                assert project.manifest_path(flow).read_bytes() == before
                assert len(project.manifest(flow)) == 1


def second_project(world: World) -> World:
    """Another folder of the same user: the same home, the same micromamba."""
    other = World(world.root / "second", world.channel, world.index)
    other.environ = world.environ
    return other
